"""What a watch does at each look: find the steps to measure, measure one, and tell what stands in the way."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .. import device as devices
from .. import placing
from ..errors import GscliError, InputError
from ..results.documents import document
from . import disagreement
from .checkpoints import Checkpoint, checkpoints, require_listed
from .drawing import Drawing
from .reading import Model, read
from .state import State

if TYPE_CHECKING:
    import torch

SCHEMA = "gscli/watch/1"


@dataclass(frozen=True)
class Measured:
    """The scalars of one step, by the files they come from; none for the first step of a lone run.

    Attributes:
        cameras_sha256: of the cameras that models were drawn from; None where they were not.
    """

    step: int
    scalars: dict[str, float]
    paths: tuple[str, ...]
    seconds: float
    cameras_sha256: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The JSON document; numbers that do not exist are null."""
        return document(
            SCHEMA,
            step=self.step,
            scalars=self.scalars,
            paths=self.paths,
            cameras_sha256=self.cameras_sha256,
            timings_s={"measure": round(self.seconds, 4)},
        )


@dataclass
class Watcher:
    """The runs as of the last two polls.

    Attributes:
        device: the name of where to measure; ``auto`` until two models tell how much there is to do.
        where: what `gscli.device.resolve` made of it.
    """

    runs: list[str]
    reference: Model | None
    threshold: float
    memory: State
    say: Callable[[str], object]
    patience: int
    drawing: Drawing | None = None
    device: str = "cpu"
    where: torch.device | None = None
    steps: list[dict[int, Checkpoint]] = field(default_factory=list)
    states: dict[str, Any] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    failures: dict[str, int] = field(default_factory=dict)
    incomplete: set[str] = field(default_factory=set)
    measured: tuple[str, ...] = ()
    late_after: int | None = None
    unread: GscliError | None = None
    before: Model | None = None
    undrawn: set[str] = field(default_factory=set)

    def look(self) -> None:
        """Poll: which files are there, and which of them have not changed since the last time."""
        self.steps = [checkpoints(run) for run in self.runs]
        states = {}
        for run in self.steps:
            for checkpoint in run.values():
                with suppress(OSError):
                    states[checkpoint.path] = checkpoint.state()
        self.held = {path for path, state in states.items() if self.states.get(path) == state}
        self.changed = states.keys() - self.held
        for path in [path for path in self.failures if self.states.get(path) != states.get(path)]:
            del self.failures[path]
        self.states = states

    def tell_start(self) -> None:
        """Say what else would look like a watch that does nothing.

        Raises:
            InputError: a run's folder cannot be read.
        """
        for run, steps in zip(self.runs, self.steps, strict=True):
            if not steps:
                require_listed(run)
                self.say(f"{run} has no checkpoints yet")
        if self.memory.step is not None:
            self.say(
                f"goes on after step {self.memory.step}, as {self.memory.file} remembers; "
                "for a training begun anew give another TensorBoard folder"
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

    def tell_late(self) -> None:
        """Say, once for each step measured, that one was saved since which does not come after it.

        Of the step measured itself that is a file written anew, not another kind of file beside it.
        """
        last = self.memory.step
        if last is None or last == self.late_after:
            return
        late = [
            step
            for run in self.steps
            for step, checkpoint in run.items()
            if checkpoint.path in self.changed and (step < last or checkpoint.path in self.measured)
        ]
        if late:
            self.late_after = last
            folder = " with another TensorBoard folder" if self.memory.file else ""
            self.say(
                f"step {min(late)} was saved after step {last} was measured, and is passed over; "
                f"for a training begun anew start another watch{folder}"
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
                models.append(read(path, whole=self.drawing is not None))
            except GscliError as error:
                self.failures[path] = self.failures.get(path, 0) + 1
                self.unread = error
                if self.failures[path] == self.patience or not run[step].files[0].exists():
                    self.say(f"step {step} is left out: {error}")
                return None
        pairs: list[tuple[str, Model, Model]] = []
        if len(models) == 2:
            pairs.append(("corgs", models[0], models[1]))
        else:
            earlier = self._before(step)
            if earlier is not None:
                pairs.append(("successive", earlier, models[0]))
        if self.reference is not None:
            for suffix, model in zip(("",) if len(models) == 1 else ("_a", "_b"), models, strict=True):
                pairs.append((f"reference{suffix}", model, self.reference))
        scalars: dict[str, float] = {}
        for tag, a, b in pairs:
            self._settle(a, b)
            scalars |= disagreement.points(
                a.xyz, b.xyz, threshold=self.threshold, tag=f"{tag}/point", where=self.where
            )
            scalars |= self._drawn(tag, a, b, step)
        self.memory.step, self.memory.path = step, os.path.abspath(models[0].path)
        self.before, self.measured = models[0], tuple(model.path for model in models)
        seconds, cameras = time.perf_counter() - start, None if self.drawing is None else self.drawing.sha256
        return Measured(step, scalars, self.measured, seconds, cameras)

    def _settle(self, a: Model, b: Model) -> None:
        """Choose where to measure, once, if that was left open."""
        if self.device != devices.AUTO:
            return
        points, drawing = len(a.xyz) + len(b.xyz), self.drawing
        drawn = 0 if drawing is None or drawing.only_cpu else points * drawing.views
        place = placing.settled(self.device, self.where, placing.Load(points, drawn))
        self.device, self.where = devices.describe(place.device), place.device
        if drawing is not None:
            drawing.move(place.device)
        for note in place.notes:
            self.say(note)

    def _drawn(self, tag: str, a: Model, b: Model, step: int) -> dict[str, float]:
        """How alike two models look; nothing, which is said once, where they cannot be drawn."""
        if self.drawing is None:
            return {}
        assert a.cloud is not None
        assert b.cloud is not None
        around = None if self.reference is None else self.reference.cloud
        try:
            found = self.drawing.renders(
                a.cloud, b.cloud, (a.path, b.path), around=around, tag=f"{tag}/render"
            )
        except InputError as error:
            if error.what not in self.undrawn:
                self.undrawn.add(error.what)
                self.say(f"step {step} is not rendered: {error}")
            return {}
        self.memory.drawing = self.drawing.settled
        return found

    def _before(self, step: int) -> Model | None:
        """The model measured before, from memory or, after a restart, from its file if that still is."""
        if self.before is None and self.memory.path is not None:
            try:
                self.before = read(self.memory.path, whole=self.drawing is not None)
            except GscliError as error:
                self.say(f"step {step} has nothing to be compared with: {error}")
        return self.before
