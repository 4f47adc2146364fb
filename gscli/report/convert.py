"""`gscli.convert.Converted` for people."""

from __future__ import annotations

from ..convert import Converted
from ..results.shown import counted
from . import numbers

LOST_WIDTH = 40
UNITS = {"scale": "{:.2%}", "rotation": "{:.3g} degrees"}  # the others are plain numbers


def lost(result: Converted) -> str:
    """What was lost, in the few words that fit into a table."""
    kinds = ", ".join(loss.what for loss in result.lost) or "nothing"
    return kinds if len(kinds) <= LOST_WIDTH else kinds[: LOST_WIDTH - 3] + "..."


def summary(result: Converted, *, verbose: bool = False) -> list[str]:
    """Lines for people: what was read and written, what was lost, and by how much values differ at most."""
    lost, written = ("lost", "wrote") if result.written else ("loses", "would")
    lines = [f"read     {result.source}: {counted(result.points, 'point')} ({result.source_format})"]
    lines += [f"{lost:8} {loss}" for loss in result.lost]
    if not result.lost:
        lines.append(f"{lost:8} nothing")
    lines.append(f"{written:8} {'' if result.written else 'write '}{result.output} ({result.output_format})")
    if result.largest:
        differences = (
            f"{name} {UNITS.get(name, '{:.3g}').format(value)}" for name, value in result.largest.items()
        )
        lines.append(f"differs  at most by {', '.join(differences)}")
    lines += [f"note     {note}" for note in result.notes]
    lines.append(f"took     {numbers.duration(result.timings, verbose=verbose)}")
    return lines
