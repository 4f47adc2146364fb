"""TiledGrid: the grid of a cloud too big for memory, kept on disk and drawn from one tile at a time.

A tile is a set of whole cells. What a draw keeps of a cell depends on the seed, the rows and the cell
alone, so tiles are `VoxelGrid` objects that draw as any other does, and how cells are dealt out to them
changes nothing. They are dealt out by a hash, which spreads crowded cells evenly.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..cloud import GaussianCloud
from ..flaws import Dropped
from ..kernels import hashing
from ..kernels.cell_keys import lattice_span
from ..kernels.cells import group_lattice
from ..results.shown import counted
from ..scratch import Place, Scratch
from . import lattice, marking
from .budget import Budget
from .draw import Draw
from .methods import Method
from .picking import RANDOM, Pick
from .spilled import SpilledPoints, positions
from .voxel_grid import VoxelGrid

Array = npt.NDArray[Any]


class _Tile(NamedTuple):
    """Where the arrays of a tile's `VoxelGrid` are, and the keys of its pick in sorted-row order."""

    order: Place
    offsets: Place
    cells: Place
    keys: Place | None


class TiledGrid:
    """What `VoxelGrid` is, for one pick, with a byte a row and one tile in memory; close it after use.

    Attributes:
        rows: how many rows the input has. points: how many of them are in a cell.
        voxel_size, origin, why: as of `VoxelGrid`.
        sample, flaws: see `SpilledPoints`.
    """

    def __init__(self, rows: int, points: SpilledPoints, laid: lattice.Lattice, folder: Path | None) -> None:
        self.rows, self.points = rows, points.extent.count
        self.voxel_size, self.origin, self.why = laid.size, laid.corner, laid.why
        self.sample, self.flaws = points.sample, points.flaws
        self._tiles: list[_Tile] = []
        self._sizes: tuple[Array, Array] = (np.empty(0, np.int64), np.empty(0, np.int64))
        self._scratch = Scratch(folder)

    @classmethod
    def from_cloud(
        cls,
        cloud: GaussianCloud,
        budget: Budget,
        folder: Path | None,
        *,
        pick: Pick = RANDOM,
        voxel_size: float | None = None,
        points_per_cell: float | None = None,
        cells: int | str | None = None,
        origin: Sequence[float] | str | None = None,
        drop_invalid: bool = False,
        drop: Dropped = False,
    ) -> TiledGrid:
        """Group the points of a cloud by lattice cell; its rows are streamed once.

        Args:
            folder: where temporary data go, some 40 bytes a point; see `Scratch`.
            pick: of the draws that will be made.
            voxel_size, points_per_cell, cells, origin, drop_invalid: see `VoxelGrid.from_points`.
            drop: ``gaussians`` for those with any flaw as well, see `gscli.flaws`.

        Raises:
            InputError: as `VoxelGrid.from_points` and `VoxelGrid.pick_keys` do.
            UsageError: so too; and a cell of more points than the budget has room for.
            GscliError: the folder is full.
        """
        lattice.check_lattice_options(voxel_size, points_per_cell, origin, cells)
        with SpilledPoints(cloud, pick, drop or drop_invalid, folder) as points:
            laid = lattice.lay(
                points.extent,
                points.countable(budget),
                voxel_size=voxel_size,
                points_per_cell=points_per_cell,
                cells=cells,
                origin=origin,
            )
            grid = cls(len(cloud), points, laid, folder)
            try:
                for records in points.tiles(laid, budget):
                    grid._add(records, laid, pick)
                    del records
            except BaseException:
                grid.close()
                raise
        return grid

    def __repr__(self) -> str:
        points, cells, tiles = map(counted, (self.points, len(self), self.tiles), ("point", "cell", "tile"))
        return f"<TiledGrid: {points} in {cells} of {self.voxel_size:g}, in {tiles}>"

    def __len__(self) -> int:
        """The number of occupied cells."""
        return int(self._sizes[1].sum())

    @property
    def tiles(self) -> int:
        return len(self._tiles)

    def sizes(self) -> tuple[Array, Array]:
        """As of `VoxelGrid`."""
        return self._sizes

    def close(self) -> None:
        """Give the disk space back; what was counted stays."""
        self._scratch.close()

    def draw(self, how: Method, *, seed: int, epoch: int) -> Draw:
        """What `VoxelGrid.draw` of the whole grid keeps, as a (rows,) mask."""
        total = how.total(self.points)
        lots = hashing.stream(seed, epoch, how.name, hashing.ROUND)
        shared = None
        if total is not None:
            asked = how.shares(*self._sizes, total, seed=seed, epoch=epoch)
            shared = asked.drawn(lambda: (self._read(tile).lots(lots) for tile in self._tiles))
        kept, forced = np.zeros(self.rows, bool), 0
        for tile in self._tiles:
            grid = self._read(tile)
            counts = None if shared is None else (shared.of(grid.lots(lots)), 0)
            keys = None if tile.keys is None else self._scratch.get(tile.keys)
            forced += marking.mark(grid, kept, how, seed=seed, epoch=epoch, keys=keys, counts=counts)
        return Draw(kept, forced)

    def weights(self, draw: Draw) -> tuple[npt.NDArray[np.float32], int]:
        """As of `VoxelGrid`."""
        found = np.zeros(self.rows, np.float32)
        return found, sum(marking.weigh(self._read(tile), draw.kept, found) for tile in self._tiles)

    def _read(self, tile: _Tile) -> VoxelGrid:
        order, offsets, cells = (self._scratch.get(place) for place in tile[:3])
        return VoxelGrid(order, offsets, cells, self.rows, self.voxel_size, self.origin, self.why)

    def _add(self, records: Array, laid: lattice.Lattice, pick: Pick) -> None:
        """Group the points of one tile and keep them."""
        xyz, rows = positions(records), records["row"].copy()
        keys = records["key"].copy() if "key" in (records.dtype.names or ()) else None
        span = lattice_span(xyz.min(1), xyz.max(1), laid.size, laid.origin)
        groups = group_lattice(xyz, laid.size, laid.origin, span)
        counts = np.diff(groups.offsets)
        if pick.by_place is not None:
            keys = pick.by_place(xyz, groups.order, groups.cells, counts, laid.size, laid.corner)
        elif keys is not None:
            keys = keys[groups.order]
        put = self._scratch.put
        self._tiles.append(
            _Tile(
                put(rows[groups.order]),
                put(groups.offsets),
                put(groups.cells),
                None if keys is None else put(keys),
            )
        )
        sizes, where = np.unique(np.append(self._sizes[0], counts), return_inverse=True)
        known = len(self._sizes[0])
        number = np.bincount(where[known:], minlength=len(sizes))
        number[where[:known]] += self._sizes[1]
        self._sizes = sizes, number
