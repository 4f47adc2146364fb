"""`gscli.edit.Edited` for people."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..edit import Done, Edited
from ..results.shown import counted
from . import numbers


def summary(result: Edited, *, verbose: bool = False) -> list[str]:
    """Lines for people: what was read, what each action did, what was written."""
    lines = [f"read     {result.path}: {counted(result.points, 'point')} ({result.format})"]
    lines += [f"{_verb(done):8} {_told(done)}" for done in result.actions]
    alone = result.points and all(done.action != "merge" for done in result.actions)
    share = f", {numbers.percent(result.kept / result.points, 1)}" if alone else ""
    lines.append(f"wrote    {result.output}: {counted(result.kept, 'point')}{share}")
    lines += [f"note     {note}" for note in result.notes]
    lines.append(f"took     {numbers.duration(result.timings, verbose=verbose)}")
    return lines


def _verb(done: Done) -> str:
    if done.action in ("rotate", "scale", "translate", "transform", "up"):
        return "moved"
    return {"sh_degree": "changed", "merge": "merged"}.get(done.action, "dropped")


def _told(done: Done) -> str:
    words = f"{done.action.replace('_', '-')} {_value(done.value)}"
    if _verb(done) == "dropped":
        words = f"{done.before - done.after:,} of {done.before:,}: {words}"
    return f"{words} ({done.note})" if done.note else words


def _value(value: Any) -> str:
    """Numbers in short; text as it is."""
    if isinstance(value, list):
        numbers = [each for each in np.ravel(np.array(value, object)).tolist() if each is not None]
        return ",".join(f"{each:.6g}" for each in numbers)
    return f"{value:.6g}" if isinstance(value, float) else str(value)
