"""Splats in other axes: what their reversal does to positions, rotations and spherical harmonics."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# The axes whose reversal changes the sign of each harmonic of degrees 1 to 4. The last is even in
# all three; the reference code turns it with y, and what it wrote has to come back right.
_ODD_IN = ("y z x", "xy yz - xz -", "y xyz y z x z x", "xy yz xy yz - xz - xz y")  # by degree


Signs = tuple[float, float, float]  # of x, y and z, see `gscli.files.axes.signs`


def of_rotations(signs: Signs) -> npt.NDArray[np.float32]:
    """(4,) signs of a quaternion, w first."""
    x, y, z = signs
    return np.array([1.0, y * z, x * z, x * y], np.float32)


def half_turn(signs: Signs) -> tuple[list[int], npt.NDArray[np.float32]]:
    """What reversing axes makes of quaternions, w first, as a rotation before which nothing is reversed.

    It is that by half a turn about an axis, or none at all; a mirror image turns as what it is the image of.

    Returns:
        The order of the old components in the new, and what each of these is multiplied by.
    """
    proper = np.array(signs) * np.prod(signs)
    if (proper > 0).all():
        return [0, 1, 2, 3], np.ones(4, np.float32)
    axis = int(np.argmax(proper))
    order = ([1, 0, 3, 2], [2, 3, 0, 1], [3, 2, 1, 0])[axis]
    return order, np.array(([-1, 1, -1, 1], [-1, 1, 1, -1], [-1, -1, 1, 1])[axis], np.float32)


def of_harmonics(signs: Signs, degree: int) -> npt.NDArray[np.float32]:
    """(3 K,) signs of the harmonics up to a degree, channel major."""
    sign = dict(zip("xyz", signs, strict=True))
    odd_in = " ".join(_ODD_IN).split()
    sh = np.array([np.prod([sign.get(axis, 1.0) for axis in odd]) for odd in odd_in], np.float32)
    return np.tile(sh[: (degree + 1) ** 2 - 1], 3)
