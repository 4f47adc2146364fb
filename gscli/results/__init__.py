"""What results have in common: a JSON document, a line, a small table."""
