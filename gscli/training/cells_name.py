"""Which cells scenarios are of, told apart by a digest that is computed when somebody asks."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from ..device import to_numpy
from ..grids.voxel_grid import VoxelGrid


class CellsName:
    """The name of a grid's cells: the same for equal grids, wherever they are.

    It reads all of a grid, so it is not made before it has to be: to save a state, to compare scenarios of
    two samplers, or to go to another process. Until then it keeps the grid.

    Args:
        grid: the cells.
        share: what is named is this part of them.
    """

    def __init__(self, grid: VoxelGrid, share: str = "") -> None:
        self._grid: VoxelGrid | None = grid
        self._share = share
        self._text = ""

    def __str__(self) -> str:
        if self._grid is not None:
            self._text, self._grid = digest(self._grid) + self._share, None
        return self._text

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, CellsName) and str(self) == str(other))

    def __hash__(self) -> int:
        return hash(str(self))

    def __getstate__(self) -> dict[str, Any]:
        str(self)
        return vars(self)


def digest(grid: VoxelGrid) -> str:
    """A digest of which rows are in which cells."""
    facts = (grid.rows, grid.voxel_size, grid.origin, *(() if grid.ends is None else grid.ends))
    found = hashlib.blake2b(repr(facts).encode(), digest_size=16)
    for array in (grid.order, grid.offsets, grid.cells):
        found.update(np.ascontiguousarray(to_numpy(array)).data)
    return found.hexdigest()
