"""What ``gscli demo`` tells a newcomer."""

from __future__ import annotations

import os
import shlex

from ..compare import Compared
from ..demo import Demo
from ..results.shown import counted
from . import beside, numbers

_MEANING = {
    "half-density": "a random 30-70 % of every cell: thinner; relative density stays where cells hold many",
    "one-per-grid": "one random point of every cell: density is even now",
    "k-per-grid": "at most 8 points of every cell: only what was over-dense is thinner",
}


def _before_and_after(found: Compared, page: str) -> list[str]:
    shares = found.centers.target_to_source.at[0]
    said = f"{numbers.percent(shares.fitness)} of the scene have a point of it within {shares.threshold:.4g}"
    if found.render is not None and found.render.psnr.mean is not None:
        said += f", and it looks like the scene to {found.render.psnr.mean:.1f} dB"
    return [f"Compared {found.source.path} with the scene: {said}.", f"  {page}"]


def _beside(demo: Demo) -> list[str]:
    """A quarter of the scene, made in several ways."""
    lines = ["A quarter of it, beside the whole scene, in the pixels that show anything:"]
    for each in demo.beside[1:]:
        lines += [f"{each.name}: {beside.told(each) or 'no difference'}", f"  {each.path}"]
    return [*lines, f"  {demo.beside_page}"]


def summary(demo: Demo) -> list[str]:
    """The story of a demo run, line by line."""
    first = demo.runs[0]
    grid = first.grid
    lines = [
        f"{'Made' if demo.made else 'Read'} {demo.source}: {counted(first.points, 'point')}.",
        f"Cut it into {counted(grid.cells, 'cell')} of {grid.voxel_size:g} ({grid.why}).",
    ]
    if grid.cells:
        low, high = grid.occupancy.min, grid.occupancy.max
        lines.append(f"Its density is uneven: cells hold between {low:,} and {high:,} points.")
    lines.append("")
    for run in demo.runs:
        (output,) = run.outputs
        lines += [
            f"{output.method.name}: kept {counted(output.points, 'point')}"
            f" ({numbers.percent(output.fraction, 0)}) in {sum(run.timings.values()):.2f} s",
            f"  {_MEANING[output.method.name]}",
            f"  {output.path}",
        ]
    if demo.compared is not None:
        lines += ["", *_before_and_after(demo.compared, demo.page)]
    if demo.beside:
        lines += ["", *_beside(demo)]
    path = first.outputs[0].path
    drawn = []
    if demo.compared is not None and demo.compared.render is not None:
        shot = os.path.join(os.path.dirname(path), "half-density.png")
        drawn.append(f"  gscli render {shlex.quote(path)} {shlex.quote(shot)}")
    quarter = os.path.join(os.path.dirname(path), "quarter.ply")
    return [
        *lines,
        "",
        "Try next:",
        f"  gscli info {shlex.quote(path)}",
        *drawn,
        f"  gscli resample {shlex.quote(demo.source)} {shlex.quote(quarter)} --target 25%",
        "  gscli resample --help",
    ]
