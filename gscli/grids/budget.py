"""How much memory a scene takes, in one piece and in tiles, and whether a limit allows it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import fields
from ..cloud import GaussianCloud
from ..errors import UsageError
from ..kernels import parallel
from .picking import Pick

BASE = 64 << 20  # Python, NumPy and the blocks in flight
THREAD = 6 << 20  # of temporaries, for each thread
POINT_BYTES = 36  # of a point in one piece, beside what its pick takes
DROP_BYTES = 20  # of it more where points are left out
WEIGHT_BYTES = 4  # of it more where rows stand for others, and
WEIGHING_BYTES = 16  # while that is worked out in one piece
CELL_BYTES = 150  # of a cell
SORT_BYTES = 32  # of a code while it is sorted
CROWD_BYTES = 40  # of a point of a tile, beside twice its record


@dataclass(frozen=True)
class Budget:
    """A limit in bytes, and the room that it leaves for one tile."""

    limit: int
    room: int


def base() -> int:
    return BASE + THREAD * parallel.threads()


def budget(
    limit: int,
    cloud: GaussianCloud,
    pick: Pick,
    *,
    cells_per_point: float,
    drop_invalid: bool,
    mapped: bool,
    streamed: bool,
    weighed: bool = False,
) -> Budget | None:
    """What a limit leaves for each tile of a scene; None where the scene needs no tiles.

    Args:
        cells_per_point: of the grid that will be made, 1 where nothing is known.
        mapped: whether its cells are those of a grid file.
        streamed: whether the output is written as it is drawn, not made in memory first.
        weighed: whether it is asked how many rows each row of a draw stands for.

    Raises:
        UsageError: too little memory, or for what cannot be cut into tiles.
    """
    points = len(cloud)
    each = POINT_BYTES + pick.bytes + CELL_BYTES * cells_per_point
    each += DROP_BYTES * drop_invalid + 3 * (np.dtype(cloud.float_type(fields.POSITION)).itemsize - 4)
    each += (WEIGHT_BYTES + WEIGHING_BYTES) * weighed
    needed = base() + cloud.held + int(points * (each + (0 if streamed else cloud.rows.dtype.itemsize)))
    if needed <= limit:
        return None
    if mapped:
        raise too_small(limit, needed, "the cells of a grid file, which are not cut into tiles")
    if cloud.held:
        what = f"the rows of this {cloud.header.format}, which is unpacked in memory"
        raise too_small(limit, needed, what, "convert it to .ply")
    if not streamed:
        raise too_small(limit, needed, "an output that is made in memory", "write .ply")
    return for_tiles(limit, points, 1 + WEIGHT_BYTES * weighed)


def for_tiles(limit: int, points: int, each: int = 1) -> Budget:
    """What a limit leaves for a tile, beside a byte, or as many as `each`, for every point.

    Raises:
        UsageError: too little.
    """
    fixed = base() + points * each
    least = fixed + points // 4 + (8 << 20)
    if limit < least:
        raise too_small(limit, least, f"a scene of {points:,} points")
    return Budget(limit, limit - fixed)


def too_small(limit: int, needed: int, what: str, instead: str | None = None) -> UsageError:
    """The refusal of a limit below what something needs."""
    remedy = f"give at least {-(-needed // 10**6)}MB" + (f", or {instead}" if instead else "")
    return UsageError(f"`memory_limit` {limit / 1e6:.0f}MB is too little for {what}", remedy=remedy)
