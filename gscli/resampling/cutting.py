"""The grid that a scene is cut by: kept from last time, computed, or read from a grid file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

import numpy as np
import numpy.typing as npt

from .. import device, fields, flaws
from ..cloud import GaussianCloud
from ..grids import grid_files
from ..grids.budget import Budget
from ..grids.cache import GridCache
from ..grids.cache import key as cache_key
from ..grids.draw import Draw
from ..grids.picking import Pick
from ..grids.voxel_grid import VoxelGrid
from ..kernels.extent import stride
from ..progress import Timings, Track

if TYPE_CHECKING:
    import torch

    from ..grids.tiled_grid import TiledGrid


@dataclass(frozen=True)
class Cut:
    """A scene cut into cells.

    Attributes:
        cache: ``hit``, ``miss`` or ``off``.
        notes: what a user should be told.
        flaws: of the rows; None with a grid file, for which they are not looked at.
        draw: the grid's `draw`, given the keys of the pick.
    """

    grid: VoxelGrid | TiledGrid
    cache: str
    notes: list[str]
    draw: Callable[..., Draw]
    flaws: flaws.Flaws | None


class Mapped(NamedTuple):
    """A grid file, the scene that it is of, and whether it was found there: nobody named it."""

    path: Path
    source: Path | None
    found: bool


class Shape(TypedDict):
    """What was asked of a lattice; see `VoxelGrid.from_points`."""

    voxel_size: float | None
    points_per_cell: float | None
    cells: str | None
    origin: Sequence[float] | str | None
    drop_invalid: bool


@contextmanager
def cut(
    cloud: GaussianCloud,
    pick: Pick,
    shape: Shape,
    *,
    drop: flaws.Dropped,
    mapped: Mapped | None,
    where: torch.device | None,
    cache: GridCache | None,
    budget: Budget | None,
    beside: str | None,
    timings: Timings,
    track: Track,
) -> Iterator[Cut]:
    """Cut a scene into the cells of a grid file or of a lattice, in tiles if there is a budget.

    Args:
        pick: the pick of the draws that will be made.
        drop: which flawed rows are in no cell; the shape says whether any.
        where: the device for what is not in tiles.
        beside: an output, in whose folder temporary files go; None where it is in memory.
    """
    xyz, sample, found = None, None, None
    if mapped is None and budget is None:
        with timings.stage("read", track):
            xyz = cloud.columns(fields.POSITION)
            if drop == flaws.GAUSSIANS:
                found = flaws.of(cloud, xyz)
            sample = xyz[:, :: stride(len(cloud))].copy()
    cached = "off"
    with ExitStack() as closing:
        grid: VoxelGrid | TiledGrid
        with timings.stage("grid", track):
            if mapped is not None:
                grid = from_file(mapped, len(cloud), where)
            elif xyz is not None:
                grid, cached = from_positions(xyz, shape, where, cache)
                found = found or flaws.Flaws(len(cloud) - grid.points)
            else:
                from ..grids.tiled_grid import TiledGrid
                from ..scratch import folder_for

                assert budget is not None
                grid = TiledGrid.from_cloud(cloud, budget, folder_for(beside), pick=pick, drop=drop, **shape)
                closing.callback(grid.close)
                sample, found = grid.sample, grid.flaws
            device.synchronise(where)
        del xyz
        notes = [] if sample is None else precision_note(sample, grid)
        draw: Callable[..., Draw] = grid.draw
        if isinstance(grid, VoxelGrid):
            with timings.stage("draw", track):
                draw = partial(grid.draw, keys=grid.pick_keys(cloud, pick))
        yield Cut(grid, cached, notes, draw, found)


def from_positions(
    xyz: npt.NDArray[Any], shape: Shape, where: torch.device | None, cache: GridCache | None
) -> tuple[VoxelGrid, str]:
    """Load the grid of (3, N) positions from the cache, or build and keep it."""
    name = ""
    if cache is not None:
        origin = shape["origin"]
        corner = origin if origin is None or isinstance(origin, str) else tuple(float(v) for v in origin)
        name = cache_key(xyz, **{**shape, "origin": corner})
        found = cache.load(name, xyz.shape[1])
        if found is not None:
            return found.to(where), "hit"
    grid = VoxelGrid.from_points(xyz.T, **shape, device=where)
    if cache is None:
        return grid, "off"
    cache.store(name, grid.to(None))
    return grid, "miss"


def precision_note(some: npt.NDArray[Any], grid: VoxelGrid | TiledGrid) -> list[str]:
    """Tell when float32 storage is too coarse for the cells, from (3, M) of the positions."""
    if some.dtype != np.float32 or not grid.points or grid.voxel_size is None:
        return []
    some = np.abs(some)
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


def from_file(mapped: Mapped, rows: int, where: torch.device | None) -> VoxelGrid:
    """The grid of a grid file."""
    ids = grid_files.read_mapping(mapped.path, rows, scene=mapped.source)
    why = f"as {mapped.path} says"
    if mapped.found:
        why = f"as {mapped.path.name} says, the scene's grid of the highest rank"
    return replace(VoxelGrid.from_ids(ids, device=where), why=why)
