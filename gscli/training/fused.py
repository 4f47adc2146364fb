"""The draws of several methods from a grid on a GPU, by fused kernels and with one wait for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from ..grids.methods import Method
from ..grids.voxel_grid import VoxelGrid
from ..kernels import hashing, launches
from ..kernels.draws import Begun, Drawer

if TYPE_CHECKING:
    from torch import Tensor


def drawer_of(grid: VoxelGrid, owners: Tensor) -> Drawer | None:
    """What draws from a grid of tensors where Triton's kernels run; None elsewhere, and for no cells.

    Args:
        owners: (rows,) int32, the cell of each row of the scene, -1 for none.
    """
    if not len(grid) or launches.trouble(grid.order.device) is not None:
        return None
    return Drawer(grid.order, grid.offsets, grid.cells, owners)


def draw(
    drawer: Drawer, grid: VoxelGrid, methods: Sequence[Method], *, seeds: Sequence[int], epoch: int
) -> list[tuple[Tensor, Tensor, int]]:
    """Of each method the rows that `VoxelGrid.draw` gives, their cells, and how many cells were forced."""
    begun = {
        i: _begin(drawer, grid, how, seed, epoch)
        for i, (how, seed) in enumerate(zip(methods, seeds, strict=True))
        if not _is_all(how, grid)
    }
    finished = dict(zip(begun, drawer.finished(list(begun.values())), strict=True)) if begun else {}
    return [finished[i] if i in finished else _all(drawer) for i in range(len(methods))]


def _is_all(how: Method, grid: VoxelGrid) -> bool:
    return not how.picks and grid.points == grid.rows


def _all(drawer: Drawer) -> tuple[Tensor, Tensor, int]:
    import torch

    return torch.arange(len(drawer.owners), device=drawer.owners.device), drawer.owners.long(), 0


def _begin(drawer: Drawer, grid: VoxelGrid, how: Method, seed: int, epoch: int) -> Begun:
    stream = partial(hashing.stream, seed, epoch, how.name)
    if not how.picks:
        return drawer.everything()
    if how.rule.single and how.target is None:
        return drawer.one_of_each(stream(hashing.KEY))
    if how.rule.drawn and how.target is None:
        streams = stream(hashing.KEY), stream(hashing.RATIO), stream(hashing.ROUND)
        return drawer.of_ratio(*how.ratio, how.min_per_cell, how.rounds, streams)
    k, _ = grid.wanted(how, seed=seed, epoch=epoch)
    return drawer.of_counts(k, stream(hashing.KEY))
