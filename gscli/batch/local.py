"""The local engine: worker processes on this machine, replaced when they die.

Workers are spawned, not forked, and import what they need once. A worker that dies, by a signal or by a
crash in native code, costs the input that it was at, which is recorded as failed. Workers have a
session of their own, so that Ctrl-C reaches the batch and not them.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import GscliError
from ..kernels import parallel
from ..runtime import processes
from .ahead import read_ahead
from .execute import lost
from .records import Folder, Record
from .run import FINISH, NOW, Stop
from .tasks import Task

POLL_SECONDS = 0.1  # how soon a request to stop is noticed
FALSE_STARTS = 3  # in a row, of workers that die before they are ready


def default_workers() -> int:
    """As many as there are cores; fewer where ``GSCLI_THREADS`` lets each of them use several."""
    cores = parallel.cores()
    return max(1, cores // parallel.threads()) if os.environ.get("GSCLI_THREADS") else cores


@dataclass(frozen=True)
class Local:
    """Worker processes on this machine.

    Attributes:
        workers: how many; each may use its share of the cores (``GSCLI_THREADS``, unless that is set).
    """

    workers: int

    def __call__(
        self, tasks: Sequence[Task], folder: str | None, stop: Stop, *, locks: tuple[int, ...] = ()
    ) -> Iterator[Record]:
        """Run tasks in their order; see `gscli.batch.run.Engine`."""
        waiting = deque(tasks)
        set_by_user = os.environ.get("GSCLI_THREADS")
        threads = parallel.threads() if set_by_user else max(1, parallel.cores() // self.workers)
        count = min(self.workers, len(tasks))
        crew = [
            _Worker(tasks[0].operation, len(tasks) // count, folder, threads, locks) for _ in range(count)
        ]
        try:
            with selectors.DefaultSelector() as listening:
                for worker in crew:
                    worker.start(listening)
                while any(worker.busy for worker in crew) or (waiting and stop.level < FINISH):
                    if stop.level >= NOW:
                        return
                    for worker in crew:
                        if worker.idle and waiting and stop.level < FINISH and worker.give(waiting[0]):
                            waiting.popleft()
                            if waiting:
                                read_ahead(waiting[0])
                    for key, _ in listening.select(POLL_SECONDS):
                        worker = key.data
                        data = os.read(key.fd, 1 << 16)
                        yield from worker.hear(data)
                        if not data:
                            yield from worker.bury(listening)
                            waiting.extendleft(worker.left_over())
                            if waiting:
                                worker.start(listening)
        finally:
            for worker in crew:
                worker.end()


class _Worker:
    """One place at the bench: a process, or its successor.

    Attributes:
        computing: the task that the process is at.
        finishing: the one before, if its record is not in yet. A process that dies leaves it over: it
            is done again, because its death was not its doing.
    """

    def __init__(
        self, operation: str, inputs: int, folder: str | None, threads: int, locks: tuple[int, ...]
    ) -> None:
        self.arguments = [operation, str(inputs), *([] if folder is None else [folder])]
        self.folder, self.threads, self.locks = folder, threads, locks
        self.process: subprocess.Popen[bytes] | None = None
        self.computing: Task | None = None
        self.finishing: Task | None = None
        self.ready = False
        self.false_starts = 0
        self.heard = b""

    @property
    def busy(self) -> bool:
        return self.computing is not None or self.finishing is not None

    @property
    def idle(self) -> bool:
        """Whether it can be given a task."""
        return self.ready and self.computing is None

    def start(self, listening: selectors.BaseSelector) -> None:
        self.process = processes.start(
            "gscli.batch.worker:main", *self.arguments, threads=self.threads, pass_fds=self.locks
        )
        assert self.process.stdout is not None
        listening.register(self.process.stdout, selectors.EVENT_READ, self)

    def give(self, task: Task) -> bool:
        """Hand over a task; False if the process has died, as its closed stdout is about to tell."""
        assert self.process is not None
        assert self.process.stdin is not None
        try:
            rest = memoryview(task.line().encode() + b"\n")
            while rest:
                rest = rest[os.write(self.process.stdin.fileno(), rest) :]
        except BrokenPipeError:
            return False
        self.computing = task
        return True

    def hear(self, data: bytes) -> Iterator[Record]:
        """Take in what the process wrote; yields the records of the tasks that it finished."""
        *lines, self.heard = (self.heard + data).split(b"\n")
        for message in map(json.loads, lines):
            if "ready" in message:
                self.ready, self.false_starts = True, 0
            elif "computed" in message:
                self.computing, self.finishing = None, self.computing
            else:
                self.finishing = None
                yield message

    def bury(self, listening: selectors.BaseSelector) -> Iterator[Record]:
        """The process is gone; yields the record of the task that it took along."""
        assert self.process is not None
        assert self.process.stdout is not None
        listening.unregister(self.process.stdout)
        code = self.process.wait()
        self.end()
        self.false_starts += not self.ready
        if self.false_starts and (code > 0 or self.false_starts == FALSE_STARTS):
            raise GscliError(
                f"a worker process could not start ({_cause(code)})", remedy="see its error above"
            )
        self.ready, self.heard = False, b""
        task, self.computing = self.computing, None
        if task is not None:
            yield lost(task, self.folder, f"its worker process died ({_cause(code)})")

    def left_over(self) -> list[Task]:
        """The task whose record the dead process did not get to write."""
        task, self.finishing = self.finishing, None
        return [] if task is None else [task]

    def end(self) -> None:
        """End the process, in the middle of its task if it is at one, and clean up after it."""
        if self.process is None:
            return
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if self.busy:
            self.process.kill()
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.process = None
        if self.folder is not None:
            tasks = (self.computing, self.finishing)
            Folder(Path(self.folder)).sweep([task for task in tasks if task is not None])


def _cause(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return name + (", often the system being out of memory" if -code == signal.SIGKILL else "")
