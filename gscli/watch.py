"""Follow training runs by their checkpoints, from another process: what ``gscli watch`` does."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from . import arguments, rasterizers
from . import device as devices
from .errors import InputError, UsageError
from .rendering.views import refuse_unless
from .watching import MATCHED_WITHIN
from .watching import drawing as drawn
from .watching.events import EventWriter
from .watching.reading import read
from .watching.state import SUBFOLDER, State
from .watching.watcher import Measured, Watcher

__all__ = ["Measured", "watch"]

LONGEST = 1_000_000_000  # seconds: the system cannot sleep for much longer
PATIENCE = 5  # polls that a finished file may be unreadable before it is told


def watch(
    runs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    reference: str | os.PathLike[str] | None = None,
    tensorboard: str | os.PathLike[str] | None = None,
    threshold: float = MATCHED_WITHIN,
    render: bool = False,
    views: int | None = None,
    size: str | Sequence[int] | int | None = None,
    cameras: str | os.PathLike[str] | None = None,
    up: str | None = None,
    fov: float | None = None,
    near: float | None = None,
    rasterizer: str = "auto",
    device: str = "cpu",
    data_range: float | None = None,
    every: float = 10.0,
    once: bool = False,
    until: int | None = None,
    timeout: float | None = None,
    say: Callable[[str], object] = lambda line: None,
) -> Iterator[Measured]:
    """Measure checkpoints as they appear; yields each measurement when it is made.

    Two runs are compared with each other at every step that both have; one run with itself, each
    checkpoint with the one measured before it. A file is read once its size and time of change held over
    two polls, and a step counts once its files parse. The newest step comes first and older ones are
    dropped, so that the measuring keeps up with the training and deleted files do no harm.

    Args:
        runs: one or two folders; see `gscli.watching.checkpoints`.
        reference: a scene that every checkpoint is also compared with.
        tensorboard: write scalars with their steps to ``gscli/`` in this folder, and remember there what
            was measured: started again, it goes on after the last step.
        threshold: a centre is matched when its counterpart is nearer, in scene units.
        render: also draw the models from the same cameras at every step, and say how alike the pictures are.
            views, size, cameras, up, fov, near: from where, as of `gscli.render.render`; default 4 views of
            400 x 400 around the reference, or else the first model drawn. rasterizer: how to draw, one of
            `gscli.rasterizers.RASTERIZERS`, or ``auto``. data_range: what X-rays span; default the largest
            value of the first two models drawn.
        device: where to measure and draw, as of `gscli.compare`; a GPU may be another than the training's.
        every: seconds between polls.
        once: measure all steps that are there, oldest first, and end.
        until: end after measuring this step or a later one.
        timeout: end after so many seconds without a new measurement.
        say: told, in words, of steps dropped or passed over, files that cannot be read, runs that have
            no checkpoint yet and runs that share no step.

    Scalars: see `disagreement.points` and `drawing.Drawing.renders`, under ``corgs/point`` and
    ``corgs/render`` for two runs, ``successive/`` for one, ``reference/`` for one against the reference,
    and ``reference_a/`` and ``reference_b/`` for two.

    Raises:
        UsageError: numbers that make no sense, no run, or more than two.
        InputError: the reference or a run's folder cannot be read; a run is a file or holds several models;
            with `once`, nothing to measure.
        EngineUnavailable: what the device or the rasterizer needs is missing.
        GscliError: `tensorboard` cannot be written to.
    """
    runs = arguments.several(runs, "runs", arguments.PATH, "one folder or two")
    arguments.require_paths(optional=True, reference=reference, tensorboard=tensorboard)
    if not 1 <= len(runs) <= 2:
        raise UsageError(f"give one run or two, not {len(runs)}")
    for name, value in (("every", every), ("threshold", threshold), ("timeout", timeout)):
        if value is None and name == "timeout":
            continue
        if value is None or not (arguments.is_number(value) and 0 < value < float("inf")):
            raise UsageError(f"`{name}` must be a positive number, not {arguments.spelt(value)}")
    if every > LONGEST:
        raise UsageError(f"`every` must be {LONGEST:,} seconds at most, not {every:g}")
    if once and (until is not None or timeout is not None):
        raise UsageError("`once` ends by itself", remedy="drop `until` and `timeout`")
    arguments.require_flags(render=render)
    views_asked = {"views": views, "size": size, "cameras": cameras, "up": up, "fov": fov, "near": near}
    refuse_unless(
        render, **views_asked, rasterizer=None if rasterizer == "auto" else rasterizer, data_range=data_range
    )
    where = devices.resolve(device)
    about, drawing = None, None
    if render:
        if device == devices.AUTO and rasterizer != "auto" and rasterizers.RASTERIZERS.get(rasterizer).gpu:
            raise UsageError(
                f"`device='auto'` may be the CPU, where the {rasterizer} rasterizer does not draw",
                remedy="name the device, or leave out `rasterizer`",
            )
        asked = drawn.asked(views, size, cameras, up, fov, near)
        drawing = drawn.Drawing(asked, rasterizer, where=where, data_range=data_range)
        file = None if cameras is None else os.path.realpath(cameras)
        about = {**asdict(asked), "path": file, "rasterizer": rasterizer, "data_range": data_range}
    fixed = None if reference is None else read(os.fspath(reference), whole=render)
    memory = State.open(tensorboard, [os.fspath(run) for run in runs], reference, threshold, about)
    if drawing is not None and memory.drawing is not None:
        drawing.settled = memory.drawing
    patience = 1 if once else PATIENCE
    watcher = Watcher(
        [os.fspath(run) for run in runs], fixed, threshold, memory, say, patience, drawing, device, where
    )
    writer = None if tensorboard is None else EventWriter(Path(tensorboard) / SUBFOLDER)
    try:
        for measured in _follow(watcher, every, once, until, timeout):
            if writer is not None and measured.scalars:
                writer.add_scalars(measured.scalars, measured.step)
            memory.save()
            if measured.scalars:
                yield measured
    finally:
        if writer is not None:
            writer.close()


def _follow(
    watcher: Watcher, every: float, once: bool, until: int | None, timeout: float | None
) -> Iterator[Measured]:
    last, told_apart = time.monotonic(), False
    watcher.look()
    watcher.tell_start()
    while True:
        time.sleep(every)
        watcher.look()
        watcher.tell_incomplete()
        watcher.tell_late()
        apart = watcher.apart()
        if once:
            alone, begun = None, watcher.memory.step is not None
            for step in watcher.complete():
                measured = watcher.measure(step)
                if measured is not None:
                    alone = None if measured.scalars else step
                    yield measured
            if alone is not None and not begun:
                watcher.say(f"step {alone} is the only one: there is nothing to measure it against")
            if watcher.memory.step is None:
                if watcher.unread is not None:
                    raise InputError(f"no step could be measured ({watcher.unread})", path=watcher.runs[0])
                if apart:
                    raise InputError(f"no step to measure: {apart}", path=watcher.runs[0])
                raise InputError(
                    "no step to measure that all runs have",
                    path=watcher.runs[0],
                    remedy="check folders and names, as iteration_30000/point_cloud.ply, ckpt_29999_rank0.pt",
                )
            return
        if apart and not told_apart and watcher.memory.step is None:
            watcher.say(f"nothing to measure yet: {apart}")
            told_apart = True
        steps = watcher.complete()
        for number, step in reversed(list(enumerate(steps))):
            measured = watcher.measure(step)
            if measured is not None:
                if number:
                    older = ", ".join(map(str, steps[: min(number, 8)]))
                    watcher.say(f"dropped {number} older steps ({older}) for step {step}")
                last = time.monotonic()
                yield measured
                break
        step_now = watcher.memory.step
        if until is not None and step_now is not None and step_now >= until:
            return
        if timeout is not None and time.monotonic() - last > timeout:
            return
