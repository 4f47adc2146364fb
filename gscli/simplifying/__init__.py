"""What `gscli.simplify` is made of: how much of each Gaussian is seen, which become one, and what."""
