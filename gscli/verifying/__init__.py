"""What `gscli.verify` is made of."""
