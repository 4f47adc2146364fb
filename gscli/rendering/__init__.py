"""Pictures of scenes, and how alike they are."""
