"""What the entries of a file of cameras hold, each refused by its name where it is something else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import InputError

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
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not np.isfinite(float(value)):
        raise InputError(f"{of} has a {key} that is no number")
    return float(value)


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
    """(4, 4) world to camera of a camera whose axes, in the world, are the columns of `rotation`."""
    pose = np.eye(4)
    pose[:3, :3] = rotation.T
    pose[:3, 3] = -rotation.T @ position
    return pose
