"""The cells that one of several ranks draws from, and the cell that each row is in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from ..errors import InputError
from ..grids.voxel_grid import VoxelGrid
from ..kernels import hashing

_PARTITION = 0x70617274  # the stream that cells are dealt to ranks by: the same for every seed


def cell_of_row(grid: VoxelGrid) -> Any:
    """(rows,) int32 cell of each row of the scene, -1 for those in none."""
    if len(grid) >= 2**31:
        raise InputError(f"{len(grid)} cells are more than a sampler can number")
    if isinstance(grid.order, np.ndarray):
        cells = np.full(grid.rows, -1, np.int32)
        cells[grid.order] = np.repeat(np.arange(len(grid), dtype=np.int32), grid.counts)
        return cells
    device = grid.order.device
    found = torch.full((grid.rows,), -1, dtype=torch.int32, device=device)
    found[grid.order.long()] = torch.repeat_interleave(
        torch.arange(len(grid), dtype=torch.int32, device=device), grid.counts, output_size=grid.points
    )
    return found


def share(grid: VoxelGrid, rank: int, world_size: int) -> VoxelGrid:
    """The cells of one rank: those whose hash, scaled to the world's size, falls to it."""
    owner = hashing.cell_uniforms(grid.cells, _PARTITION) * world_size
    mine = (owner >= rank) & (owner < rank + 1)
    counts = grid.counts[mine]
    if isinstance(mine, np.ndarray):
        rows: Any = np.repeat(mine, grid.counts)
        offsets: Any = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    else:
        rows = torch.repeat_interleave(mine, grid.counts)
        offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    return replace(grid, order=grid.order[rows], offsets=offsets, cells=grid.cells[mine])
