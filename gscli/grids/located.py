"""Positions that a lattice can be laid over: finite, measured and countable; NumPy arrays, or on a device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import arguments
from .. import device as devices
from ..device import is_torch
from ..kernels import cell_groups, extent, occupancy
from ..kernels.extent import Extent
from ..positions import finite_rows, not_finite
from .draw import on

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Located:
    """Positions, all of them finite.

    Attributes:
        columns: (3, M), a NumPy array or a tensor.
        kept: (M,) int32 or int64, the rows of the input that they are; None for all.
        rows: how many rows the input has.
        extent: that of the positions; on a device without some of them, unless they were asked for.
    """

    columns: Any
    kept: Any
    rows: int
    extent: Extent

    @property
    def points(self) -> occupancy.Points:
        """They can be counted by cells: by NumPy wherever it reaches them, which is faster on a CPU."""
        if is_torch(self.columns) and within_reach(self.columns):
            return occupancy.in_memory(np.ascontiguousarray(self.columns.numpy()))
        return occupancy.in_memory(self.columns)


def within_reach(tensor: torch.Tensor) -> bool:
    """Whether NumPy can look at a tensor as it is."""
    return bool(tensor.is_cpu)


def located(xyz: Any, device: torch.device | None, *, drop_invalid: bool, some: bool) -> Located:
    """Positions as `VoxelGrid.from_points` takes them.

    Of a tensor, or with a device, all is done there: to the CPU go two corners, which also tell whether all
    positions are finite, and some of the points.

    Args:
        xyz, device, drop_invalid: see there.
        some: whether a cell size will be looked for, so that some of the points are needed.

    Raises:
        InputError: positions that are not finite. UsageError: no (N, 3) numbers.
    """
    if is_torch(xyz):
        return _on_device(_numbers(xyz), drop_invalid, some)
    array = arguments.array(xyz, "xyz", "biuf", "(N, 3) numbers", (3,))
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    if device is not None:
        return _on_device(on(device, np.ascontiguousarray(array)), drop_invalid, some)
    columns, kept = np.ascontiguousarray(array.T), None
    valid = finite_rows(columns)
    if valid is not None:
        if not drop_invalid:
            raise not_finite(int(np.count_nonzero(~valid)), len(valid), int(np.argmin(valid)))
        columns = columns[:, valid]
        kept = np.flatnonzero(valid).astype(np.int32 if len(valid) < 2**31 else np.int64)
    return Located(columns, kept, len(array), extent.extent_of(columns))


def _numbers(xyz: torch.Tensor) -> torch.Tensor:
    """(N, 3) positions as float32 or float64, whichever holds them."""
    import torch

    devices.require_numbers(xyz)
    if xyz.ndim != 2 or xyz.shape[1] != 3 or xyz.is_complex():
        raise arguments.not_numbers(xyz, "xyz", "(N, 3) numbers")
    xyz = xyz.detach()
    if xyz.dtype in (torch.float16, torch.bfloat16):
        return xyz.float()
    return xyz if xyz.dtype == torch.float32 else xyz.double()


def _on_device(xyz: torch.Tensor, drop_invalid: bool, some: bool) -> Located:
    import torch

    rows, kept = len(xyz), None
    found = extent.extent_on_device(xyz.T, some=some)
    if not (np.isfinite(found.low).all() and np.isfinite(found.high).all()):
        valid = torch.cat(
            [*devices.pieces(lambda part: xyz[part].isfinite().all(dim=1), rows, extent.PIECE, extent.LEAST)]
        )
        if not drop_invalid:
            bad = torch.nonzero(~valid).squeeze(1)
            raise not_finite(len(bad), rows, int(bad[0]))
        kept = torch.nonzero(valid).squeeze(1)
        xyz, kept = xyz[kept], kept.int() if rows < 2**31 else kept
        found = extent.extent_on_device(xyz.T, some=some)
    return Located(xyz.T, kept, rows, found)


def identified(ids: Any, device: torch.device | None) -> Any:
    """(N,) int64 cell ids as `VoxelGrid.from_ids` takes them: an array, or a tensor (its uint64 looked at).

    Raises:
        InputError: ids below -1 (of an array), or of 2^63 and more. UsageError: no (N,) integers.
    """
    if is_torch(ids):
        devices.require_numbers(ids)
        if ids.ndim != 1 or ids.is_floating_point() or ids.is_complex() or str(ids.dtype) == "torch.bool":
            raise arguments.not_numbers(ids, "ids", "(N,) integers")
        found = ids.long()
        if str(ids.dtype) == "torch.uint64" and len(beyond := found[found < 0]):  # -1 would be no cell
            cell_groups.require_ids(0, int(beyond.max()) + 2**64)
        return found
    ids = arguments.array(ids, "ids", "iu", "(N,) integers", ())
    if len(ids):
        cell_groups.require_ids(int(ids.min()), int(ids.max()))
    return on(device, ids.astype(np.int64))
