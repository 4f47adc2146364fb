"""The ways to merge, by name."""

PAIRS, CELLS = METHODS = ("pairs", "one-per-grid")
