"""Follow training runs by their checkpoints, from another process: ``gscli watch``."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from . import fields, formats
from .errors import GscliError, InputError, UsageError
from .watching import DEFAULT_THRESHOLD, disagreement
from .watching.checkpoints import Checkpoint, checkpoints
from .watching.events import EventWriter
from .watching.memory import SUBFOLDER, Memory

LONGEST = 1_000_000_000  # seconds: the system cannot sleep for much longer
PATIENCE = 5  # polls that a finished file may be unreadable before it is told


@dataclass(frozen=True)
class Measured:
    """The scalars of one step, by the files they come from; none for the first step of a lone run."""

    step: int
    scalars: dict[str, float]
    paths: tuple[str, ...]
    seconds: float


def watch(
    runs: Sequence[str | os.PathLike[str]],
    *,
    reference: str | os.PathLike[str] | None = None,
    tensorboard: str | os.PathLike[str] | None = None,
    threshold: float = DEFAULT_THRESHOLD,
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
        every: seconds between polls.
        once: measure all steps that are there, oldest first, and end.
        until: end after measuring this step or a later one.
        timeout: end after so many seconds without a new measurement.
        say: told, in words, of steps dropped or passed over, files that cannot be read and runs that
            have no checkpoint yet.

    Scalars: see `disagreement.points`, under ``corgs/point`` for two runs, ``successive/point``
    for one, ``reference/point`` for one against the reference, and ``reference_a/point`` and
    ``reference_b/point`` for two.

    Raises:
        UsageError: numbers that make no sense, no run, or more than two.
        InputError: the reference cannot be read; a run is a file or holds several models; with `once`,
            nothing to measure.
        GscliError: `tensorboard` cannot be written to.
    """
    if not 1 <= len(runs) <= 2:
        raise UsageError(f"give one run or two, not {len(runs)}")
    for option, value in (("--every", every), ("--threshold", threshold), ("--timeout", timeout)):
        if value is not None and not 0 < value < float("inf"):
            raise UsageError(f"{option} must be a positive number, not {value:g}")
    if every > LONGEST:
        raise UsageError(f"--every must be {LONGEST:,} seconds at most, not {every:g}")
    if once and (until is not None or timeout is not None):
        raise UsageError("--once ends by itself", remedy="drop --until and --timeout")
    fixed = None if reference is None else _centers(os.fspath(reference))
    memory = Memory.open(tensorboard, [os.fspath(run) for run in runs], reference, threshold)
    patience = 1 if once else PATIENCE
    watcher = _Watcher([os.fspath(run) for run in runs], fixed, threshold, memory, say, patience)
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
    watcher: _Watcher, every: float, once: bool, until: int | None, timeout: float | None
) -> Iterator[Measured]:
    last, told_apart = time.monotonic(), False
    watcher.look()
    watcher.tell_start()
    while True:
        time.sleep(every)
        watcher.look()
        watcher.tell_incomplete()
        apart = watcher.apart()
        if once:
            for step in watcher.complete():
                measured = watcher.measure(step)
                if measured is not None:
                    yield measured
            if watcher.memory.step is None:
                if watcher.unread is not None:
                    raise InputError(f"no step could be measured ({watcher.unread})", path=watcher.runs[0])
                if apart:
                    raise InputError(f"no step to measure: {apart}", path=watcher.runs[0])
                raise InputError(
                    "no step to measure that all runs have",
                    path=watcher.runs[0],
                    remedy="check the folders; `gscli watch --help` has the names that are known",
                )
            return
        if apart and not told_apart:
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


@dataclass
class _Watcher:
    """The runs as of the last two polls."""

    runs: list[str]
    reference: npt.NDArray[Any] | None
    threshold: float
    memory: Memory
    say: Callable[[str], object]
    patience: int
    steps: list[dict[int, Checkpoint]] = field(default_factory=list)
    states: dict[str, Any] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    failures: dict[str, int] = field(default_factory=dict)
    incomplete: set[str] = field(default_factory=set)
    unread: GscliError | None = None
    before: tuple[str, npt.NDArray[Any]] | None = None

    def look(self) -> None:
        """Poll: which files are there, and which of them have not changed since the last time."""
        self.steps = [checkpoints(run) for run in self.runs]
        states = {}
        for run in self.steps:
            for checkpoint in run.values():
                with suppress(OSError):
                    states[checkpoint.path] = checkpoint.state()
        self.held = {path for path, state in states.items() if self.states.get(path) == state}
        for path in [path for path in self.failures if self.states.get(path) != states.get(path)]:
            del self.failures[path]
        self.states = states

    def tell_start(self) -> None:
        """Say what else would look like a watch that does nothing."""
        for run, steps in zip(self.runs, self.steps, strict=True):
            if not steps:
                self.say(f"{run} has no checkpoints yet")
        if self.memory.step is not None:
            self.say(
                f"goes on after step {self.memory.step}, as {self.memory.file} remembers; "
                "for a training begun anew give another --tensorboard folder"
            )

    def apart(self) -> str | None:
        """Which steps two runs have, in words, where they share none."""
        if not all(self.steps) or set.intersection(*map(set, self.steps)):
            return None
        newest = [", ".join(map(str, sorted(steps)[-3:])) for steps in self.steps]
        each = (f"of {run} the newest are {steps}" for run, steps in zip(self.runs, newest, strict=True))
        return f"no step is in both runs; {', '.join(each)}"

    def tell_incomplete(self) -> None:
        """Say, once, which models that no longer change lack ranks."""
        for checkpoint in (c for run in self.steps for c in run.values() if c.missing):
            if checkpoint.path in self.held - self.incomplete:
                self.incomplete.add(checkpoint.path)
                every = checkpoint.missing + len(checkpoint.files)
                self.say(
                    f"step {checkpoint.step} is left out while {checkpoint.missing} of its {every} ranks "
                    f"are missing: {checkpoint.path}"
                )

    def complete(self) -> list[int]:
        """Steps after the last one measured whose files are all there and held still, ascending."""
        last = self.memory.step
        common = set.intersection(*(set(run) for run in self.steps))
        return sorted(
            step
            for step in common
            if (last is None or step > last)
            and all(run[step].path in self.held and not run[step].missing for run in self.steps)
        )

    def measure(self, step: int) -> Measured | None:
        """The scalars of a step; None if a file turns out to be gone or incomplete, to be tried again."""
        start = time.perf_counter()
        models = []
        for run in self.steps:
            path = run[step].path
            try:
                models.append((path, _centers(path)))
            except GscliError as error:
                self.failures[path] = self.failures.get(path, 0) + 1
                self.unread = error
                if self.failures[path] == self.patience or not run[step].files[0].exists():
                    self.say(f"step {step} is left out: {error}")
                return None
        pairs: list[tuple[str, npt.NDArray[Any], npt.NDArray[Any]]] = []
        if len(models) == 2:
            pairs.append((disagreement.POINTS, models[0][1], models[1][1]))
        else:
            earlier = self._before(step)
            if earlier is not None:
                pairs.append(("successive/point", earlier, models[0][1]))
        if self.reference is not None:
            for suffix, (_, model) in zip(("",) if len(models) == 1 else ("_a", "_b"), models, strict=True):
                pairs.append((f"reference{suffix}/point", model, self.reference))
        scalars: dict[str, float] = {}
        for tag, a, b in pairs:
            scalars |= disagreement.points(a, b, threshold=self.threshold, tag=tag)
        self.memory.step, self.memory.path = step, os.path.abspath(models[0][0])
        self.before = models[0]
        return Measured(step, scalars, tuple(path for path, _ in models), time.perf_counter() - start)

    def _before(self, step: int) -> npt.NDArray[Any] | None:
        """The model measured before, from memory or, after a restart, from its file if that still is."""
        if self.before is None and self.memory.path is not None:
            try:
                self.before = (self.memory.path, _centers(self.memory.path))
            except GscliError as error:
                self.say(f"step {step} has nothing to be compared with: {error}")
        return None if self.before is None else self.before[1]


def _centers(path: str) -> npt.NDArray[Any]:
    """(N, 3) positions of a scene file, at least one and all finite."""
    xyz = formats.read(path, only=fields.POSITION).xyz
    if not len(xyz):
        raise InputError("has no points", path=path)
    if not np.isfinite(xyz).all():
        raise InputError("has positions that are not finite", path=path)
    return xyz
