"""What a grid tells of itself once its rows are gone: what results keep of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..results.shown import shown
from .voxel_grid import VoxelGrid

if TYPE_CHECKING:
    from .tiled_grid import TiledGrid


@dataclass(frozen=True)
class Occupancy:
    """Rows in an occupied cell; None where there is none."""

    mean: float | None = None
    median: float | None = None
    min: int | None = None
    max: int | None = None


@shown
@dataclass(frozen=True)
class GridFigures:
    """A grid in numbers, without its rows.

    Attributes:
        voxel_size, origin, why: as of `VoxelGrid`.
        cells: how many are occupied; points: rows that are in one.
        tiles: in how many tiles it was cut; None for one piece in memory.
    """

    voxel_size: float | None
    origin: tuple[float, float, float] | None
    why: str
    cells: int
    points: int
    occupancy: Occupancy
    tiles: int | None = None

    def _facts(self) -> dict[str, object]:
        size = {} if self.voxel_size is None else {"cell size": self.voxel_size}
        return {"points": self.points, "cells": self.cells, **size}

    def to_dict(self) -> dict[str, Any]:
        """Its part of the JSON document."""
        held = self.occupancy
        return {
            "voxel_size": self.voxel_size,
            "why": self.why,
            "origin": self.origin,
            "cells": self.cells,
            "occupancy": {"mean": held.mean, "median": held.median, "max": held.max},
        }


def figures(grid: VoxelGrid | TiledGrid) -> GridFigures:
    """The figures of a grid."""
    tiles = None if isinstance(grid, VoxelGrid) else grid.tiles
    return GridFigures(
        grid.voxel_size, grid.origin, grid.why, len(grid), grid.points, _occupancy(grid), tiles
    )


def _occupancy(grid: VoxelGrid | TiledGrid) -> Occupancy:
    if not len(grid):
        return Occupancy()
    sizes, cells = grid.sizes()
    upto = cells.cumsum()
    count = int(upto[-1])
    middle = sizes[np.searchsorted(upto, [(count - 1) // 2, count // 2], side="right")]
    mean = float(grid.points / count)
    return Occupancy(mean, float(middle.mean()), int(sizes[0]), int(sizes[-1]))
