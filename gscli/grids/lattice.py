"""The lattice that space is cut by: its cell size, its corner, and the options that ask for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..arguments import is_number, spelt
from ..errors import UsageError
from ..kernels import cellsize
from ..kernels.cell_keys import Span, lattice_span
from ..kernels.extent import Extent
from ..kernels.occupancy import Points
from ..results.shown import counted
from .settings import rows_wanted

DEFAULT_POINTS_PER_CELL = 20.0


@dataclass(frozen=True)
class Lattice:
    """Cells floor((x - origin) / size).

    Attributes:
        size: edge of a cell in scene units. origin: (3,) float64, a corner.
        why: where the size comes from, in words.
        span: the box of cells that the cloud it was made for lies in.
    """

    size: float
    origin: npt.NDArray[np.float64]
    why: str
    span: Span

    @property
    def corner(self) -> tuple[float, float, float]:
        x, y, z = (float(v) for v in self.origin)
        return x, y, z


def lay(
    extent: Extent,
    points: Points,
    *,
    voxel_size: float | None,
    points_per_cell: float | None,
    cells: int | str | None = None,
    origin: Sequence[float] | str | None,
) -> Lattice:
    """The lattice that options ask for; see `VoxelGrid.from_points`.

    Args:
        points: those that `extent` is of.

    Raises:
        UsageError: cells too small for the coordinates.
    """
    if origin is None:
        corner = np.zeros(3)
    elif isinstance(origin, str):
        corner = np.asarray(extent.low, np.float64)
    else:
        corner = np.asarray(origin, np.float64)
    corner = corner + 0.0  # -0 into +0: which of the two a minimum is depends on how it is taken
    why = "as given"
    if voxel_size is None:
        wanted = 0 if cells is None else rows_wanted(str(cells), extent.count, "cells")
        aim = DEFAULT_POINTS_PER_CELL if points_per_cell is None else points_per_cell
        aim = extent.count / wanted if wanted else aim
        voxel_size, out_of_reach = cellsize.search(extent, points, aim, corner)
        why = f"the round size nearest to {counted(wanted, 'cell') if wanted else f'{aim:g} points a cell'}"
        if out_of_reach:
            why = f"the smallest round size for points that lie so far out, above {aim:g} points a cell"
    size = float(voxel_size)  # a NumPy number would be spelled otherwise in comments and digests
    return Lattice(size, corner, why, lattice_span(extent.low, extent.high, size, corner))


def check_lattice_options(
    voxel_size: float | None,
    points_per_cell: float | None,
    origin: Sequence[float] | str | None,
    cells: int | str | None = None,
) -> None:
    """Refuse lattice options that no cloud could make sense of."""
    if voxel_size is not None and not (is_number(voxel_size) and 0 < voxel_size < float("inf")):
        raise UsageError(f"`voxel_size` must be a positive number, not {spelt(voxel_size)}")
    if points_per_cell is not None:
        if voxel_size is not None:
            raise UsageError(
                "`points_per_cell` has no effect beside `voxel_size`", remedy="give one of the two"
            )
        if not (is_number(points_per_cell) and 1 <= points_per_cell < float("inf")):
            raise UsageError(
                f"`points_per_cell` must be a number of at least 1, not {spelt(points_per_cell)}"
            )
    if cells is not None:
        if voxel_size is not None or points_per_cell is not None:
            other = "points_per_cell" if voxel_size is None else "voxel_size"
            raise UsageError(f"`cells` has no effect beside `{other}`", remedy="give one of the two")
        rows_wanted(str(cells), None, "cells")
    if isinstance(origin, str):
        if origin != "min":
            raise UsageError(f"`origin` {origin} is neither X,Y,Z nor min")
    elif origin is not None and not _is_corner(origin):
        raise UsageError("`origin` needs three finite numbers")


def require_one_for_all(voxel_size: float | None, origin: Sequence[float] | str | None) -> None:
    """Refuse lattices that each scene of a batch would lay otherwise.

    Raises:
        UsageError: no cell size, or an origin that follows from the points.
    """
    if voxel_size is None:
        raise UsageError("the scenes of a batch share one cell size", remedy="give `voxel_size`")
    if isinstance(origin, str):
        raise UsageError(
            f"`origin` {origin} is another corner for each scene of a batch",
            remedy="move the scenes there first",
        )


def _is_corner(origin: Any) -> bool:
    return np.shape(origin) == (3,) and all(is_number(v) and np.isfinite(v) for v in origin)


def lattice_options(voxel_size: float | None, points_per_cell: float | None, origin: Any) -> dict[str, bool]:
    """The arguments that ask for a lattice, and whether they were given."""
    given = {"voxel_size": voxel_size, "points_per_cell": points_per_cell, "origin": origin}
    return {name: value is not None for name, value in given.items()}
