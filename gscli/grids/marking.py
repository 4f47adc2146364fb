"""Rows of one grid marked among all rows, where others, such as the tiles of one scene, may mark some too."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..device import is_torch, to_numpy
from ..kernels import hashing, picks
from .draw import like
from .methods import Method


class Grouped(Protocol):
    """Rows grouped by cell, see `gscli.VoxelGrid`."""

    @property
    def order(self) -> Any: ...
    @property
    def offsets(self) -> Any: ...
    @property
    def cells(self) -> Any: ...
    def wanted(self, how: Method, *, seed: int, epoch: int) -> tuple[Any, int]: ...


def mark(
    grid: Grouped,
    kept: Any,
    how: Method,
    *,
    seed: int,
    epoch: int,
    keys: Any,
    counts: tuple[Any, int] | None,
) -> int:
    """Mark in `kept` the rows that a method keeps; the number of cells that its minimum raised.

    Args:
        kept: (N,) bool of the kind of the grid's arrays; what is marked already stays.
        how, seed, epoch: as of `gscli.VoxelGrid.draw`.
        keys: (M,) NumPy keys in sorted-row order; None where there are none.
        counts: what `wanted` of the grid gave for this draw, where it is known already.
    """
    if not how.picks:
        kept[grid.order.long() if is_torch(kept) else grid.order] = True
        return 0
    stream = hashing.stream(seed, epoch, how.name, hashing.KEY)
    if how.rule.single and how.target is None and how.pick.uniform:
        position = picks.one_per_cell(grid.offsets, hashing.cell_uniforms(grid.cells, stream))
        rows = grid.order[position]
        kept[rows.long() if is_torch(kept) else rows] = True
        return 0
    k, forced = grid.wanted(how, seed=seed, epoch=epoch) if counts is None else counts
    drawn = stream if how.pick.uniform else like(grid.order, how.pick.keys(grid.order, keys, stream))
    picks.keep(kept, grid.order, grid.offsets, k, drawn)
    return forced


def weigh(grid: Grouped, kept: npt.NDArray[np.bool_], found: npt.NDArray[Any]) -> int:
    """Write for how many rows of its cell each marked row stands; the number of rows that none stands for.

    Args:
        kept: (N,) the rows of a draw. found: (N,) floats, in which those of other grids stay.
    """
    from ..kernels import compensation

    return compensation.weights(kept, to_numpy(grid.order), to_numpy(grid.offsets), found)
