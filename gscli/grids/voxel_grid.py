"""VoxelGrid: the occupied cells of a cloud and the rows in each, ready to be drawn from repeatedly.

One module: a grid is made, asked and drawn from in it, and the lengthy part of it are its docstrings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..cloud import GaussianCloud
from ..device import enough_memory, is_torch, to_numpy
from ..errors import UsageError
from ..kernels import hashing
from ..kernels.cells import group_ids, group_lattice
from ..results import shown
from . import lattice, marking, picking, scenes
from .draw import Draw, like, none_kept, on, rows_of
from .located import identified, located
from .methods import Method, method
from .picking import Pick

if TYPE_CHECKING:
    import torch

    from ..kernels import shares


@dataclass(frozen=True, repr=False, eq=False)
class VoxelGrid:
    """Rows grouped by cell. NumPy arrays, or torch tensors on one device.

    Attributes:
        order: (M,) int32 or int64 rows of the input, grouped by cell and ascending in each; M is less
            than `rows` where rows were dropped or belong to no cell.
        offsets: (C + 1,) int64; cell c holds ``order[offsets[c]:offsets[c + 1]]``, at least one row.
        cells: (C, 3) int64 lattice coordinates, or (C,) int64 ids of a given mapping. Of a batch (C, 4) or
            (C, 2), by scene: its number comes first.
        rows: how many rows the input has.
        voxel_size: edge of a cell in scene units; None with a given mapping.
        origin: a corner of the lattice in scene units; None with a given mapping.
        why: where the cell size comes from, in words.
        ends: where each scene of a batch ends among the rows; None where there is one scene.
    """

    order: Any
    offsets: Any
    cells: Any
    rows: int
    voxel_size: float | None = None
    origin: tuple[float, float, float] | None = None
    why: str = ""
    ends: tuple[int, ...] | None = None

    @classmethod
    def from_points(
        cls,
        xyz: Any,
        *,
        voxel_size: float | None = None,
        points_per_cell: float | None = None,
        cells: int | str | None = None,
        origin: Sequence[float] | str | None = None,
        drop_invalid: bool = False,
        offset: Any = None,
        device: torch.device | None = None,
    ) -> VoxelGrid:
        """Group points by lattice cell: floor((x - origin) / voxel_size) in float64.

        Args:
            xyz: (N, 3) positions; NumPy, or torch, which are checked, measured, grouped and kept on the
                tensor's device. Half precision is taken as it is: bfloat16 tells coordinates apart to 2 or 3
                digits.
            voxel_size: edge of a cell in scene units; None chooses a round one.
            points_per_cell: the mean occupancy that the chosen size aims at, at least 1 (default 20).
            cells: or the number of occupied cells that it aims at; a share of the points as ``5%``.
            origin: a corner of the lattice (default 0, 0, 0), or ``min`` for the lowest corner of the
                points. Cells of a fixed origin stay put when points are added or cropped.
            drop_invalid: leave rows with NaN or infinite positions out instead of refusing them.
            offset: (B,) where each scene of a batch ends, as Pointcept has it: no cell holds points of two.
                `voxel_size` has to be given then.
            device: a torch device to group NumPy positions on.

        Raises:
            InputError: positions that are not finite.
            UsageError: a size that is no positive finite number, or too small for the coordinates; an offset
                that does not ascend to the number of points.
            EngineUnavailable: a GPU has no memory to sort the points.
        """
        lattice.check_lattice_options(voxel_size, points_per_cell, origin, cells)
        if offset is not None:
            lattice.require_one_for_all(voxel_size, origin)
        with enough_memory("to hold the points"):
            found = located(xyz, device, drop_invalid=drop_invalid, some=voxel_size is None)
        with enough_memory(f"to cut {found.rows:,} points into cells"):
            laid = lattice.lay(
                found.extent,
                found.points,
                voxel_size=voxel_size,
                points_per_cell=points_per_cell,
                cells=cells,
                origin=origin,
            )
            ends = None if offset is None else scenes.ends_of(offset, found.rows)
            inside = ends if ends is None or found.kept is None else scenes.of_kept(ends, found.kept)
            groups = group_lattice(found.columns, laid.size, laid.origin, laid.span, inside)
            order = groups.order if found.kept is None else found.kept[groups.order]
        return cls(
            order,
            groups.offsets,
            groups.cells,
            rows=found.rows,
            voxel_size=laid.size,
            origin=laid.corner,
            why=laid.why,
            ends=ends,
        )

    @classmethod
    def from_ids(cls, ids: Any, *, offset: Any = None, device: torch.device | None = None) -> VoxelGrid:
        """Group rows by a given cell id, such as a precomputed point-to-grid mapping.

        Args:
            ids: (N,) integers below 2^63; gaps are fine, rows with the id -1 belong to no cell.
            offset: as of `from_points`: equal ids of two scenes are two cells.
            device: a torch device to group NumPy ids on.

        Raises:
            InputError: ids below -1, or of 2^63 and more.
            UsageError: no integers, or of another shape; an offset that does not ascend to their number.
            EngineUnavailable: a GPU has no memory to sort the rows.
        """
        ids = identified(ids, device)
        ends = None if offset is None else scenes.ends_of(offset, len(ids))
        why = "as the given mapping says"
        with enough_memory(f"to cut {len(ids):,} points into cells"):
            groups = group_ids(ids, ends)
        return cls(*groups, rows=len(ids), why=why, ends=ends)

    def _repr_html_(self) -> str:
        size = {} if self.voxel_size is None else {"cell size": self.voxel_size, "why": self.why}
        return shown.table("VoxelGrid", {"points": self.points, "cells": len(self), **size})

    def __repr__(self) -> str:
        size = "" if self.voxel_size is None else f" of {self.voxel_size:g}"
        return (
            f"<VoxelGrid: {shown.counted(self.points, 'point')} in {shown.counted(len(self), 'cell')}{size}>"
        )

    def __len__(self) -> int:
        """The number of occupied cells."""
        return len(self.offsets) - 1

    @property
    def points(self) -> int:
        """The number of rows that are in a cell."""
        return len(self.order)

    @property
    def counts(self) -> Any:
        """(C,) int64 rows in each cell, all at least 1."""
        return self.offsets[1:] - self.offsets[:-1]

    @property
    def first_rows(self) -> Any:
        """(C,) the lowest row of each cell."""
        return self.order[self.offsets[:-1]]

    def sizes(self) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """(S,) int64, the different numbers of rows that cells have, ascending; (S,) how many cells do."""
        sizes, cells = np.unique(self._told[1], return_counts=True)
        return sizes, cells

    def to(self, device: torch.device | None) -> VoxelGrid:
        """The same grid as torch tensors on a device, or as NumPy arrays for None."""
        if device is None:
            order, offsets, cells = (to_numpy(a) for a in (self.order, self.offsets, self.cells))
        else:
            order, offsets, cells = (on(device, a) for a in (self.order, self.offsets, self.cells))
        return replace(self, order=order, offsets=offsets, cells=cells)

    def lots(self, stream: int) -> shares.Cells:
        """What a total is shared over cells by; NumPy arrays."""
        from ..kernels import shares

        cells, counts, first_rows = self._told
        return shares.Cells(counts, hashing.cell_words(cells, stream), first_rows)

    @cached_property
    def _told(self) -> tuple[npt.NDArray[Any], ...]:
        """The cells, their counts and first rows as NumPy arrays; from a device by one transfer."""
        columns = [self.cells, self.counts, self.first_rows]
        if not is_torch(self.order):
            return tuple(columns)
        import torch

        table = to_numpy(torch.column_stack(columns))
        cells = table[:, :-2] if self.cells.ndim > 1 else table[:, 0]
        return tuple(map(np.ascontiguousarray, (cells, table[:, -2], table[:, -1])))

    def wanted(self, how: Method, *, seed: int, epoch: int) -> tuple[Any, int]:
        """How many rows of each cell a method keeps.

        Args:
            how, seed, epoch: as of `draw`.

        Returns:
            (C,) int64 on the grid's device, and the number of cells that the method's minimum raised.

        Raises:
            UsageError: the method's `target` exceeds the rows there are.
        """
        total = how.total(self.points)
        if total is not None:
            cells = self.lots(hashing.stream(seed, epoch, how.name, hashing.ROUND))
            shared = how.shares(*self.sizes(), total, seed=seed, epoch=epoch).drawn(lambda: [cells])
            return like(self.offsets, shared.of(cells)), 0

        def uniforms(use: int) -> Any:
            return hashing.cell_uniforms(self.cells, hashing.stream(seed, epoch, how.name, use))

        counts, forced = how.rule.counts(how, self.counts, uniforms)
        return counts, int(forced)

    def draw(
        self,
        how: Method | str,
        *,
        seed: int = 0,
        epoch: int = 0,
        keys: Any = None,
        counts: tuple[Any, int] | None = None,
    ) -> Draw:
        """Choose rows: as many of each cell as a method says.

        Args:
            how: a method or its name.
            seed, epoch: integers from 0 to 2^64 - 1; every pair is an independent draw.
            keys: (rows,) uint32 NumPy keys from `pick_keys`; None where there are none.
            counts: what `wanted` gave for this draw, where it is known already.

        Returns:
            The rows kept, on the grid's device.
        """
        if isinstance(how, str):
            how = method(how)
        if not isinstance(how, Method):
            raise UsageError(f"`how` must be a method or its name, not {how!r}")
        hashing.require_seeds(seed=seed, epoch=epoch)
        if how.picks:
            if (keys is None) != how.pick.uniform:
                raise UsageError(f"the pick {how.pick.name} and the keys given do not go together")
            if keys is not None:
                keys = keys[to_numpy(self.order)]
        kept = none_kept(self.order, self.rows)
        forced = marking.mark(self, kept, how, seed=seed, epoch=epoch, keys=keys, counts=counts)
        return Draw(rows_of(kept), forced)

    def weights(self, draw: Draw) -> tuple[npt.NDArray[np.float32], int]:
        """For how many rows of its cell each row of a draw stands; see `gscli.kernels.compensation`.

        Returns:
            (rows,) weights, 0 of rows that are not in the draw; and how many rows none stands for.
        """
        kept, found = np.zeros(self.rows, bool), np.zeros(self.rows, np.float32)
        kept[draw.kept] = True
        return found, marking.weigh(self, kept, found)

    def pick_keys(self, cloud: GaussianCloud, pick: Pick | str) -> npt.NDArray[np.uint32] | None:
        """(rows,) uint32 keys that a pick has for every draw of a cloud; None where all is chance.

        Raises:
            InputError: the cloud lacks the columns.
            UsageError: no such pick; or one by the place in the cell with a given mapping, whose cells
                have no middle.
        """
        if isinstance(pick, str):
            pick = picking.pick(pick)
        if pick.by_columns is not None:
            return pick.by_columns(cloud.columns(pick.columns(cloud.fields)))
        if pick.by_place is None:
            return None
        if self.voxel_size is None or self.origin is None:
            raise UsageError(f"`pick={pick.name!r}` needs a lattice, and a given mapping has none")
        order, cells = to_numpy(self.order), to_numpy(self.cells)[:, -3:]
        keys = np.empty(self.rows, np.uint32)
        keys[order] = pick.by_place(
            cloud.xyz.T, order, cells, np.diff(to_numpy(self.offsets)), self.voxel_size, self.origin
        )
        return keys
