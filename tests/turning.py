"""Rotations about an axis, for tests to turn scenes by."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def turn(axis: Array, degrees: float) -> Array:
    """The (3, 3) rotation about a unit vector, (3,), counterclockwise as seen from its tip."""
    radians = np.radians(degrees)
    x, y, z = axis
    across = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    found: Array = np.eye(3) + np.sin(radians) * across + (1 - np.cos(radians)) * across @ across
    return found
