"""What the entries of a file of cameras hold, each refused by its name where it is something else."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import InputError
from ..camera import applied, is_rotation

Array = npt.NDArray[np.float64]

FLIP = np.diag([1.0, -1.0, -1.0])  # OpenGL's camera (y up, looking along -z) from OpenCV's, either way


def number(entry: Mapping[str, Any], key: str, of: str, default: float | None = None) -> float:
    """A finite number; `default` where there is none.

    Raises:
        InputError: something else, or nothing and no default.
    """
    value = entry.get(key, default)
    if value is None:
        raise InputError(f"{of} has no {key}")
    try:
        found = math.nan if isinstance(value, (bool, str)) else float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise InputError(f"{of} has a {key} that is no number")
    return found


def size(entry: Mapping[str, Any], key: str, of: str, default: float | None = None) -> int:
    """A whole number of pixels."""
    value = number(entry, key, of, default)
    if value != int(value):
        raise InputError(f"{of} has a {key} of {value:g} pixels, which is not whole")
    return int(value)


def numbers(entry: Mapping[str, Any], key: str, of: str, *shapes: tuple[int, ...]) -> Array:
    """Finite numbers of one of these shapes.

    Raises:
        InputError: anything else.
    """
    try:
        values = np.array(entry[key], np.float64)
    except KeyError:
        raise InputError(f"{of} has no {key}") from None
    except (TypeError, ValueError, OverflowError):
        values = np.array(np.nan)
    if values.shape not in shapes or not np.isfinite(values).all():
        wanted = " or ".join(" x ".join(map(str, shape)) for shape in shapes)
        raise InputError(f"{of} has a {key} that is not {wanted} finite numbers")
    return values


def mapping(entry: Any, of: str) -> Mapping[str, Any]:
    """An entry with names.

    Raises:
        InputError: it has none.
    """
    if not isinstance(entry, dict):
        raise InputError(f"{of} is no object with names")
    return entry


def entries(values: Any, of: str) -> list[Mapping[str, Any]]:
    """A list of entries with names.

    Raises:
        InputError: it is something else.
    """
    if not isinstance(values, list):
        raise InputError(f"{of} is no list")
    return [mapping(value, f"entry {i} of {of}") for i, value in enumerate(values)]


def seen_from(rotation: Array, position: Array) -> Array:
    """(4, 4) world to camera of a camera whose axes, in the world, are the columns of `rotation`.

    A file says them with few digits. The pose has the nearest rotation, and the position as it is said: far
    from the origin, what such axes lack would move the camera by units.
    """
    pose = np.eye(4)
    turn = nearest_rotation(rotation)
    pose[:3, :3] = turn.T
    pose[:3, 3] = -applied(turn.T, position)
    return pose


def nearest_rotation(matrix: Array) -> Array:
    """The rotation nearest to a (3, 3) matrix that is one to a few digits; any other as it is.

    By Newton's iteration for the polar decomposition (Higham 1986), without BLAS and so alike everywhere.
    """
    if not is_rotation(matrix):
        return matrix
    for _ in range(4):  # from 1e-3 on: 1e-6, 1e-12, and as near as doubles come
        a, b, c = matrix
        minors = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)])  # the inverse, transposed
        volume = a[0] * minors[0, 0] + a[1] * minors[0, 1] + a[2] * minors[0, 2]
        matrix = (matrix + minors / volume) / 2
    return matrix
