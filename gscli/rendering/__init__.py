"""Pictures of scenes: from where, of what, as which files, and how alike those of two scenes are."""

MODES = ("rgb", "alpha", "depth", "xray")
COLORS = {"black": (0.0, 0.0, 0.0), "white": (1.0, 1.0, 1.0), "gray": (0.5, 0.5, 0.5)}
TRANSPARENT = "transparent"
FILE_TYPES = ("png", "webp", "jpg", "npy")
