"""`gscli.render.Rendered` for people."""

from __future__ import annotations

import os

from ..render import Rendered
from ..results.shown import counted
from . import numbers


def summary(result: Rendered, *, verbose: bool = False) -> list[str]:
    """Lines for people: what was read, from where it was seen, what was written."""
    lines = [f"read     {result.source}: {counted(result.points, 'Gaussian')} ({result.format})"]
    first = result.shots[0]
    what = result.mode if result.mode != "rgb" else f"rgb on {result.background}"
    sizes = {(shot.width, shot.height) for shot in result.shots}
    size = f"{first.width} x {first.height}" if len(sizes) == 1 else "sizes of their cameras"
    lines.append(f"drew     {counted(len(result.shots), 'view')} of {what}, {size}, by {result.engine}")
    if result.up is not None:
        lines.append(f"up       {result.up}; --up chooses another")
    if len(result.shots) == 1:
        lines.append(f"wrote    {first.path}")
    else:
        folder = os.path.dirname(first.path)
        names = (os.path.basename(shot.path) for shot in (first, result.shots[-1]))
        lines.append(f"wrote    {folder}/: {' to '.join(names)}")
    lines += [f"note     {note}" for note in result.notes]
    lines.append(f"took     {numbers.duration(result.timings, verbose=verbose)}")
    return lines
