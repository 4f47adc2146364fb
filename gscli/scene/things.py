"""What stands in a made scene: for each thing, points on its surface, and their colours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Surface = tuple[Array, Array, Array | float]  # (n, 3) points, (n, 3) unit normals, area per unit of share

HORIZON = 12.0  # distance of the backdrop


def directions(rng: np.random.Generator, n: int) -> Array:
    """(n, 3) unit vectors, uniform over the sphere."""
    way: Array = rng.standard_normal((n, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    return way


def _ground(rng: np.random.Generator, n: int) -> Surface:
    """A disc that grows sparser outwards: as many points in each ring of equal width."""
    reach = 6.0
    r, turn = reach * rng.random(n), rng.uniform(0, 2 * np.pi, n)
    xyz = np.stack([r * np.cos(turn), r * np.sin(turn), 0.02 * np.sin(3 * r)], axis=1)
    return xyz, np.tile([0.0, 0.0, 1.0], (n, 1)), 2 * np.pi * reach * np.maximum(r, 0.05)


def _ball(rng: np.random.Generator, n: int) -> Surface:
    way = directions(rng, n)
    return way * 0.5 + [-1.2, 0.5, 0.5], way, np.pi


def _backdrop(rng: np.random.Generator, n: int) -> Surface:
    way = directions(rng, n)
    way[:, 2] = np.abs(way[:, 2])
    return way * HORIZON, -way, 2 * np.pi * HORIZON**2


def _box(low: tuple[float, ...], high: tuple[float, ...]) -> Callable[[np.random.Generator, int], Surface]:
    def surface(rng: np.random.Generator, n: int) -> Surface:
        size = np.subtract(high, low)
        areas = np.prod(size) / size  # of the two faces across each axis
        axis = rng.choice(3, size=n, p=areas / areas.sum())
        side = rng.integers(0, 2, n)
        unit = rng.random((n, 3))
        unit[np.arange(n), axis] = side
        normal = np.zeros((n, 3))
        normal[np.arange(n), axis] = 2 * side - 1
        return low + unit * size, normal, 2 * areas.sum()

    return surface


def _plant(rng: np.random.Generator, n: int) -> Surface:
    """Nine leaves, each a fern: the fixed set of four affine maps (Barnsley, Fractals Everywhere, 1988)."""
    linear = np.array(
        [
            [[0.0, 0.0], [0.0, 0.16]],
            [[0.85, 0.04], [-0.04, 0.85]],
            [[0.2, -0.26], [0.23, 0.22]],
            [[-0.15, 0.28], [0.26, 0.24]],
        ]
    )
    shift = np.array([[0.0, 0.0], [0.0, 1.6], [0.0, 1.6], [0.0, 0.44]])
    flat = rng.uniform([-2, 0], [2, 10], (n, 2))
    for _ in range(24):
        step = rng.choice(4, size=n, p=[0.01, 0.85, 0.07, 0.07])
        flat = np.einsum("nij,nj->ni", linear[step], flat) + shift[step]
    across, along = 0.1 * flat.T  # a leaf is one unit long
    leaf = rng.integers(0, 9, n)
    turn = leaf * 2.4 + 0.2  # the golden angle
    bend = 0.5 + 0.06 * leaf
    out, up = along * (0.15 + bend * along), along * (1.4 - bend * along)
    slope = np.arctan2(1.4 - 2 * bend * along, 0.15 + 2 * bend * along)
    c, s = np.cos(turn), np.sin(turn)
    xyz = np.stack([out * c - across * s, out * s + across * c, 0.05 + up], axis=1)
    normal = np.stack([-np.sin(slope) * c, -np.sin(slope) * s, np.cos(slope)], axis=1)
    return xyz, normal, 9 * 0.2


def _air(rng: np.random.Generator, n: int) -> Surface:
    """Floaters: anywhere over the table."""
    return rng.uniform([-4, -4, 0], [4, 4, 4], (n, 3)), directions(rng, n), 60.0


def _plain(r: float, g: float, b: float) -> Callable[[Array], Array]:
    return lambda xyz: np.broadcast_to([r, g, b], xyz.shape)


def _tiles(xyz: Array) -> Array:
    dark = np.floor(xyz[:, :2]).sum(axis=1) % 2
    return np.where(dark[:, None] > 0, [0.45, 0.42, 0.4], [0.75, 0.72, 0.66])


def _stripes(xyz: Array) -> Array:
    return np.where(np.sin(25 * xyz[:, 2:]) > 0, [0.8, 0.25, 0.2], [0.95, 0.9, 0.85])


def _blend(at: Array, first: list[float], last: list[float]) -> Array:
    rgb: Array = first + at.clip(0, 1) * np.subtract(last, first)
    return rgb


def _leaves(xyz: Array) -> Array:
    return _blend(xyz[:, 2:] / 1.2, [0.1, 0.3, 0.1], [0.45, 0.7, 0.15])


def _sky(xyz: Array) -> Array:
    return _blend(xyz[:, 2:] / HORIZON, [0.75, 0.8, 0.85], [0.35, 0.55, 0.8])


@dataclass(frozen=True)
class Part:
    """One thing in the scene.

    Attributes:
        share: of all points.
        surface: draws points on it. colour: RGB in 0..1 of points.
        opacity: the two parameters of a beta distribution.
        thickness: of its splats, relative to their width.
    """

    share: float
    surface: Callable[[np.random.Generator, int], Surface]
    colour: Callable[[Array], Array]
    opacity: tuple[float, float] = (4.0, 1.0)
    thickness: float = 0.1


PARTS = (
    Part(0.30, _ground, _tiles),
    Part(0.12, _ball, _stripes),
    Part(0.10, _box((0.9, -1.0, 0.0), (1.7, -0.2, 0.8)), _plain(0.2, 0.35, 0.65)),
    Part(0.10, _box((1.1, -0.7, 0.8), (1.4, -0.4, 1.0)), _plain(0.9, 0.7, 0.2)),
    Part(0.30, _plant, _leaves, (3.0, 1.5), 0.2),
    Part(0.04, _backdrop, _sky, (5.0, 1.0)),
    Part(0.04, _air, _plain(0.6, 0.6, 0.6), (1.0, 8.0), 0.5),
)
