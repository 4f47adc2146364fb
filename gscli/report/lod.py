"""`gscli.lod.Levels` for people."""

from __future__ import annotations

from ..lod import Level, Levels
from ..results.shown import counted
from . import numbers
from .simplify import columns, looked


def summary(result: Levels, *, verbose: bool = False) -> list[str]:
    """Lines for people: from where it was looked at, each level and how it looks, what was written."""
    lines = [f"read     {result.path}: {counted(result.points, 'Gaussian')} ({result.format})"]
    lines.append(looked(result.looked))
    lines += columns(result.averaged, result.chosen)
    lines += [_level(each, result) for each in result.levels]
    if result.short is not None:
        lines.append(
            f"short    {counted(result.short.points, 'Gaussian')} come to {result.short.psnr:.1f} dB"
        )
    judged = next((each.looks for each in result.levels if each.looks is not None), None)
    if judged is not None:
        seen = f"{counted(judged.views, 'other view')} {judged.around}"
        lines.append(f"looks    PSNR of pixels that show anything, from {seen}")
    found = counted(len(result.levels), "level")
    index = "lod.json and lod-meta.json" if result.to == "sog" else "lod.json"
    lines.append(f"wrote    {result.output}: {found} ({result.to}), {index}")
    lines += [f"note     {note}" for note in result.notes]
    lines.append(f"took     {numbers.duration(result.timings, verbose=verbose)}")
    return lines


def _level(each: Level, result: Levels) -> str:
    width = len(f"{result.points:,}")
    share = numbers.percent(each.points / result.points, 1)
    noun = "Gaussian, " if each.points == 1 else "Gaussians,"
    line = f"level {each.level:<2} {each.points:>{width},} {noun} {share:>6}"
    looks = each.looks
    if looks is None:
        return f"{line}: the scene itself" if not each.level else line
    if looks.psnr.foreground is None or looks.on_white.foreground is None:
        return f"{line}: looks as the scene does"
    worst = "" if looks.worst is None else f"; {looks.worst:.1f} of the worst view"
    return f"{line}: {looks.psnr.foreground:.1f} dB on black, {looks.on_white.foreground:.1f} on white{worst}"
