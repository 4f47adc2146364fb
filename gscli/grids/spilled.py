"""The points of a cloud on disk: counted, and dealt out into tiles, a few megabytes at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields, flaws
from ..cloud import GaussianCloud
from ..kernels import cells, hashing, occupancy
from ..kernels.cell_names import Naming
from ..kernels.extent import Extent, stride
from ..positions import not_finite
from ..scratch import Parts
from .budget import CELL_BYTES, CROWD_BYTES, SORT_BYTES, Budget, too_small
from .lattice import Lattice
from .picking import Pick

Array = npt.NDArray[Any]


class SpilledPoints:
    """Row number, position and key of every finite point, in order of rows; close it after use.

    Args:
        cloud: is streamed once.
        pick: whose keys by columns are kept; those by place need cells, and are not.
        drop_invalid: leave rows with NaN or infinite positions out instead of refusing them; ``gaussians``:
            and those with any flaw.
        folder: see `scratch.Scratch`.

    Attributes:
        flaws: of all rows. extent: of the points.
        sample: (3, M) positions of the rows that `gscli.kernels.extent.stride` of all rows leads to, finite
            or not; NaN of what is left out for another flaw.

    Raises:
        InputError: positions that are not finite, or a column is missing. GscliError: no room.
    """

    def __init__(
        self, cloud: GaussianCloud, pick: Pick, drop_invalid: flaws.Dropped, folder: Path | None
    ) -> None:
        self._folder = folder
        self._xyz = np.dtype(cloud.float_type(fields.POSITION))
        self._keyed = pick.columns(cloud.fields)
        row = np.int32 if len(cloud) < 2**31 else np.int64
        key = [] if pick.by_columns is None else [("key", np.uint32)]
        self._parts = Parts(folder, np.dtype([("row", row), ("xyz", self._xyz, (3,)), *key]), 1)
        try:
            self.sample = self._copy(cloud, pick, drop_invalid)
            self.extent = self._measured()
        except BaseException:
            self._parts.close()
            raise

    def __enter__(self) -> SpilledPoints:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parts.close()

    def _copy(self, cloud: GaussianCloud, pick: Pick, drop_invalid: flaws.Dropped) -> Array:
        step, some = stride(len(cloud)), [np.empty((3, 0), self._xyz)]
        looked = flaws.columns(cloud.fields) if drop_invalid == flaws.GAUSSIANS else ()
        keyed = slice(3, 3 + len(self._keyed))
        self.flaws = flaws.Flaws(0, 0, 0) if looked else flaws.Flaws()
        first = 0
        for start, columns in cloud.column_blocks((*fields.POSITION, *self._keyed, *looked)):
            xyz = columns[:3].astype(self._xyz, copy=False)
            if looked:
                flawed, found = flaws.look(xyz, columns[keyed.stop :], looked)
                xyz[:, flawed] = np.nan
            valid = np.isfinite(xyz).all(0)
            if not looked:
                found = flaws.Flaws(int(np.count_nonzero(~valid)))
            some.append(xyz[:, -start % step :: step].copy())
            kept = np.flatnonzero(valid)
            if found.points and not self.flaws.points:
                first = start + int(np.argmin(valid))
            self.flaws += found
            records = np.empty(len(kept), self._parts.kind)
            records["row"] = kept + start
            records["xyz"] = xyz[:, kept].T
            if pick.by_columns is not None:
                records["key"] = pick.by_columns(columns[keyed])[kept]
            self._parts.append(records)
        if self.flaws.points and not drop_invalid:
            raise not_finite(self.flaws.points, len(cloud), first)
        return np.concatenate(some, axis=1)

    def _measured(self) -> Extent:
        count, start = int(self._parts.sizes[0]), 0
        step, some = stride(count), [np.empty((3, 0), self._xyz)]
        low, high = np.full(3, np.inf), np.full(3, -np.inf)
        for records in self._parts.blocks(0):
            xyz = positions(records)
            low, high = np.minimum(low, xyz.min(1)), np.maximum(high, xyz.max(1))
            some.append(xyz[:, -start % step :: step].copy())
            start += len(records)
        if not count:
            low = high = np.zeros(3)
        return Extent(count, low, high, np.concatenate(some, axis=1))

    def countable(self, budget: Budget) -> occupancy.Points:
        """To be counted; words are sorted range by range."""

        def blocks(every: int) -> Iterator[Array]:
            start = 0
            for records in self._parts.blocks(0):
                yield positions(records[-start % every :: every])
                start += len(records)

        def distinct(name: Naming) -> int:
            some = np.sort(occupancy.named(name, self.extent.some))
            most = budget.room // SORT_BYTES
            number = -(-2 * self.extent.count // most)
            borders = np.unique(some[np.arange(1, number) * len(some) // number])
            words = (occupancy.named(name, xyz) for xyz in blocks(1))
            return occupancy.count_distinct(ascending(words, borders, most, self._folder))

        return occupancy.Points(occupancy.marked_in(blocks), lambda names: list(map(distinct, names)))

    def tiles(self, laid: Lattice, budget: Budget) -> Iterator[Array]:
        """The points as records of ``row``, ``xyz`` and perhaps ``key``, in tiles of whole cells.

        Raises:
            UsageError: a cell of more points than the budget has room for. GscliError: no room on disk.
        """
        yield from self._deal(self._parts, 0, laid, budget, 0)

    def _deal(self, source: Parts, part: int, laid: Lattice, budget: Budget, level: int) -> Iterator[Array]:
        """The records of one part; a tile that is too full is dealt out once more, by another hash."""
        each = CROWD_BYTES + 2 * source.kind.itemsize
        most = budget.room // (each + CELL_BYTES)  # every point of a tile may have a cell of its own
        number = max(1, -(-2 * int(source.sizes[part]) // most))  # half full: some get more than others
        stream = hashing.mix64(level + 1)
        with Parts(self._folder, source.kind, number) as tiles:
            for records in source.blocks(part):
                uniform = hashing.cell_uniforms(_cells(records, laid), stream)
                tiles.append(records, np.minimum((uniform * number).astype(np.int64), number - 1))
            for tile, size in enumerate(tiles.sizes.tolist()):
                if size > most and not _is_one_cell(tiles.blocks(tile), laid):
                    yield from self._deal(tiles, tile, laid, budget, level + 1)
                elif size:
                    needed = size * each
                    if needed > budget.room:
                        fixed = budget.limit - budget.room
                        raise too_small(budget.limit, fixed + needed, f"a cell of {size:,} points")
                    yield tiles.read(tile)


def positions(records: Array) -> Array:
    """(3, n) positions of (n,) records."""
    return np.ascontiguousarray(records["xyz"].T)


def _cells(records: Array, laid: Lattice) -> npt.NDArray[np.int64]:
    return cells.cells_of(positions(records), laid.size, laid.origin)


def _is_one_cell(blocks: Iterable[Array], laid: Lattice) -> bool:
    corners = [
        corner for at in (_cells(block, laid) for block in blocks) for corner in (at.min(0), at.max(0))
    ]
    return bool((np.ptp(corners, axis=0) == 0).all())


def ascending(
    blocks: Iterable[npt.NDArray[np.uint64]],
    borders: npt.NDArray[np.uint64],
    most: int,
    folder: Path | None,
) -> Iterator[npt.NDArray[np.uint64]]:
    """All words in arrays of at most `most`, each above the one before; of equal ones perhaps one only.

    Args:
        borders: (B,) ascending words, between which there are about as many each.
        folder: see `scratch.Scratch`.
    """
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
            yield from ascending(ranges.blocks(part), np.array(sorted(evenly), np.uint64), most, folder)
