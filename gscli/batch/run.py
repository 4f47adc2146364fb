"""A batch from its plan to its summary: what is left to do, in which order, and how it went."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from ..errors import GscliError, UsageError, WriteRefused
from ..kernels import parallel
from ..progress import Track, silent
from ..results.shown import counted
from ..version import __version__
from . import digests, operations
from .records import KINDS, Folder, Record, brief
from .tasks import Task, largest_first, shard
from .work import Part, Summary, Work

FINISH, NOW = 1, 2  # how urgently a batch is asked to stop


@dataclass
class Stop:
    """Asks a running batch to end: once, after the inputs in work; twice, at once.

    Attributes:
        signal: the number of the signal that asked first, if one did.
    """

    level: int = 0
    signal: int | None = None

    def ask(self, signal: int | None = None) -> None:
        self.level += 1
        self.signal = self.signal or signal


class Engine(Protocol):
    """Runs tasks in whatever processes; yields each record as soon as its task is done or failed.

    Once `stop.level` is `FINISH` it starts nothing more, at `NOW` it ends what runs and returns.
    """

    def __call__(
        self, tasks: Sequence[Task], folder: str | None, stop: Stop, *, locks: tuple[int, ...]
    ) -> Iterator[Record]: ...


def look_at(
    tasks: Sequence[Task],
    folder: Folder | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    check: bool = False,
    part: Part | None = None,
    track: Track = silent,
) -> Work:
    """Choose this part's tasks and find out what is left to do. Writes nothing.

    What another version of gscli did counts as done, and is warned of.

    Args:
        resume: go on where an earlier run ended, and try its failures again.
        check: with `resume`, read the outputs that are there, and the inputs whose digests were recorded,
            and do again what has not its recorded digest.
        overwrite: start anew where there was a batch, and replace files that are in the way.
        track: told how far the checking is.

    Raises:
        WriteRefused: the folder holds a batch, or files with the outputs' names, without leave.
    """
    part = part or Part()
    mine = shard(tasks, part.number, part.of)
    if folder is None:
        return Work(tuple(mine), tuple(largest_first(mine)), part=part)
    seen = folder.ages()
    begun = seen is not None
    if begun and not (resume or overwrite):
        others = part.of > 1 and folder.same_manifest(tasks)  # another part of the same plan came first
        if not others or any(folder.has_record(task) for task in mine):
            raise WriteRefused(
                "holds a batch already",
                path=folder.path,
                remedy="add `resume=True` to go on with it, or `overwrite=True` to start anew",
            )
    done = {}
    if begun and resume:
        done = _checked(mine, folder, track) if check else _done(mine, folder)
    todo = [task for task in mine if task.id not in done]
    planned = folder.planned()
    for task in todo:
        if begun and (task.id in planned or folder.has_record(task)):
            continue  # what is there is what this batch left
        for path in task.outputs:
            refuse = operations.get(task.operation).refuse_existing
            refuse(path, overwrite=overwrite, source=task.source)
    skipped = tuple(done.values())
    blind = sum(check and not digests.were_kept(record) for record in skipped)
    if blind:
        what = f"what {counted(blind, 'input')} held was not recorded, and is believed by size and time"
        warnings.warn(f"{what}; start anew to record it", stacklevel=2)
    versions = Counter(str(record.get("version")) for record in skipped)
    if versions.pop(__version__, 0) < len(skipped):
        told = ", ".join(f"{count:,} by gscli {version}" for version, count in sorted(versions.items()))
        warnings.warn(f"done before {told}, which may differ; start anew to do them again", stacklevel=2)
    return Work(tuple(mine), tuple(largest_first(todo)), skipped, part, resume, check, overwrite, seen)


def _done(tasks: Sequence[Task], folder: Folder) -> dict[str, Record]:
    """The records of those tasks that are done, without the results."""
    return {task.id: brief(record) for task in tasks if (record := folder.done(task)) is not None}


def _checked(tasks: Sequence[Task], folder: Folder, track: Track) -> dict[str, Record]:
    """As `_done`, by digests; each file is read once."""
    found, done = {}, partial(folder.done, check=True, of=digests.Once())
    with track("checking", sum(task.bytes for task in tasks), "B") as advance:
        for task, record in zip(tasks, parallel.in_order(done, tasks), strict=True):
            if record is not None:
                found[task.id] = brief(record)
            advance(task.bytes)
    return found


@contextmanager
def opened(
    tasks: Sequence[Task], work: Work, folder: Folder | None, *, track: Track = silent
) -> Iterator[tuple[Work, tuple[int, ...]]]:
    """Hold a batch's folder and make it ready: plan written, leftovers swept, stale records gone.

    Yields the work, and the descriptors that hold the folder, for processes that are to hold it as well. The
    work is looked at again where another run was here before the folder was held, and `track` told of that.

    Raises:
        WriteRefused: that run needs leave to be gone on with (see `look_at`).
    """
    if folder is None:
        yield work, ()
        return
    folder.make()
    with folder.locked(work.part.number, work.part.of) as locks:
        if folder.ages() != work.seen:
            leave = {"resume": work.resume, "overwrite": work.anew, "check": work.check}
            work = look_at(tasks, folder, part=work.part, track=track, **leave)
        if not folder.same_manifest(tasks):
            folder.write_manifest(tasks)
        folder.forget_others(tasks, KINDS if work.anew else ("failed",))
        folder.sweep(work.tasks)
        for task in work.todo:
            folder.forget(task)
        try:
            yield work, locks
        finally:  # again: what a killed process was writing when it let go of the folder
            folder.sweep(work.tasks)


def run(
    work: Work,
    engine: Engine,
    folder: Folder | None,
    stop: Stop,
    summary: Summary,
    *,
    locks: tuple[int, ...] = (),
) -> Iterator[Record]:
    """Do what is left; yields every new record, and keeps the summary up to date."""
    start = time.perf_counter()
    for record in work.skipped:
        summary.add(record)
    summary.skipped = len(work.skipped)
    for record in engine(work.todo, None if folder is None else str(folder.path), stop, locks=locks):
        summary.add(record)
        summary.bytes += sum(i["bytes"] for i in record["inputs"])
        summary.seconds = time.perf_counter() - start
        yield record


def at(path: str | None) -> Folder | None:
    """The folder of a batch; None where nothing is kept."""
    if path is None:
        return None
    if not path:
        raise UsageError("`out_dir` is empty", remedy="name a folder; . is the current one")
    if Path(path).exists() and not Path(path).is_dir():
        raise GscliError("is no folder", path=path, remedy="choose another `out_dir`")
    return Folder(Path(path).absolute())
