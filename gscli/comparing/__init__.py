"""What `gscli.compare` and `gscli.coprune` are made of: neighbours both ways, then one module per answer."""
