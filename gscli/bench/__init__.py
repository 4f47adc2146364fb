"""What gscli costs on this machine, beside the algorithms that it replaces."""
