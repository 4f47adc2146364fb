"""``meta_data.json`` of r2_gaussian: a source that turns about the z axis, and a detector behind the volume.

Lengths are scaled so that the longest side of the volume is from -1 to 1, in which frame it trains. Like it,
offsets of the origin and of the detector are not heeded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import InputError
from ..camera import Camera
from ._entries import entries, mapping, number, numbers, seen_from

KEY = "scanner"
MODES = ("cone", "parallel")


def cameras(said: Mapping[str, Any]) -> list[Camera]:
    """The cameras of ``proj_train`` and then those of ``proj_test``."""
    told = mapping(said[KEY], KEY)
    if told.get("mode") not in MODES:
        raise InputError(f"{KEY} has a mode that is none of {', '.join(MODES)}")
    scale = 2 / _positive(float(numbers(told, "sVoxel", KEY, (3,)).max()), "sVoxel")
    sides = numbers(told, "nDetector", KEY, (2,)).clip(0, 1 << 30)
    if (sides != np.rint(sides)).any():
        raise InputError(f"{KEY} has an nDetector that is not whole")
    down, across = (int(side) for side in sides)
    tall, wide = numbers(told, "sDetector", KEY, (2,)) * scale  # rows before columns
    parallel = told["mode"] == "parallel"
    source, detector = (_positive(number(told, key, KEY) * scale, key) for key in ("DSO", "DSD"))
    per_unit = across / _positive(wide, "sDetector"), down / _positive(tall, "sDetector")
    fx, fy = per_unit if parallel else (per_unit[0] * detector, per_unit[1] * detector)
    found = []
    for split in ("proj_train", "proj_test"):
        for i, entry in enumerate(entries(said.get(split, []), split)):
            pose = _pose(number(entry, "angle", f"{split} {i}"), source)
            name = str(entry.get("file_path", f"{split} {i}"))
            lens = (fx, fy, across / 2, down / 2)
            found.append(Camera(name, pose, *lens, across, down, parallel=parallel))
    return found


def _positive(value: float, key: str) -> float:
    if not value > 0:
        raise InputError(f"{KEY} has a {key} that is not positive")
    return value


def _pose(angle: float, distance: float) -> Any:
    """World to camera from an angle about z, in radians: it looks at the origin, and -z is down."""
    cos, sin = math.cos(angle), math.sin(angle)
    axes = np.array([[-sin, 0.0, -cos], [cos, 0.0, -sin], [0.0, -1.0, 0.0]])
    return seen_from(axes, np.array([distance * cos, distance * sin, 0.0]))
