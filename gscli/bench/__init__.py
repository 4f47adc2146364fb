"""What gscli costs on this machine, beside the algorithms it replaces and the tools people use."""
