"""`gscli.resample.Resampled` as a JSON document and as a summary."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import files
from ..grids.tiled_grid import TiledGrid
from ..grids.voxel_grid import VoxelGrid
from ..resample import Output, Resampled
from . import document as documents

SCHEMA = "gscli/resample/1"


def document(result: Resampled) -> dict[str, Any]:
    """Keys as in the documentation; `kept` is there when there is one output, null is what had no effect."""
    content = documents.document(
        SCHEMA,
        input={
            "path": result.path,
            "format": result.format,
            "bytes": result.bytes,
            "points": result.points,
            "dropped": result.dropped,
        },
        options=result.options,
        outputs=[_output(output) for output in result.outputs],
        grid=_grid(result.grid, result.cache),
    )
    if len(result.outputs) == 1:
        content["kept"] = _kept(result.outputs[0])
    content["device"] = result.device
    content["notes"] = list(result.notes)
    content["timings_s"] = documents.seconds(result.timings)
    return content


def summary(result: Resampled, *, verbose: bool = False) -> list[str]:
    """Lines for people: the cell size and why, what each output kept, how long it took."""
    grid = result.grid
    lines = [f"read     {result.path}: {result.points:,} points ({result.format})"]
    if result.dropped:
        lines.append(f"dropped  {result.dropped:,} points that are not finite or in no cell")
    occupancy = _occupancy(grid)
    size = "" if grid.voxel_size is None else f"{grid.voxel_size:g} wide: "
    lines.append(f"cells    {size}{grid.why}; grid cache: {result.cache}")
    if occupancy["mean"] is not None:
        lines.append(
            f"         {len(grid):,} occupied, by {occupancy['mean']:.1f} points on average"
            f" and {occupancy['max']:,} at most"
        )
    for output in result.outputs:
        line = f"wrote    {files.display_output(output.path)}: {output.points:,} points, "
        line += f"{documents.percent(output.fraction, 1)} kept by {output.method.name}"
        if output.method.uses_seed:
            line += f", seed {output.seed}"
            line += f" epoch {output.epoch}" if output.epoch else ""
        if output.forced_cells:
            least = output.method.min_per_cell
            kept = "one" if least == 1 else f"the minimum of {least:,}"
            line += f"; {output.forced_cells:,} cells forced to keep {kept}"
        lines.append(line)
    lines += [f"note     {note}" for note in result.notes]
    total = sum(result.timings.values())
    limit = result.options.get("memory_limit")
    if verbose and limit is not None:
        tiles = _tiles(grid)
        done = "in one piece" if tiles is None else f"in {tiles:,} tile{'s' * (tiles != 1)}"
        lines.append(f"memory   at most {limit / 1e6:,.0f} MB: {done}")
    stages = ", ".join(f"{stage} {value:.2f}" for stage, value in result.timings.items())
    lines.append(f"took     {total:.2f} s" + (f" ({stages})" if verbose else "") + f" on {result.device}")
    return lines


def _output(output: Output) -> dict[str, Any]:
    how = output.method
    settings = how.settings()
    settings.setdefault("pick", None)
    return {
        "path": output.path,
        "points": output.points,
        "method": how.name,
        **settings,
        "seed": output.seed if how.uses_seed else None,
        "epoch": output.epoch if how.uses_seed else None,
        "kept": _kept(output),
        "index": output.index,
    }


def _kept(output: Output) -> dict[str, Any]:
    return {"points": output.points, "fraction": output.fraction, "forced_cells": output.forced_cells}


def _grid(grid: VoxelGrid | TiledGrid, cache: str) -> dict[str, Any]:
    return {
        "voxel_size": grid.voxel_size,
        "why": grid.why,
        "origin": grid.origin,
        "cells": len(grid),
        "occupancy": _occupancy(grid),
        "cache": cache,
        "tiles": _tiles(grid),
    }


def _tiles(grid: VoxelGrid | TiledGrid) -> int | None:
    """In how many tiles it was cut; None for one piece in memory."""
    return grid.tiles if isinstance(grid, TiledGrid) else None


def _occupancy(grid: VoxelGrid | TiledGrid) -> dict[str, Any]:
    if not len(grid):
        return {"mean": None, "median": None, "max": None}
    sizes, cells = grid.sizes()
    upto = cells.cumsum()
    count = int(upto[-1])
    middle = sizes[np.searchsorted(upto, [(count - 1) // 2, count // 2], side="right")]
    mean = float(grid.points / count)
    return {"mean": mean, "median": float(middle.mean()), "max": int(sizes[-1])}
