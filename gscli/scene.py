"""Make scenes to try things on, with what makes trained 3DGS scenes hard to sample.

A tabletop in the open, about four units across: a plant of fractal leaves, a box, a smaller box, a ball, the
ground, a distant backdrop. Splats lie flat on their surfaces and are as large as their neighbours are
far, which differs a thousandfold between leaves and backdrop. Floaters hang in the air and a few flyaways
lie far outside, as training leaves them. The columns are those of the 3DGS reference code.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import fields, files
from .cloud import GaussianCloud
from .errors import UsageError
from .files import writing
from .formats import Target
from .kernels import hashing
from .progress import Track, silent

__all__ = ["make", "write"]

Array = npt.NDArray[Any]
Surface = tuple[Array, Array, Array | float]  # (n, 3) points, (n, 3) unit normals, area per unit of share

BLOCK = 1 << 16  # rows that share one random stream
HORIZON = 12.0  # distance of the backdrop


def make(
    points: int = 100_000, *, sh_degree: int = 3, seed: int = 0, flyaways: int | None = None
) -> GaussianCloud:
    """A scene in memory: 248 bytes a point at degree 3.

    Args:
        points: how many rows.
        sh_degree: 0 to 4.
        seed: another seed, another scene of the same things.
        flyaways: rows that lie 10 to 1,000 times as far out as the backdrop; default one in 10,000.

    Raises:
        UsageError: a value out of range.
    """
    made = blocks(points, sh_degree=sh_degree, seed=seed, flyaways=flyaways)
    return GaussianCloud(np.concatenate([np.empty(0, columns(sh_degree)), *made]))


def write(
    path: str | os.PathLike[str],
    points: int = 100_000,
    *,
    sh_degree: int = 3,
    seed: int = 0,
    flyaways: int | None = None,
    overwrite: bool = False,
    allow_lossy: bool = False,
    track: Track = silent,
) -> None:
    """Write the scene that `make` makes, of any size in little memory: it is built in a temporary file.

    Args:
        path: the file to write, in the format of its suffix.
        points, sh_degree, seed, flyaways: see `make`.
        overwrite, allow_lossy: see `gscli.formats.write`.
        track: told how far it is; see `gscli.progress.Track`.

    Raises:
        GscliError: a value out of range, or a file that cannot be written.
    """
    made = blocks(points, sh_degree=sh_degree, seed=seed, flyaways=flyaways)
    target = Target.of(path, overwrite=overwrite, allow_lossy=allow_lossy)
    writing.refuse_existing(path, overwrite=overwrite)
    try:
        folder = None if files.descriptor(path) is not None else os.path.dirname(os.path.realpath(path))
        with tempfile.TemporaryFile(dir=folder) as spool:
            with track("making", points) as advance:
                for block in made:
                    spool.write(block.view(np.uint8).data)
                    advance(len(block))
            spool.flush()
            kind = columns(sh_degree)
            rows: Array = np.memmap(spool, kind, "r") if points else np.empty(0, kind)
            target.write(GaussianCloud(rows))
    except OSError as error:
        raise writing.unwritable(path, error) from None


def columns(sh_degree: int) -> np.dtype[Any]:
    """One row of a scene of this SH degree, as the reference code stores it."""
    names = (*fields.POSITION, *fields.NORMAL, *fields.SH_DC, *fields.sh_rest(sh_degree))
    return np.dtype([(n, "<f4") for n in (*names, fields.OPACITY, *fields.SCALE, *fields.ROTATION)])


def blocks(points: int, *, sh_degree: int, seed: int, flyaways: int | None) -> Iterator[Array]:
    """The rows of a scene, `BLOCK` at a time; arguments as of `make`, checked at once."""
    few = points // 10_000 if flyaways is None else flyaways
    hashing.require_seeds(seed=seed)
    for name, value, most in (
        ("points", points, 2**40),
        ("SH degree", sh_degree, fields.MAX_SH_DEGREE),
        ("number of flyaways", few, points),
    ):
        if not 0 <= value <= most:
            raise UsageError(f"the {name} must be between 0 and {most}, not {value}")
    return (
        _rows(range(first, min(first + BLOCK, points)), points, few, sh_degree, seed)
        for first in range(0, points, BLOCK)
    )


def _rows(span: range, points: int, flyaways: int, sh_degree: int, seed: int) -> Array:
    """The rows numbered `span`, a mixture of all parts of the scene."""
    rng = np.random.default_rng([seed, span.start])
    count = len(span)
    xyz, normal, rgb = (np.empty((count, 3)) for _ in range(3))
    spacing, alpha, flat = np.empty(count), np.empty(count), np.empty(count)
    part_of = rng.choice(len(PARTS), size=count, p=[part.share for part in PARTS])
    for number, part in enumerate(PARTS):
        mine = np.flatnonzero(part_of == number)
        xyz[mine], normal[mine], area = part.surface(rng, len(mine))
        spacing[mine] = np.sqrt(area / (part.share * points))
        rgb[mine] = part.colour(xyz[mine]) + rng.normal(0, 0.04, (len(mine), 3))
        alpha[mine] = rng.beta(*part.opacity, len(mine))
        flat[mine] = part.thickness
    xyz += normal * (rng.normal(0, 0.15, count) * spacing)[:, None]

    numbers = np.arange(span.start, span.stop)  # flyaways are spread evenly over the rows
    far = (numbers + 1) * flyaways // points > numbers * flyaways // points
    xyz[far] = _directions(rng, far.sum()) * HORIZON * 10 ** rng.uniform(1, 3, (far.sum(), 1))
    spacing[far] = HORIZON

    size = spacing * 0.6 * np.exp(rng.normal(0, 0.35, count))
    scale = size[:, None] * np.exp(rng.normal(0, 0.3, (count, 3)))
    scale[:, 2] *= flat
    order = np.repeat(np.arange(1, sh_degree + 1), 2 * np.arange(1, sh_degree + 1) + 1)
    rest = rng.standard_normal((count, 3, len(order)), np.float32) * (0.12 / order**2).astype("f4")
    out = np.concatenate(
        [
            xyz,
            np.zeros((count, 3)),  # trainers store normals and leave them zero
            fields.dc_from_rgb(rgb.clip(0, 1)),
            rest.reshape(count, -1),
            fields.logit(alpha.clip(0.005, 0.9999))[:, None],
            np.log(scale),
            _facing(normal, rng.uniform(0, np.pi, count)) * rng.lognormal(0, 0.3, (count, 1)),
        ],
        axis=1,
        dtype="<f4",
        casting="same_kind",
    )
    return out.view(columns(sh_degree)).reshape(count)


def _facing(normal: Array, spin: Array) -> Array:
    """(n, 4) quaternions w x y z that turn the z axis to the normal after a spin around itself."""
    x, y, z = normal.T
    turn = np.stack([np.maximum(1 + z, 1e-9), -y, x])  # straight down: stays up, the same for a flat splat
    w, i, j = turn / np.linalg.norm(turn, axis=0)
    c, s = np.cos(spin), np.sin(spin)
    return np.stack([w * c, i * c + j * s, j * c - i * s, w * s], axis=1)


def _directions(rng: np.random.Generator, n: int) -> Array:
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
    way = _directions(rng, n)
    return way * 0.5 + [-1.2, 0.5, 0.5], way, np.pi


def _backdrop(rng: np.random.Generator, n: int) -> Surface:
    way = _directions(rng, n)
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
    return rng.uniform([-4, -4, 0], [4, 4, 4], (n, 3)), _directions(rng, n), 60.0


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
class _Part:
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
    _Part(0.30, _ground, _tiles),
    _Part(0.12, _ball, _stripes),
    _Part(0.10, _box((0.9, -1.0, 0.0), (1.7, -0.2, 0.8)), _plain(0.2, 0.35, 0.65)),
    _Part(0.10, _box((1.1, -0.7, 0.8), (1.4, -0.4, 1.0)), _plain(0.9, 0.7, 0.2)),
    _Part(0.30, _plant, _leaves, (3.0, 1.5), 0.2),
    _Part(0.04, _backdrop, _sky, (5.0, 1.0)),
    _Part(0.04, _air, _plain(0.6, 0.6, 0.6), (1.0, 8.0), 0.5),
)
