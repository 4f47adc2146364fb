"""`gscli.align.Aligned` for people."""

from __future__ import annotations

import numpy as np

from ..align import Aligned, Match
from ..kernels.registration import told
from ..results.shown import counted
from . import numbers


def summary(result: Aligned, *, verbose: bool = False) -> list[str]:
    """Lines for people: how it is moved, how the two match before and after, the matrix, how long it took."""
    lines = [
        f"source   {result.source}: {counted(result.points[0], 'point')}",
        f"target   {result.target}: {counted(result.points[1], 'point')}",
        f"moved    {told(np.array(result.matrix))}; {counted(result.steps, 'step')} of refinement",
        f"before   {_told(result.before, result.threshold)}",
        f"after    {_told(result.after, result.threshold)}",
    ]
    if result.colors is not None:
        lines.append(f"colours  correlation {result.colors:.2f} of points and their counterparts")
    cells = [[f"{value:.6g}" for value in row] for row in result.matrix]
    width = max(len(cell) for row in cells for cell in row)
    for head, row in zip(("matrix", "", "", ""), cells, strict=True):
        lines.append(f"{head:<9}" + "  ".join(f"{cell:>{width}}" for cell in row))
    if result.output is not None:
        lines.append(f"wrote    {result.output}")
    lines += [f"note     {note}" for note in result.notes]
    lines.append(f"took     {numbers.duration(result.timings, verbose=verbose)}")
    return lines


def _told(match: tuple[Match, Match], threshold: float) -> str:
    forth, back = match
    shares = f"{numbers.percent(forth.fitness)} of source, {numbers.percent(back.fitness)} of target"
    rmse = "" if forth.rmse is None else f"; RMSE {forth.rmse:.4g}"
    return f"matched within {threshold:.4g}: {shares}{rmse}"
