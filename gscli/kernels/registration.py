"""The motion between points that belong together, in closed form; and rotations as angles."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def motion(source: Array, target: Array, *, scaled: bool) -> Array:
    """The rotation, shift and, if asked for, scale that bring points nearest to others, pair by pair.

    The least sum of squared distances: S. Umeyama, "Least-squares estimation of transformation parameters
    between two point patterns", IEEE PAMI 13, 1991. Never a reflection.

    Args:
        source, target: (N, 3) float64, not all in one place.
        scaled: whether lengths may change.

    Returns:
        (4, 4) float64, x -> matrix @ (x, 1).
    """
    here, there = source.mean(0), target.mean(0)
    from_here, from_there = source - here, target - there
    u, values, v = np.linalg.svd(from_there.T @ from_here)
    signs = np.array([1.0, 1.0, np.copysign(1.0, np.linalg.det(u) * np.linalg.det(v))])
    scale = float(values @ signs) / float(np.square(from_here).sum()) if scaled else 1.0
    return pose((u * signs) @ v, scale, here, there)


def pose(rotation: Array, scale: float, here: Array, there: Array) -> Array:
    """The (4, 4) that turns and scales about one point, (3,), and moves that to another."""
    matrix = np.eye(4)
    matrix[:3, :3] = scale * rotation
    matrix[:3, 3] = there - matrix[:3, :3] @ here
    return matrix


def angle(rotation: Array) -> float:
    """Degrees, 0 to 180, that a (3, 3) rotation turns by."""
    sine = np.linalg.norm(rotation - rotation.T) / np.sqrt(8)
    return float(np.degrees(np.arctan2(sine, (np.trace(rotation) - 1) / 2)))


def scale_of(matrix: Array) -> float:
    """By how much a (4, 4) rotation, scale and shift changes lengths."""
    return float(np.cbrt(np.linalg.det(matrix[:3, :3])))


def told(matrix: Array) -> str:
    """What a (4, 4) rotation, scale and shift does, for people."""
    scale = scale_of(matrix)
    return f"turned by {angle(matrix[:3, :3] / scale):.4g} degrees, lengths times {scale:.6g}"
