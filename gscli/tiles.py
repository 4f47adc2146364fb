"""TiledGrid: the grid of a cloud too big for memory, kept on disk and drawn from one tile at a time.

A tile is a set of whole cells. What a draw keeps of a cell depends on the seed, the rows and the cell
alone, so tiles are `VoxelGrid` objects that draw as any other does, and how cells are dealt out to them
changes nothing. They are dealt out by a hash, which spreads crowded cells evenly.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from . import fields, lattice, picking
from .cloud import GaussianCloud
from .grid import Draw, VoxelGrid, not_finite
from .kernels import cells, cellsize, hashing, parallel, picks
from .memory import CROWD_BYTES, SORT_BYTES, TILE_BYTES, Budget, too_small
from .methods import Method, rows_wanted
from .scratch import Parts, Place, Scratch

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
        sample: (3, M) positions of every so manieth row, finite or not.
    """

    def __init__(
        self, rows: int, points: int, laid: lattice.Lattice, sample: Array, folder: Path | None
    ) -> None:
        self.rows, self.points = rows, points
        self.voxel_size, self.origin, self.why = laid.size, laid.corner, laid.why
        self.sample = sample
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
        pick: str = "random",
        voxel_size: float | None = None,
        points_per_cell: float | None = None,
        origin: Sequence[float] | str | None = None,
        drop_invalid: bool = False,
    ) -> TiledGrid:
        """Group the points of a cloud by lattice cell; its rows are streamed once.

        Args:
            folder: where temporary data go, up to 50 bytes a point; see `Scratch`.
            pick: one of `gscli.methods.PICKS`.
            voxel_size, points_per_cell, origin, drop_invalid: see `VoxelGrid.from_points`.

        Raises:
            InputError: as `VoxelGrid.from_points` and `VoxelGrid.pick_keys` do.
            UsageError: so too; and a cell of more points than the budget has room for.
            GscliError: the folder is full.
        """
        lattice.check_lattice_options(voxel_size, points_per_cell, origin)
        with Parts(folder, _record(cloud, pick), 1) as points:
            sample = _spill(cloud, pick, drop_invalid, points)
            extent = _extent(points)
            laid = lattice.lay(
                extent,
                lambda exponent, corner: _count_cells(points, extent, budget, folder, exponent, corner),
                voxel_size=voxel_size,
                points_per_cell=points_per_cell,
                origin=origin,
            )
            grid = cls(len(cloud), extent.count, laid, sample, folder)
            try:
                for records in _deal(points, 0, extent.count, laid, budget, folder):
                    grid._add(records, laid, center=pick == "center")
            except BaseException:
                grid.close()
                raise
        return grid

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
        shares = None if how.target is None else self._shares(rows_wanted(how.target, self.points))
        kept, forced = np.zeros(self.rows, bool), 0
        for tile in self._tiles:
            grid = self._read(tile)
            counts = None if shares is None else (shares.of(grid.counts, grid.first_rows), 0)
            keys = None if tile.keys is None else self._scratch.get(tile.keys)
            rows, more = grid.choose(how, seed=seed, epoch=epoch, keys=keys, counts=counts)
            kept[rows] = True
            forced += more
        return Draw(kept, forced)

    def _shares(self, total: int) -> picks.Shares:
        shares = picks.Shares.among(*self._sizes, total)
        if not shares.tied:
            return shares
        candidates = np.zeros(self.rows, bool)
        for tile in self._tiles:
            grid = self._read(tile)
            candidates[grid.first_rows[shares.is_tied(grid.counts)]] = True
        left = shares.tied
        for part in parallel.blocks(self.rows):
            found = np.flatnonzero(candidates[part])
            if left <= len(found):
                return replace(shares, last=part.start + int(found[left - 1]))
            left -= len(found)
        raise AssertionError("fewer cells than were counted")

    def _read(self, tile: _Tile) -> VoxelGrid:
        order, offsets, cells = (self._scratch.get(place) for place in tile[:3])
        return VoxelGrid(order, offsets, cells, self.rows, self.voxel_size, self.origin, self.why)

    def _add(self, records: Array, laid: lattice.Lattice, *, center: bool) -> None:
        """Group the points of one tile and keep them."""
        xyz, rows = _positions(records), records["row"].copy()
        keys = records["key"].copy() if "key" in (records.dtype.names or ()) else None
        del records
        span = cells.lattice_span(xyz.min(1), xyz.max(1), laid.size, laid.origin)
        groups = cells.group_lattice(xyz, laid.size, laid.origin, span)
        counts = np.diff(groups.offsets)
        if center:
            keys = picking.center_keys(xyz, groups.order, groups.cells, counts, laid.size, laid.corner)
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


def _record(cloud: GaussianCloud, pick: str) -> np.dtype[Any]:
    """What is kept of a point until its tile's turn comes."""
    kind = cloud.float_type(fields.POSITION)
    row = np.int32 if len(cloud) < 2**31 else np.int64
    key = [("key", np.uint32)] if picking.columns_for(pick, cloud.fields) else []
    return np.dtype([("row", row), ("xyz", kind, (3,)), *key])


def _spill(cloud: GaussianCloud, pick: str, drop_invalid: bool, points: Parts) -> Array:
    """Copy what `_record` says of every finite point, in order of rows; returns `TiledGrid.sample`."""
    wanted = picking.columns_for(pick, cloud.fields)
    step = cellsize.stride(len(cloud))
    some, invalid, first = [np.empty((3, 0), points.kind["xyz"].base)], 0, 0
    for start, columns in cloud.column_blocks((*fields.POSITION, *wanted)):
        xyz = columns[:3].astype(points.kind["xyz"].base, copy=False)
        some.append(xyz[:, -start % step :: step])
        valid = np.isfinite(xyz).all(0)
        kept = np.flatnonzero(valid)
        if len(kept) < len(valid):
            first = first if invalid else start + int(np.argmin(valid))
            invalid += len(valid) - len(kept)
        records = np.empty(len(kept), points.kind)
        records["row"] = kept + start
        records["xyz"] = xyz[:, kept].T
        if wanted:
            records["key"] = picking.keys(pick, columns[3:])[kept]
        points.append(records)
    if invalid and not drop_invalid:
        raise not_finite(invalid, len(cloud), first)
    return np.concatenate(some, axis=1)


def _positions(records: Array) -> Array:
    return np.ascontiguousarray(records["xyz"].T)


def _extent(points: Parts) -> cellsize.Extent:
    count = int(points.sizes[0])
    step = cellsize.stride(count)
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    some, start = [np.empty((3, 0), points.kind["xyz"].base)], 0
    for records in points.blocks(0):
        xyz = _positions(records)
        low, high = np.minimum(low, xyz.min(1)), np.maximum(high, xyz.max(1))
        some.append(xyz[:, -start % step :: step])
        start += len(records)
    if not count:
        low = high = np.zeros(3)
    return cellsize.Extent(count, low, high, np.concatenate(some, axis=1))


def _count_cells(
    points: Parts,
    extent: cellsize.Extent,
    budget: Budget,
    folder: Path | None,
    exponent: int,
    corner: Array,
) -> npt.NDArray[np.float64]:
    """`cellsize.count_cells` of all points, whose codes are sorted range by range."""
    blocks = (cellsize.codes(_positions(records), exponent, corner) for records in points.blocks(0))
    some = np.sort(cellsize.codes(extent.some, exponent, corner))
    most = budget.room // SORT_BYTES
    ranges = -(-2 * extent.count // most)
    borders = some[np.arange(1, ranges) * len(some) // ranges]
    return cellsize.count_cells(_ascending(blocks, np.unique(borders), most, folder))


def _ascending(blocks: Iterable[Array], borders: Array, most: int, folder: Path | None) -> Iterator[Array]:
    """All codes in arrays of at most `most`, each above the one before; of equal ones perhaps one only."""
    with Parts(folder, np.dtype(np.uint64), len(borders) + 1) as ranges:
        for block in blocks:
            ranges.append(block, np.searchsorted(borders, block, side="right"))
        for part, size in enumerate(ranges.sizes):
            if size <= most:
                if size:
                    yield ranges.read(part)
                continue
            low = min(int(block.min()) for block in ranges.blocks(part))
            high = max(int(block.max()) for block in ranges.blocks(part))
            if low == high:
                yield np.array([low], np.uint64)
                continue
            evenly = {low + max(1, (high - low) * i // 16) for i in range(1, 17)}
            yield from _ascending(ranges.blocks(part), np.array(sorted(evenly), np.uint64), most, folder)


def _deal(
    source: Parts,
    part: int,
    count: int,
    laid: lattice.Lattice,
    budget: Budget,
    folder: Path | None,
    level: int = 0,
) -> Iterator[Array]:
    """The records of a part in tiles that the budget has room for."""
    most = budget.room // TILE_BYTES
    number = max(1, -(-2 * count // most))  # half full: some get more than others
    stream = hashing.mix64(level + 1)
    with Parts(folder, source.kind, number) as tiles:
        for records in source.blocks(part):
            uniform = hashing.cell_uniforms(_cells(records, laid), stream)
            tiles.append(records, np.minimum((uniform * number).astype(np.int64), number - 1))
        for tile, size in enumerate(tiles.sizes):
            if size > most and not _is_one_cell(tiles, tile, laid):
                yield from _deal(tiles, tile, int(size), laid, budget, folder, level + 1)
            elif size:
                needed = int(size) * CROWD_BYTES
                if needed > budget.room:
                    fixed = budget.limit - budget.room
                    raise too_small(budget.limit, fixed + needed, f"a cell of {size:,} points")
                yield tiles.read(tile)


def _cells(records: Array, laid: lattice.Lattice) -> npt.NDArray[np.int64]:
    return cells.cells_of(_positions(records), laid.size, laid.origin)


def _is_one_cell(tiles: Parts, tile: int, laid: lattice.Lattice) -> bool:
    found = [(at.min(0), at.max(0)) for at in (_cells(block, laid) for block in tiles.blocks(tile))]
    low, high = np.min([low for low, _ in found], 0), np.max([high for _, high in found], 0)
    return bool((low == high).all())
