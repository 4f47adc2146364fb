"""`gscli.simplify.Simplified` for people."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..results.shown import counted
from ..simplify import Simplified
from ..simplifying.judging import Judged
from ..simplifying.result import Looked
from . import cells, numbers


def summary(result: Simplified, *, verbose: bool = False) -> list[str]:
    """Lines for people: from where it was looked at, what was merged, how it looks, what was written."""
    lines = [f"read     {result.path}: {counted(result.points, 'Gaussian')} ({result.format})"]
    lines.append(looked(result.looked))
    if result.cells is not None:
        fewer = result.kept < result.cells.cells
        lines += cells.lines(result.cells, f"; then pairs, down to {result.kept:,}" if fewer else "")
    if result.searched is not None:
        lines.append(f"fewest   {_searched(result)}")
    if result.merged:
        untouched = result.kept - result.merged
        lines.append(f"merged   {result.sources:,} into {result.merged:,}; {untouched:,} stay as they are")
    if result.merged:
        lines += columns(result.averaged, result.chosen)
    if result.looks is not None:
        lines += _looks(result.looks)
    share = numbers.percent(result.kept / result.points, 1)
    lines.append(f"wrote    {result.output}: {counted(result.kept, 'Gaussian')}, {share}")
    lines += [f"note     {note}" for note in result.notes]
    lines.append(f"took     {numbers.duration(result.timings, verbose=verbose)}")
    return lines


def looked(found: Looked | None) -> str:
    """From where it was looked at."""
    if found is None:
        return "looked   nowhere: Gaussians count by their size and opacity"
    return f"looked   {found.around}, {counted(found.views, 'view')}"


def columns(averaged: Sequence[str], chosen: Sequence[str]) -> list[str]:
    """What became of the columns beside those of Gaussians, if there are any."""
    told = ((averaged, "averaged"), (chosen, "of the row that weighs most"))
    how = [f"{', '.join(names)} {what}" for names, what in told if names]
    return [f"columns  {'; '.join(how)}"] if how else []


def _searched(result: Simplified) -> str:
    """How the count was found."""
    assert result.searched is not None
    told = f"{counted(result.kept, 'Gaussian')} for {result.searched.wanted:g} dB"
    told += f", of {counted(result.searched.tried, 'count')} tried"
    if result.searched.short_of is not None:
        below = math.floor(100 * result.searched.short_of) / 100
        told += f"; {result.searched.short:,} come to {below:.2f}"
    return told


def _looks(looks: Judged) -> list[str]:
    """How it looks beside the source."""
    seen = f"{counted(looks.views, 'other view')} {looks.around}"
    if looks.psnr.foreground is None or looks.on_white.foreground is None or looks.worst is None:
        return [f"looks    as the source does, from {seen}"]
    return [
        f"looks    PSNR {looks.psnr.foreground:.1f} dB on black, {looks.on_white.foreground:.1f} on white, "
        f"of pixels that show anything; {looks.worst:.1f} of the worst view",
        f"         from {seen}",
    ]
