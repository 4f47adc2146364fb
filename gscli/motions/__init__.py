"""How a scene is moved: what becomes of its rows, and what is read off a 4x4 matrix."""
