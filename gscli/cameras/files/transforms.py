"""``transforms.json`` of NeRF's Blender scenes, Instant-NGP and nerfstudio: camera to world, OpenGL's axes.

What is said once for all frames each of them may say for itself. Where a field of view is said and no size,
as in Blender's scenes, pictures have 800 x 800 pixels. nerfstudio trains in a frame that it moves and
scales; its ``dataparser_transforms.json`` says how, and its exported scenes are in that frame.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ...errors import InputError
from ..camera import Camera
from ._entries import FLIP, entries, mapping, number, numbers, seen_from, size

KEY = "frames"
SIDE = 800
PIXELS = ("fl_x", "fl_y", "cx", "cy")  # which make no sense without a size
DISTORTIONS = ("k1", "k2", "k3", "k4", "p1", "p2")
PINHOLES = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE")  # OPENCV without distortion is one


def cameras(said: Mapping[str, Any]) -> list[Camera]:
    """The cameras of ``frames``."""
    shared = mapping(said, "the file")
    return [_camera({**shared, **entry}, i) for i, entry in enumerate(entries(said[KEY], "frames"))]


def _camera(entry: Mapping[str, Any], i: int) -> Camera:
    of = f"frame {i}"
    bent = [key for key in DISTORTIONS if number(entry, key, of, 0.0)]
    model = entry.get("camera_model", PINHOLES[0])
    if entry.get("is_fisheye"):
        bent.append("is_fisheye")
    if bent or model not in PINHOLES:
        what = f"{of} is of a lens that distorts ({', '.join(bent) or model})"
        raise InputError(what, remedy="undistort its pictures first, as nerfstudio and COLMAP do")
    in_pixels = any(key in entry for key in PIXELS)
    width, height = (size(entry, key, of, None if in_pixels else SIDE) for key in ("w", "h"))
    pose = numbers(entry, "transform_matrix", of, (4, 4), (3, 4))
    if len(pose) == 4 and pose[3].tolist() != [0, 0, 0, 1]:
        raise InputError(f"{of} has a transform_matrix whose last row is not 0, 0, 0, 1")
    lens = (
        _focal(entry, "x", width, of),
        _focal(entry, "y", height, of),
        number(entry, "cx", of, width / 2),
        number(entry, "cy", of, height / 2),
    )
    name = str(entry.get("file_path", i))
    return Camera(name, seen_from(pose[:3, :3] @ FLIP, pose[:3, 3]), *lens, width, height)


def _focal(entry: Mapping[str, Any], axis: str, side: int, of: str) -> float:
    """Pixels of focal length, said as such or as the angle that a side sees; down, else as across."""
    if f"fl_{axis}" in entry:
        return number(entry, f"fl_{axis}", of)
    if f"camera_angle_{axis}" in entry:
        angle = number(entry, f"camera_angle_{axis}", of)
        if not 0 < angle < math.pi:
            raise InputError(f"{of} has a camera_angle_{axis} that is no angle, in radians, from 0 to pi")
        return side / 2 / math.tan(angle / 2)
    if axis == "y":
        return _focal(entry, "x", size(entry, "w", of, SIDE), of)
    raise InputError(f"{of} has neither fl_x nor camera_angle_x")
