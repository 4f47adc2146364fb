"""The draws of several methods from a grid on a GPU, together: the CPU waits once for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from ..grids.methods import Method
from ..grids.voxel_grid import VoxelGrid
from ..kernels import draws, fused_draws, hashing, launches

if TYPE_CHECKING:
    from torch import Tensor

Drawer = draws.Drawer | fused_draws.Drawer


def drawer_of(grid: VoxelGrid, owners: Tensor) -> Drawer:
    """What draws from a grid of tensors: Triton's kernels where they run, else operations of torch.

    Args:
        owners: (rows,) int32, the cell of each row of the scene, -1 for none.
    """
    kind = draws.Drawer if launches.trouble(grid.order.device) is not None else fused_draws.Drawer
    return kind(draws.Cells(grid.order, grid.offsets, grid.cells, owners))


def draw(
    drawer: Drawer, grid: VoxelGrid, methods: Sequence[Method], *, seeds: Sequence[int], epoch: int
) -> list[draws.Found]:
    """Of each method the rows that `VoxelGrid.draw` gives, their cells, and how many cells were forced."""
    if not len(grid):
        return [_nothing(drawer, how) for how in methods]
    asks = [
        _asked(grid, how, seed, epoch)
        for how, seed in zip(methods, seeds, strict=True)
        if not _is_all(how, grid)
    ]
    found = iter(drawer.draw(asks) if asks else [])
    return [_all(drawer) if _is_all(how, grid) else next(found) for how in methods]


def _is_all(how: Method, grid: VoxelGrid) -> bool:
    return not how.picks and grid.points == grid.rows


def _all(drawer: Drawer) -> draws.Found:
    import torch

    owners = drawer.cells.owners
    return torch.arange(len(owners), device=owners.device), owners.long(), 0


def _nothing(drawer: Drawer, how: Method) -> draws.Found:
    how.total(0)
    none = drawer.cells.offsets[:0]
    return none, none.clone(), 0


def _asked(grid: VoxelGrid, how: Method, seed: int, epoch: int) -> draws.Ask:
    stream = partial(hashing.stream, seed, epoch, how.name)
    if not how.picks:
        return draws.Everything()
    if how.rule.single and how.target is None:
        return draws.One(stream(hashing.KEY))
    if how.rule.drawn and how.target is None:
        streams = stream(hashing.KEY), stream(hashing.RATIO), stream(hashing.ROUND)
        return draws.Ratio(*how.ratio, how.min_per_cell, how.rounds, streams)
    k, _ = grid.wanted(how, seed=seed, epoch=epoch)
    return draws.Counts(k, stream(hashing.KEY))
