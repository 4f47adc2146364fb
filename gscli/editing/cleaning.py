"""Rows that stand apart: small groups far from the rest, and points whose neighbours are far."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..grids.voxel_grid import VoxelGrid
from ..kernels import parallel
from ..kernels.connected import connected
from ..neighbors import mean_distance
from ..positions import finite_rows, not_finite
from ..results.shown import counted

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

POINTS_PER_CELL = 20  # on the average, where no size of cells is given


def floaters(xyz: Array, share: float, size: float | None) -> tuple[Mask, str]:
    """Which points are in groups of cells that hold less than a share of all points, and how to tell of it.

    Args:
        xyz: (3, N) positions. share: below 1.
        size: of cells, in scene units; None for the round one nearest to `POINTS_PER_CELL`.

    Returns:
        (N,) True for those in small groups. Cells that touch are of one group, see `gscli.kernels.connected`.

    Raises:
        InputError: positions that are not finite. UsageError: too small a size for the coordinates.
    """
    _require_finite(xyz)
    aim = None if size else POINTS_PER_CELL
    grid = VoxelGrid.from_points(xyz.T, voxel_size=size, points_per_cell=aim)
    sizes = np.diff(grid.offsets)
    group = connected(grid.cells)
    points = np.bincount(group, sizes, len(group)).astype(np.int64)  # of groups, at their first cell
    small = points < share * xyz.shape[1]
    there = points > 0
    dropped: Mask = np.zeros(xyz.shape[1], bool)
    dropped[grid.order] = np.repeat(small[group], sizes)
    groups = f"{counted(int((there & small).sum()), 'group')} of {int(there.sum()):,}"
    return dropped, f"{groups}, cells of {grid.voxel_size:g}"


def outliers(xyz: Array, k: int, deviations: float) -> tuple[Mask, str]:
    """Which points are farther from their neighbours than usual, and how to tell of it.

    Args:
        xyz: (3, N) positions. k: neighbours, see `gscli.neighbors.knn`.
        deviations: how many standard deviations above the mean of all the mean distance to the k nearest is.

    Returns:
        (N,) True for those that are (Rusu et al., 2008).

    Raises:
        InputError: positions that are not finite, or no more than `k` of them.
    """
    _require_finite(xyz)
    if xyz.shape[1] <= k:
        raise InputError(f"has {counted(xyz.shape[1], 'point')}, which have no {k} neighbours each")
    mean = mean_distance(xyz.T, k)
    middle = _sum(mean, lambda part: part) / len(mean)
    deviation = math.sqrt(_sum(mean, lambda part: (part - middle) ** 2) / (len(mean) - 1))
    limit = middle + deviations * deviation
    return mean > limit, f"farther than {limit:.4g} from their {k} nearest on the average"


def _sum(values: Array, of: Callable[[Array], Array]) -> float:
    """The sum of something of each value, correctly rounded, without a list of all."""
    return math.fsum(each for part in parallel.blocks(len(values)) for each in of(values[part]).tolist())


def _require_finite(xyz: Array) -> None:
    finite = finite_rows(xyz)
    if finite is not None:
        odd = np.flatnonzero(~finite)
        remedy = "drop them before, by `where='isfinite(x) and isfinite(y) and isfinite(z)'`"
        raise not_finite(len(odd), len(finite), int(odd[0]), remedy=remedy)
