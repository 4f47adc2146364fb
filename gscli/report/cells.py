"""Cells for people."""

from __future__ import annotations

from ..grids.figures import GridFigures


def lines(grid: GridFigures, more: str = "") -> list[str]:
    """How large they are and why, and how many points lie in one."""
    size = "" if grid.voxel_size is None else f"{grid.voxel_size:g} wide: "
    told = [f"cells    {size}{grid.why}{more}"]
    if grid.occupancy.mean is not None:
        told.append(
            f"         {grid.cells:,} occupied, by {grid.occupancy.mean:.1f} points on average"
            f" and {grid.occupancy.max:,} at most"
        )
    return told
