"""VoxelGrid: the occupied cells of a cloud and the rows in each, ready to be drawn from repeatedly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from . import fields
from .cloud import GaussianCloud
from .device import is_torch
from .errors import InputError, UsageError
from .kernels import cells as lattice
from .kernels import cellsize, hashing, parallel, picks
from .methods import Method, method

DEFAULT_POINTS_PER_CELL = 20.0


@dataclass(frozen=True)
class VoxelGrid:
    """Rows grouped by cell. NumPy arrays, or torch tensors on one device.

    Attributes:
        order: (M,) int32 or int64 rows of the input, grouped by cell and ascending in each; M is less
            than `rows` where rows were dropped or belong to no cell.
        offsets: (C + 1,) int64; cell c holds ``order[offsets[c]:offsets[c + 1]]``, at least one row.
        cells: (C, 3) int64 lattice coordinates, or (C,) int64 ids of a given mapping.
        rows: how many rows the input has.
        voxel_size: edge of a cell in scene units; None with a given mapping.
        origin: a corner of the lattice in scene units; None with a given mapping.
        why: where the cell size comes from, in words.
    """

    order: Any
    offsets: Any
    cells: Any
    rows: int
    voxel_size: float | None = None
    origin: tuple[float, float, float] | None = None
    why: str = ""

    @classmethod
    def from_points(
        cls,
        xyz: Any,
        *,
        voxel_size: float | None = None,
        points_per_cell: float | None = None,
        origin: Sequence[float] | str | None = None,
        drop_invalid: bool = False,
        device: Any = None,
    ) -> VoxelGrid:
        """Group points by lattice cell: floor((x - origin) / voxel_size) in float64.

        Args:
            xyz: (N, 3) positions; NumPy, or torch, whose cells are grouped and kept on the tensor's device
                after a copy on the CPU was checked and gave the cell size.
            voxel_size: edge of a cell in scene units; None chooses a round one.
            points_per_cell: the mean occupancy that the chosen size aims at, at least 1 (default 20).
            origin: a corner of the lattice (default 0, 0, 0), or ``min`` for the lowest corner of the
                points. Cells of a fixed origin stay put when points are added or cropped.
            drop_invalid: leave rows with NaN or infinite positions out instead of refusing them.
            device: a torch device to group NumPy positions on.

        Raises:
            InputError: positions that are not finite.
            UsageError: a size that is no positive finite number, or too small for the coordinates.
        """
        check_lattice_options(voxel_size, points_per_cell, origin)
        on_cpu = xyz.detach().cpu().numpy() if is_torch(xyz) else np.asarray(xyz)
        if on_cpu.ndim != 2 or on_cpu.shape[1] != 3:
            raise UsageError(f"positions must have shape (N, 3), not {on_cpu.shape}")
        if on_cpu.dtype not in (np.float32, np.float64):
            on_cpu = on_cpu.astype(np.float64)
        columns = np.ascontiguousarray(on_cpu.T)
        valid = finite_rows(columns)
        if valid is not None:
            if not drop_invalid:
                first = int(np.argmin(valid))
                raise InputError(
                    f"{np.count_nonzero(~valid)} of {len(valid)} points have a NaN or infinite position, "
                    f"the first in row {first}",
                    remedy="add --drop-invalid to leave them out",
                )
            columns = columns[:, valid]
        low, high = (columns.min(1), columns.max(1)) if columns.shape[1] else (np.zeros(3), np.zeros(3))
        if origin is None:
            corner = np.zeros(3)
        elif isinstance(origin, str):
            corner = low.astype(np.float64)
        else:
            corner = np.asarray(origin, np.float64)
        why = "as given"
        if voxel_size is None:
            aim = DEFAULT_POINTS_PER_CELL if points_per_cell is None else points_per_cell
            voxel_size, out_of_reach = cellsize.choose(columns, aim, corner)
            why = f"the round size nearest to {aim:g} points a cell"
            if out_of_reach:
                why = f"the smallest round size for points that lie so far out, above {aim:g} points a cell"
        span = lattice.lattice_span(low, high, voxel_size, corner)
        if is_torch(xyz):
            device = xyz.device
        groups = lattice.group_lattice(_on(device, columns), voxel_size, corner, span)
        order = groups.order
        if valid is not None:
            order = _on(device, np.flatnonzero(valid).astype(np.int64))[order]
            order = order.astype(np.int32) if isinstance(order, np.ndarray) and len(valid) < 2**31 else order
        return cls(
            order,
            groups.offsets,
            groups.cells,
            rows=len(on_cpu),
            voxel_size=voxel_size,
            origin=(float(corner[0]), float(corner[1]), float(corner[2])),
            why=why,
        )

    @classmethod
    def from_ids(cls, ids: Any, *, device: Any = None) -> VoxelGrid:
        """Group rows by a given cell id, such as a precomputed point-to-grid mapping.

        Args:
            ids: (N,) integers below 2^63; gaps are fine, rows with the id -1 belong to no cell.

        Raises:
            InputError: ids below -1, or of 2^63 and more.
            UsageError: no integers, or of another shape.
        """
        if is_torch(ids):
            ids = ids.long()
            ends = [int(end) for end in (ids.min(), ids.max())] if len(ids) else []
        else:
            ids = np.asarray(ids)
            if ids.dtype.kind not in "iu" or ids.ndim != 1:
                raise UsageError(f"cell ids must be (N,) integers, not {ids.dtype} of shape {ids.shape}")
            ends = [int(ids.min()), int(ids.max())] if len(ids) else []
        for end in ends:
            if not -1 <= end < 2**63:
                raise InputError(f"has the cell id {end}; ids are -1 (no cell) to 2^63 - 1")
        if not is_torch(ids):
            ids = _on(device, ids.astype(np.int64))
        groups = lattice.group_ids(ids)
        return cls(groups.order, groups.offsets, groups.cells, rows=len(ids), why="as the given mapping says")

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

    def to(self, device: Any) -> VoxelGrid:
        """The same grid as torch tensors on a device, or as NumPy arrays for None."""
        if device is None:
            order, offsets, cells = (_to_numpy(a) for a in (self.order, self.offsets, self.cells))
        else:
            order, offsets, cells = (_on(device, a) for a in (self.order, self.offsets, self.cells))
        return replace(self, order=order, offsets=offsets, cells=cells)

    def share(self, total: int) -> Any:
        """(C,) int64 rows to keep of each cell, `total` in all, in proportion to what it has."""
        counts, first = _to_numpy(self.counts), _to_numpy(self.order[self.offsets[:-1]])
        return _like(self.offsets, picks.counts_for_total(counts, first, total))

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
            keys: (rows,) uint32 NumPy keys of a pick other than ``random``, from `pick_keys`.
            counts: what `Method.counts` gave for this draw, where it is known already.

        Returns:
            The rows kept, on the grid's device.
        """
        if isinstance(how, str):
            how = method(how)
        for name, value in (("seed", seed), ("epoch", epoch)):
            if not 0 <= value < 2**64:
                raise UsageError(f"--{name} must be between 0 and 2^64 - 1, not {value}")
        if (keys is None) != (how.pick == "random"):
            raise UsageError(f"the pick {how.pick} and the keys given do not go together")
        if how.name == "dense":
            return Draw(self._rows(self.order), 0)
        stream = hashing.stream(seed, epoch, how.name, hashing.KEY)
        if how.name == "one-per-grid" and keys is None:
            position = picks.one_per_cell(self.offsets, hashing.cell_uniforms(self.cells, stream))
            return Draw(self._rows(self.order[position]), 0)
        k, forced = how.counts(self, seed, epoch) if counts is None else counts
        if keys is None:
            sorted_keys = picks.random_keys(self.order, stream)
        else:
            sorted_keys = _like(self.order, keys[_to_numpy(self.order)])
        marked = picks.bottom_k_per_cell(self.offsets, sorted_keys, k)
        # Much faster than order[marked], whose branches are unpredictable.
        position = np.flatnonzero(marked) if isinstance(marked, np.ndarray) else marked
        return Draw(self._rows(self.order[position]), forced)

    def pick_keys(self, cloud: GaussianCloud, pick: str) -> npt.NDArray[Any] | None:
        """uint32 sort keys of every row of a cloud, smallest first; None for ``random``.

        opacity: most opaque first. importance: largest alpha x surface area of the ellipsoid first.
        center: nearest to the middle of its cell first. Computed by NumPy in float64 and rounded to
        float32, whatever the device.

        Raises:
            InputError: the cloud lacks the columns.
            UsageError: ``center`` with a given mapping, whose cells have no middle.
        """
        if pick == "random":
            return None
        if pick == "opacity":
            # The logit orders as the opacity does, and keeps apart what a sigmoid rounds to 1.
            return picks.ordered_keys(-cloud.columns((fields.OPACITY,))[0].astype(np.float64))
        if pick == "importance":
            scales = (
                fields.scale_names(cloud.fields)
                if len(fields.scale_names(cloud.fields)) >= 2
                else fields.SCALE
            )
            columns = cloud.columns((fields.OPACITY, *scales))
            keys = np.empty(len(cloud), np.uint32)
            for part in parallel.blocks(len(cloud)):
                with np.errstate(over="ignore", invalid="ignore"):
                    area = fields.ellipsoid_area(np.exp(columns[1:, part].astype(np.float64)))
                    keys[part] = picks.ordered_keys(-fields.sigmoid(columns[0, part]) * area)
            return keys
        return self._center_keys(cloud.xyz)

    def _center_keys(self, xyz: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if self.voxel_size is None or self.origin is None:
            raise UsageError("--pick center needs a lattice, and a given mapping has none")
        order, cells = _to_numpy(self.order), _to_numpy(self.cells)
        counts = np.diff(_to_numpy(self.offsets))
        squared = np.zeros(self.points)
        for axis in range(3):
            middle = np.repeat(self.origin[axis] + (cells[:, axis] + 0.5) * self.voxel_size, counts)
            squared += (xyz[order, axis] - middle) ** 2
        keys = np.empty(self.rows, np.uint32)
        keys[order] = picks.ordered_keys(squared)
        return keys

    def _rows(self, chosen: Any) -> Any:
        """Chosen rows in ascending order; a mask over the input beats sorting many."""
        if isinstance(chosen, np.ndarray):
            if len(chosen) == self.rows:
                return np.arange(self.rows)
            if len(chosen) < self.rows // 8:
                return np.sort(chosen).astype(np.int64)
            kept = np.zeros(self.rows, bool)
            kept[chosen] = True
            return np.flatnonzero(kept)
        import torch

        mask = torch.zeros(self.rows, dtype=torch.bool, device=chosen.device)
        mask[chosen.long()] = True
        return torch.nonzero(mask).squeeze(1)


@dataclass(frozen=True)
class Draw:
    """What one draw kept.

    Attributes:
        rows: (K,) int64 rows of the input, ascending.
        forced_cells: cells that the method's minimum made keep more than its ratio asked for.
    """

    rows: Any
    forced_cells: int


def finite_rows(xyz: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
    """(N,) bool, which of (3, N) positions are finite; None when all are."""
    if all(np.isfinite(axis[part]).all() for axis in xyz for part in parallel.blocks(xyz.shape[1])):
        return None
    valid: npt.NDArray[Any] = np.isfinite(xyz).all(0)
    return valid


def check_lattice_options(
    voxel_size: float | None, points_per_cell: float | None, origin: Sequence[float] | str | None
) -> None:
    """Refuse lattice options that no cloud could make sense of."""
    if voxel_size is not None and not 0 < voxel_size < float("inf"):
        raise UsageError(f"--voxel-size must be a positive number, not {voxel_size:g}")
    if points_per_cell is not None:
        if voxel_size is not None:
            raise UsageError(
                "--points-per-cell has no effect beside --voxel-size", remedy="give one of the two"
            )
        if not 1 <= points_per_cell < float("inf"):
            raise UsageError(f"--points-per-cell must be a number of at least 1, not {points_per_cell:g}")
    if isinstance(origin, str):
        if origin != "min":
            raise UsageError(f"--origin {origin} is neither X,Y,Z nor min")
    elif origin is not None and (len(origin) != 3 or not all(np.isfinite(origin))):
        raise UsageError("--origin needs three finite numbers")


def lattice_options(voxel_size: float | None, points_per_cell: float | None, origin: Any) -> dict[str, bool]:
    """The options that ask for a lattice, and whether they were given."""
    given = {"--voxel-size": voxel_size, "--points-per-cell": points_per_cell, "--origin": origin}
    return {option: value is not None for option, value in given.items()}


def _on(device: Any, array: Any) -> Any:
    """An array as a tensor on a torch device; unchanged for None."""
    if device is None:
        return array
    import torch

    return torch.as_tensor(array, device=device)


def _to_numpy(array: Any) -> npt.NDArray[Any]:
    result: npt.NDArray[Any] = array.cpu().numpy() if is_torch(array) else array
    return result


def _like(reference: Any, array: npt.NDArray[Any]) -> Any:
    """A NumPy array as whatever `reference` is; uint32 becomes int64 for torch, which cannot sort it."""
    if not is_torch(reference):
        return array
    return _on(reference.device, array.astype(np.int64))
