"""Make scenes to try things on, with what makes trained 3DGS scenes hard to sample.

A tabletop in the open, about four units across: a plant of fractal leaves, a box, a smaller box, a ball, the
ground, a distant backdrop. Splats lie flat on their surfaces and are as large as their neighbours are
far, which differs a thousandfold between leaves and backdrop. Floaters hang in the air and a few flyaways
lie far outside, as training leaves them. The columns are those of the 3DGS reference code.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud, Header
from ..errors import UsageError
from ..files import upwards, writing
from ..formats import Target
from ..kernels import hashing
from ..progress import Track, silent
from ..scratch import folder_for
from .things import HORIZON, PARTS, directions

__all__ = ["make", "write"]

Array = npt.NDArray[Any]

BLOCK = 1 << 16  # rows that share one random stream
HEADER = Header(comments=(upwards.comment("z"),))


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
    return GaussianCloud(np.concatenate([np.empty(0, columns(sh_degree)), *made]), HEADER)


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
        with tempfile.TemporaryFile(dir=folder_for(path)) as spool:
            with track("making", points) as advance:
                for block in made:
                    spool.write(block.view(np.uint8).data)
                    advance(len(block))
            spool.flush()
            kind = columns(sh_degree)
            rows: Array = np.memmap(spool, kind, "r") if points else np.empty(0, kind)
            target.write(GaussianCloud(rows, HEADER))
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
    xyz[far] = directions(rng, far.sum()) * HORIZON * 10 ** rng.uniform(1, 3, (far.sum(), 1))
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
