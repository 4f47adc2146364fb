"""COLMAP's ``cameras`` and ``images``, as ``.bin`` or ``.txt``: world to camera, OpenCV's axes."""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar

import numpy as np

from ...errors import InputError
from ...files import open_regular, unreadable
from ...kernels import quaternions
from ..camera import Camera

MODELS = {  # by number: name and how many parameters; the first two are pinholes
    **{0: ("SIMPLE_PINHOLE", 3), 1: ("PINHOLE", 4), 2: ("SIMPLE_RADIAL", 4), 3: ("RADIAL", 5)},
    **{4: ("OPENCV", 8), 5: ("OPENCV_FISHEYE", 8), 6: ("FULL_OPENCV", 12), 7: ("FOV", 5)},
    **{8: ("SIMPLE_RADIAL_FISHEYE", 4), 9: ("RADIAL_FISHEYE", 5), 10: ("THIN_PRISM_FISHEYE", 12)},
}
PLACES = (".", "sparse/0", "sparse", "colmap/sparse/0")
LONGEST_NAME = 4096  # bytes
POINT = 24  # bytes: x, y and the number of a point of the scene
Line = TypeVar("Line")


class Lens(NamedTuple):
    """A line of ``cameras``: its model by name, the size of its pictures, and its parameters."""

    model: str
    width: int
    height: int
    parameters: tuple[float, ...]


class Pose(NamedTuple):
    """A line of ``images``: its number, its quaternion (w first) and translation, its lens and its file."""

    number: int
    turn: tuple[float, ...]
    shift: tuple[float, ...]
    lens: int
    name: str


def read(folder: Path) -> list[Camera]:
    """The cameras of a folder, in the order of the names of their pictures.

    Raises:
        InputError: there is no such model, it is damaged, or a lens distorts.
    """
    for place in PLACES:
        for suffix in (".bin", ".txt"):
            told = suffix == ".txt"
            paths = [folder / place / f"{name}{suffix}" for name in ("cameras", "images")]
            if all(path.is_file() for path in paths):
                lenses = dict(_whole(paths[0], _told_lenses if told else _lenses))
                poses = _whole(paths[1], _told_poses if told else _poses)
                return [_camera(pose, lenses, paths[1]) for pose in sorted(poses, key=lambda pose: pose.name)]
    remedy = "name the folder that holds cameras.bin and images.bin, or both as .txt"
    raise InputError("holds no model of COLMAP", path=folder, remedy=remedy)


def _whole(path: Path, reader: Callable[[BinaryIO], Iterator[Line]]) -> list[Line]:
    try:
        with open_regular(path) as stream:
            return list(reader(stream))
    except OSError as error:
        raise unreadable(path, error) from None
    except (struct.error, ValueError, KeyError, IndexError, OverflowError):
        raise InputError("is damaged: it is no file of COLMAP's", path=path) from None


def _camera(pose: Pose, lenses: dict[int, Lens], path: Path) -> Camera:
    if pose.lens not in lenses:
        raise InputError(f"image {pose.name} has camera {pose.lens}, which there is not", path=path)
    lens = lenses[pose.lens]
    if lens.model == "PINHOLE":
        fx, fy, cx, cy = lens.parameters
    elif lens.model == "SIMPLE_PINHOLE":
        fx, cx, cy = lens.parameters
        fy = fx
    else:
        what = f"image {pose.name} is of a lens that distorts ({lens.model})"
        raise InputError(what, path=path, remedy="undistort first, with colmap image_undistorter")
    turn = np.array(pose.turn)
    length = math.hypot(*pose.turn)
    if not 0 < length < np.inf:
        raise InputError(f"image {pose.name} has a rotation that is none", path=path)
    matrix = np.eye(4)
    matrix[:3, :3] = quaternions.matrices(turn[None] / length)[0]
    matrix[:3, 3] = pose.shift
    return Camera(pose.name, matrix, fx, fy, cx, cy, lens.width, lens.height)


def _take(stream: BinaryIO, layout: str) -> tuple[int | float, ...]:
    data = stream.read(struct.calcsize(layout))
    return struct.unpack(layout, data)


def _lenses(stream: BinaryIO) -> Iterator[tuple[int, Lens]]:
    (count,) = _take(stream, "<Q")
    for _ in range(int(count)):
        number, model, width, height = (int(value) for value in _take(stream, "<iiQQ"))
        if model not in MODELS:
            raise InputError(f"has camera {number} of lens model {model}, which is none that is known")
        name, parameters = MODELS[model]
        yield number, Lens(name, width, height, _take(stream, f"<{parameters}d"))


def _poses(stream: BinaryIO) -> Iterator[Pose]:
    size = os.fstat(stream.fileno()).st_size
    (count,) = _take(stream, "<Q")
    for _ in range(int(count)):
        number, *pose, lens = _take(stream, "<I7dI")
        name = bytearray()
        while (letter := stream.read(1)) != b"\0":
            if not letter or len(name) == LONGEST_NAME:
                raise ValueError("a name without an end")
            name += letter
        (points,) = _take(stream, "<Q")
        after = stream.tell() + int(points) * POINT  # of its points nothing is needed
        if after > size:
            raise ValueError("more points than there are bytes")
        stream.seek(after)
        yield Pose(int(number), tuple(pose[:4]), tuple(pose[4:]), int(lens), name.decode("utf-8", "replace"))


def _told_lenses(stream: BinaryIO) -> Iterator[tuple[int, Lens]]:
    for line in _lines(stream):
        number, model, width, height, *parameters = line.split()
        expected = dict(MODELS.values())[model]
        if len(parameters) != expected:
            raise ValueError(f"{len(parameters)} parameters of {model}")
        yield int(number), Lens(model, int(width), int(height), tuple(map(float, parameters)))


def _told_poses(stream: BinaryIO) -> Iterator[Pose]:
    """Every other line: that of points follows each, and may be empty."""
    lines = _lines(stream, empty=True)
    for line in filter(None, lines):
        number, *pose, lens, name = line.split(maxsplit=9)
        yield Pose(int(number), tuple(map(float, pose[:4])), tuple(map(float, pose[4:])), int(lens), name)
        next(lines, None)


def _lines(stream: BinaryIO, *, empty: bool = False) -> Iterator[str]:
    """Lines without comments; `empty` ones too where they mean something."""
    for data in stream:
        line = data.decode("utf-8", "replace").strip()
        if not line.startswith("#") and (line or empty):
            yield line
