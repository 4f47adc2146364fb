"""What `gscli.resample` is made of."""
