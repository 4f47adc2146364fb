"""Actions on a scene in their order, a block of rows at a time: bytes stay unless an action changes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..cameras import upright
from ..cameras.orbit import stride
from ..cloud import GaussianCloud
from ..kernels import parallel
from ..kernels.structured import release_pages, take_rows
from ..progress import nothing
from . import degrees, moves, quantities, whole
from .actions import Action, Apart, Degree, Keep, Merge, Move, Upright
from .state import Done, Means, Scene

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

BLOCK = (
    8000  # rows: a few megabytes with what is made of them; columns a power of two apart share cache lines
)


@dataclass(frozen=True)
class _Step:
    """One action on rows of one type.

    Attributes:
        keeps: (N,) bool of (N,) rows; None where it drops none.
        makes: other rows of rows that are its own, which it may change; None where it changes none.
    """

    keeps: Callable[[Array], Mask] | None = None
    makes: Callable[[Array], Array] | None = None


def edited(
    scene: Scene, actions: Sequence[Action], means: Means, advance: Callable[[int], object] = nothing
) -> tuple[Scene, list[Done]]:
    """A scene after some actions, and what each did.

    Args:
        advance: told of each number of rows that are done with, `rounds` times of as many as there were.

    Raises:
        UsageError, InputError: an action that this scene cannot follow.
        WriteRefused: merged, something would be lost; see `gscli.editing.merging`.
    """
    done: list[Done] = []
    for group in _rounds(actions):
        first, rows = group[0], len(scene.cloud)
        if isinstance(first, Apart):
            scene, found = whole.without(scene, first)
            advance(rows)
        elif isinstance(first, Merge):
            scene, found = whole.merged(scene, first, means)
            advance(rows)
        else:
            group = [first.move(_way(scene))] if isinstance(first, Upright) else group
            scene, found = _passed(scene, group, means, advance)
        done += found
    return scene, done


def rounds(actions: Sequence[Action]) -> int:
    """How many times `edited` goes over all rows."""
    return len(_rounds(actions))


def _rounds(actions: Sequence[Action]) -> list[list[Action]]:
    """Actions that one look at each row suffices for, together; each other on its own."""
    found: list[list[Action]] = []
    alone = True
    for action in actions:
        whole = isinstance(action, (Upright, Apart, Merge))
        if alone or whole:
            found.append([])
        found[-1].append(action)
        alone = whole
    return found


def _way(scene: Scene) -> str:
    """Which way is up in a scene."""
    if scene.kept is None:
        return upright.up(scene.cloud).way
    rows = np.flatnonzero(scene.kept)
    return upright.up(scene.cloud.take(rows[stride(len(rows))])).way


def _passed(
    scene: Scene, actions: Sequence[Action], means: Means, advance: Callable[[int], object]
) -> tuple[Scene, list[Done]]:
    """One round over all rows."""
    like = GaussianCloud(np.empty(0, scene.cloud.rows.dtype), scene.cloud.header)
    steps, notes = [], []
    for place in range(len(actions)):
        step, like, note = _bound(like, actions, place)
        steps.append(step)
        notes.append(note)
    kept = np.ones(len(scene.cloud), bool) if scene.kept is None else scene.kept.copy()
    held = means.room() if any(step.makes for step in steps) else None
    counts = np.zeros(len(actions) + 1, np.int64)
    parts = parallel.blocks(len(kept), BLOCK)

    def work(part: slice) -> tuple[list[int], Array]:
        return _worked(scene.cloud.rows[part], kept[part], steps, write=held is not None)

    for part, (left, rows) in zip(parts, parallel.in_order(work, parts), strict=True):
        counts += left
        if held is not None:
            held.put(rows)
        advance(part.stop - part.start)
    left = counts.tolist()
    told = zip(actions, left[:-1], left[1:], notes, strict=True)
    done = [Done(action.name, action.value, before, after, note) for action, before, after, note in told]
    header = like.header
    if held is None:
        return Scene(replace(scene.cloud, header=header), None if kept.all() else kept), done
    if header.attached is not None and not kept.all():
        header = replace(header, attached=header.attached.take(np.flatnonzero(kept)))
    rows = held.mapped(like.rows.dtype) if left[-1] else like.rows
    return Scene(GaussianCloud(rows, header)), done


def _worked(rows: Array, kept: Mask, steps: Sequence[_Step], *, write: bool) -> tuple[list[int], Array]:
    """How many of some rows are left, first and after each step, and these; `kept` is brought up to date."""
    around, live, own = rows, np.flatnonzero(kept), False
    if len(live) < len(rows):
        rows, own = take_rows(rows, live), True
    counts = [len(live)]
    for step in steps:
        if step.keeps is not None:
            holds = step.keeps(rows)
            if not holds.all():
                rows, live, own = take_rows(rows, np.flatnonzero(holds)), live[holds], True
        elif step.makes is not None:
            rows, own = step.makes(rows if own else rows.copy()), True
        counts.append(len(live))
    kept[:] = False
    kept[live] = True
    if write and not own:
        rows = rows.copy()
    release_pages(around)
    return counts, rows


def _bound(like: GaussianCloud, actions: Sequence[Action], place: int) -> tuple[_Step, GaussianCloud, str]:
    """One of some actions as a step on rows like these, what they are like then, and what it has to tell.

    Moves that follow each other are one, done by the first of them.
    """
    action = actions[place]
    if isinstance(action, Keep):
        found = quantities.asked(like, action.asks)
        return _Step(keeps=lambda rows: action.holds(quantities.of_rows(rows, found), len(rows))), like, ""
    if isinstance(action, Degree):
        cuts, after, note = degrees.cut(like, action.value)
        return _Step(makes=cuts), after, note
    assert isinstance(action, Move)
    with moves.named(action.name):
        action.motion.require(like.fields)
    after, note = moves.header(like, action.motion, action.up)
    if place and isinstance(actions[place - 1], Move):
        return _Step(), after, note
    motion = action.motion
    for other in actions[place + 1 :]:
        if not isinstance(other, Move):
            break
        motion = motion.then(other.motion)

    def makes(rows: Array) -> Array:
        motion.move(rows)
        return rows

    return _Step(makes=makes), after, note
