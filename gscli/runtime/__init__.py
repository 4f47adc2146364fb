"""What this Python finds and starts: its module path, the libraries that may be missing, other processes."""
