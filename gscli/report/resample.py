"""`gscli.resample.Resampled` for people."""

from __future__ import annotations

from .. import files
from ..resampling.result import Compensated, Resampled
from ..results.shown import counted
from . import cells, numbers


def summary(result: Resampled, *, verbose: bool = False) -> list[str]:
    """Lines for people: the cell size and why, what each output kept, how long it took."""
    lines = [f"read     {result.path}: {counted(result.points, 'point')} ({result.format})"]
    if result.dropped:
        lines.append(f"dropped  {_dropped(result)}")
    lines += cells.lines(result.grid, f"; grid cache: {result.cache}")
    for output in result.outputs:
        line = f"wrote    {files.display_output(output.path)}: {counted(output.points, 'point')}, "
        line += f"{numbers.percent(output.fraction, 1)} kept by {output.method.name}"
        if output.method.uses_seed:
            line += f", seed {output.seed}"
            line += f" epoch {output.epoch}" if output.epoch else ""
        if output.forced_cells:
            least = output.method.min_per_cell
            kept = "one" if least == 1 else f"the minimum of {least:,}"
            line += f"; {counted(output.forced_cells, 'cell')} forced to keep {kept}"
        lines.append(line)
        if output.compensated is not None:
            lines.append(f"opacity  {_compensated(output.compensated)}")
        if output.render is not None:
            views = f"{output.render.views} views"
            lines.append(f"looks    {numbers.looks(output.render)}, of {views} {output.render.around}")
    lines += [f"note     {note}" for note in result.notes]
    limit = result.options.get("memory_limit")
    if verbose and limit is not None:
        done = "in one piece" if result.grid.tiles is None else f"in {counted(result.grid.tiles, 'tile')}"
        lines.append(f"memory   at most {limit / 1e6:,.0f} MB: {done}")
    lines.append(f"took     {numbers.duration(result.timings, verbose=verbose)} on {result.device}")
    return lines


def _compensated(found: Compensated) -> str:
    """What rows stand for."""
    told = f"raised of {counted(found.raised, 'point')}, each for what was left out of its cell"
    if found.unrepresented:
        told += f"; nothing makes up for {counted(found.unrepresented, 'point')} of cells without any now"
    return told


def _dropped(result: Resampled) -> str:
    """How many rows were left out, and for what."""
    found = result.invalid
    if found is None or found.not_finite is None or found.unrotated is None:
        return f"{counted(result.dropped, 'point')} not finite or in no cell"
    return f"{counted(result.dropped, 'Gaussian')}: {found}"
