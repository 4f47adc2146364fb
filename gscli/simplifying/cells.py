"""Rows that lie in one cell become one: the density-invariant twin of merging pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud
from ..errors import UsageError
from ..grids.voxel_grid import VoxelGrid
from ..kernels import ladder
from ..results.shown import counted
from . import clusters
from .gaussians import Gaussians
from .hierarchy import hierarchy
from .making import Maker

FINER = 20  # rungs of the ladder, a decade, that are climbed down for as many cells as are asked for


@dataclass(frozen=True)
class CellsAsked:
    """What cells are asked for; see `VoxelGrid.from_points`.

    Attributes:
        voxel_size, points_per_cell: None for a size that the target, or 20 points a cell, lead to.
        origin: a corner.
    """

    voxel_size: float | None
    points_per_cell: float | None
    origin: Sequence[float] | str | None

    def grid(self, cloud: GaussianCloud, count: int | None) -> VoxelGrid:
        """The cells of a scene: of a round size, of which there are `count`, or as few more as can be.

        Where there are fewer, even a decade further down, those.
        """
        xyz = cloud.columns(fields.POSITION).T
        if count is None or self.voxel_size is not None:
            return VoxelGrid.from_points(
                xyz,
                voxel_size=self.voxel_size,
                points_per_cell=self.points_per_cell,
                origin=self.origin,
            )
        grid = VoxelGrid.from_points(xyz, cells=count, origin=self.origin)
        for _ in range(FINER):
            if len(grid) >= count:
                break
            assert grid.voxel_size is not None
            try:
                size = ladder.below(grid.voxel_size)
                grid = VoxelGrid.from_points(xyz, voxel_size=size, origin=self.origin)
            except UsageError:  # too small for points that lie so far out
                break
        wanted = counted(count, "cell")
        if len(grid) < count:
            return replace(grid, why=f"finer ones are not {wanted} either; pairs alone are merged")
        return replace(grid, why=f"a round size for {wanted} at least")


def roots(maker: Maker, grid: VoxelGrid, count: int) -> npt.NDArray[np.int64]:
    """(N,) of each row one of those that it becomes one with: the rows of its cell.

    Where there are more cells than `count`, pairs of what they become are merged; where there are fewer,
    pairs of rows are, as if there were no cells.
    """
    found = np.arange(len(maker.gaussians.cloud))
    if len(grid) >= count:
        found[grid.order] = np.repeat(grid.order[grid.offsets[:-1]], np.diff(grid.offsets))
    if len(grid) == count:
        return found
    cells = clusters.Clusters.of(found, maker.weights)
    cloud = maker.merged(cells).cloud
    weights = np.bincount(cells.new, maker.weights)
    pairs = hierarchy(Gaussians.of(cloud, maker.name), weights, count)
    return cells.chosen[pairs.roots(count)][cells.new]
