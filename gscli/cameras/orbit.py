"""Cameras around what a scene is about."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .camera import Camera, applied

Array = npt.NDArray[Any]

FOV = 50.0  # degrees, of the narrower side of a picture
LARGER = 1.2  # than the box: within its very frame boots and leaves were cut
FARTHEST = 1e30  # scene units: the footprints of what is seen are float32
SAMPLE = 50_000  # rows that the box is found by
NEAR = 0.02  # of the distance
BACKDROP = 4.0  # where the box of 96 % is so many times as large as that of 50 %, it is that of a backdrop
FRONT = 0.6, 0.35  # the angle and the sine of the elevation of a single picture
GOLDEN = math.pi * (3 - math.sqrt(5))
DIGITS = 12  # of sines, whose last ones are others on other machines
TILTED = 2 / 3, 1 / 3, 2 / 3  # the axis of cameras all around: no view along one of the scene's
FAR, CLOSE = 1.0, 0.6  # how far they are, in turns: to see all of it, and closer


def stride(count: int) -> slice:
    """Rows to look at, evenly spread over `count` of them, of which the others are like."""
    return slice(None, None, max(1, count // SAMPLE))


def box(xyz: Array) -> tuple[Array, Array]:
    """The corners of what a scene is about: from the 2nd to the 98th percentile of each axis.

    Where that is over four times as large as the box between the quartiles, a backdrop surrounds what
    matters, and it is the latter.

    Args:
        xyz: (N, 3); rows that are not finite do not count.

    Raises:
        InputError: no row is finite, or they are too far apart.
    """
    rows = xyz[stride(len(xyz))].astype(np.float64)
    rows = rows[np.isfinite(rows).all(1)]
    if not len(rows):
        raise InputError("has no position that a camera could look at")
    low, first, last, high = np.percentile(rows, [2, 25, 75, 98], axis=0)
    if not np.abs([low, high]).max() < FARTHEST:
        raise InputError(f"has positions of {np.abs([low, high]).max():g}, too far apart to be looked at")
    if math.hypot(*(high - low)) > BACKDROP * math.hypot(*(last - first)) > 0:
        low, high = first, last
    return low, high


def orbit(
    xyz: Array, count: int, width: int, height: int, *, up: Any = (0, -1, 0), fov: float = FOV
) -> list[Camera]:
    """Cameras on a Fibonacci spiral above the horizon, around the `box` of a scene.

    Args:
        xyz: (N, 3) positions. count: how many. width, height: of the pictures.
        up: (3,) what is upwards. fov: degrees that the narrower side of a picture sees.
    """
    low, high = box(xyz)
    i = np.arange(count) + 0.5
    heights, turns = 0.9 - 0.75 * i / count, i * GOLDEN
    return [
        _camera(f"orbit {n + 1:02}", low, high, turn, rise, (width, height), up, fov)
        for n, (turn, rise) in enumerate(zip(turns, heights, strict=True))
    ]


def front(xyz: Array, width: int, height: int, *, up: Any = (0, -1, 0), fov: float = FOV) -> Camera:
    """One camera a little above the horizon, for a single picture."""
    low, high = box(xyz)
    return _camera("front", low, high, *FRONT, (width, height), up, fov)


def turntable(
    xyz: Array,
    turns: int,
    rises: Sequence[float],
    width: int,
    height: int,
    *,
    up: Any = (0, -1, 0),
    fov: float = FOV,
) -> list[Camera]:
    """Cameras in circles around the `box` of a scene, all at one distance: nothing grows while it is turned.

    Args:
        xyz: (N, 3) positions.
        turns: how many to a circle. rises: the sine of each circle's elevation; one circle after the other.
        width, height, up, fov: as of `orbit`.
    """
    low, high = box(xyz)
    circle = np.arange(turns) * (2 * math.pi / turns) + FRONT[0]
    ways = [
        (f"turn {i + 1:02}, rise {rise:g}", turn, rise)
        for rise in rises
        for i, turn in enumerate(circle.tolist())
    ]
    alone = [_camera(*way[:1], low, high, *way[1:], (width, height), up, fov) for way in ways]
    far = max(_distance(camera, low, high) for camera in alone)
    return [_camera(*way[:1], low, high, *way[1:], (width, height), up, fov, far) for way in ways]


def around(xyz: Array, count: int, size: int) -> list[Camera]:
    """Cameras all around the `box` of a scene, from above and from below, every other one close.

    Args:
        xyz: (N, 3) positions. count: how many. size: of the square pictures, in pixels.
    """
    low, high = box(xyz)
    far = math.hypot(*(high - low)) / 2 / _rounded(math.sin(math.radians(FOV) / 2)) or 1.0
    i = np.arange(count) + 0.5
    ways = [
        (turn, rise, far * (CLOSE if n % 2 else FAR))
        for n, (turn, rise) in enumerate(
            zip((i * GOLDEN).tolist(), (1 - 2 * i / count).tolist(), strict=True)
        )
    ]
    return [
        _camera(f"around {n + 1:02}", low, high, turn, rise, (size, size), TILTED, FOV, distance)
        for n, (turn, rise, distance) in enumerate(ways)
    ]


def _camera(
    name: str,
    low: Array,
    high: Array,
    turn: float,
    rise: float,
    size: tuple[int, int],
    up: Any,
    fov: float,
    distance: float | None = None,
) -> Camera:
    """A camera at an angle and the sine of an elevation; as near as sees the whole box, unless it is said."""
    right, across, upwards = _frame(np.asarray(up, np.float64))
    flat = math.sqrt(1 - rise * rise)
    way = flat * (_rounded(math.cos(turn)) * right + _rounded(math.sin(turn)) * across) + rise * upwards
    pose, tangent = np.eye(4), _rounded(math.tan(math.radians(fov) / 2))
    pose[:3, :3] = _looking(-way, upwards)
    focal = min(size) / 2 / tangent
    if distance is None:
        signs = np.stack(np.meshgrid(*[(-1, 1)] * 3), -1).reshape(-1, 3)
        corners = applied(pose[:3, :3], LARGER * signs * (high - low) / 2)
        needs = np.abs(corners[:, :2]) * focal * 2 / size - corners[:, 2:]
        distance = float(needs.max()) or 1.0
    pose[:3, 3] = -applied(pose[:3, :3], (low + high) / 2 + distance * way)
    return Camera(name, pose, focal, focal, size[0] / 2, size[1] / 2, *size, near=NEAR * distance)


def _distance(camera: Camera, low: Array, high: Array) -> float:
    return math.hypot(*(camera.position - (low + high) / 2))


def _rounded(number: float) -> float:
    return round(number, DIGITS)


def _frame(up: Array) -> Array:
    """(3, 3) a right-handed frame whose last axis is upwards."""
    z = up / math.hypot(*up)
    x = np.cross(z, np.eye(3)[np.abs(z).argmin()])
    x /= math.hypot(*x)
    return np.stack([x, np.cross(z, x), z])


def _looking(forward: Array, up: Array) -> Array:
    """(3, 3) right, down and forward of a camera."""
    right = np.cross(forward, up)
    right /= math.hypot(*right)
    return np.stack([right, np.cross(forward, right), forward])
