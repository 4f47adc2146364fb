"""Where a scene has to be moved to lie on another: rough poses tried, the best refined."""
