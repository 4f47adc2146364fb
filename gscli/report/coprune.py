"""`gscli.coprune.Copruned` for people."""

from __future__ import annotations

from ..coprune import Copruned
from ..results.shown import counted
from . import numbers


def summary(result: Copruned, *, verbose: bool = False) -> list[str]:
    """Lines for people: the threshold, what each model kept, how long it took."""
    lines = [
        f"kept     what has a counterpart within {result.threshold:.4g} scene units ({result.engine.name})"
    ]
    for model in (result.first, result.second):
        share = numbers.percent(model.kept / model.points, 1)
        lines.append(f"wrote    {model.output}: {model.kept:,} of {counted(model.points, 'point')}, {share}")
    if result.render is not None:
        before, after = result.render.before, result.render.after
        lines.append(f"looks    before: {numbers.looks(before)}")
        lines.append(f"         after: {numbers.looks(after)}; {before.views} views {before.around}")
    lines += [f"note     {note}" for note in result.notes]
    lines.append(f"took     {numbers.duration(result.timings, verbose=verbose)} on {result.device}")
    return lines
