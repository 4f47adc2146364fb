"""gscli beside other tools: scripts that measure, and print the tables of docs/speed.md."""
