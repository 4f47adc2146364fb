"""The grid that a scene is cut by: kept from last time, computed, or read from a grid file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from . import mapping
from .cache import GridCache
from .cache import key as cache_key
from .grid import VoxelGrid


def from_positions(
    xyz: npt.NDArray[Any],
    voxel_size: float | None,
    points_per_cell: float | None,
    origin: Sequence[float] | str | None,
    drop_invalid: bool,
    where: Any,
    cache: GridCache | None,
) -> tuple[VoxelGrid, str]:
    """Load the grid of (3, N) positions from the cache, or build and keep it."""
    name = ""
    if cache is not None:
        corner = origin if origin is None or isinstance(origin, str) else tuple(float(v) for v in origin)
        name = cache_key(
            xyz,
            voxel_size=voxel_size,
            points_per_cell=points_per_cell,
            origin=corner,
            drop_invalid=drop_invalid,
        )
        found = cache.load(name)
        if found is not None:
            return found.to(where), "hit"
    grid = VoxelGrid.from_points(
        xyz.T,
        voxel_size=voxel_size,
        points_per_cell=points_per_cell,
        origin=origin,
        drop_invalid=drop_invalid,
        device=where,
    )
    if cache is None:
        return grid, "off"
    cache.store(name, grid.to(None))
    return grid, "miss"


def precision_note(xyz: npt.NDArray[Any], grid: VoxelGrid) -> list[str]:
    """Tell when float32 storage is too coarse for the cells."""
    if xyz.dtype != np.float32 or not grid.points or grid.voxel_size is None:
        return []
    some = np.abs(xyz[:, :: max(1, xyz.shape[1] // 4096)])
    some = np.where(np.isfinite(some), some, 0.0)
    # the median: a few flyaways are not what is far from zero
    typical = np.sort(some, axis=1)[:, some.shape[1] // 2].max()
    step = float(np.spacing(np.float32(typical)))
    if step * 16 < grid.voxel_size:
        return []
    return [
        f"positions are stored in float32 and so far from zero that they come in steps of {step:g}, "
        f"against cells of {grid.voxel_size:g}: store them shifted towards zero, or as doubles"
    ]


def from_file(path: Path, source: str | os.PathLike[str], rows: int, found: bool, where: Any) -> VoxelGrid:
    """The grid of a grid file; `found` says that nobody named it."""
    ids = mapping.read_mapping(path, rows, scene=source)
    why = f"as {path.name} says, the scene's grid of the highest rank" if found else f"as {path} says"
    return replace(VoxelGrid.from_ids(ids, device=where), why=why)
