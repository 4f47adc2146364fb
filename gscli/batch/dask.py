"""The Dask engine: tasks on the workers of a running Dask cluster that sees the same files.

Only tasks and records travel. A task whose worker is lost is given to another one, until the
scheduler's limit (``distributed.scheduler.allowed-failures``); then it is recorded as failed. The scheduler
counts a lost worker against all tasks that it sent there, and sends them out at once: so no more are given
to it than there are threads, and the others follow as these end.

Workers may advertise what they have (``dask worker --resources "GPU=1 MEMORY=16e9"``): then a task on
the GPU goes to a worker with one, and a task that needs much memory to a worker with that much.
"""

from __future__ import annotations

import re
import time
import warnings
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NamedTuple

from ..errors import EngineUnavailable, UsageError
from ..runtime import libraries
from . import needs
from .execute import execute, lost
from .records import Record
from .run import FINISH, NOW, Stop
from .tasks import Task

POLL_SECONDS = 0.005
LOOK_SECONDS = 2.0  # between two looks at which workers there are
KNOCK_SECONDS = 0.1  # the same, while there are none
CONNECT_SECONDS = 10
FETCH_SECONDS = 2.0
_ADDRESS = re.compile(r"((tcp|tls|ucx|ws|wss)://)?[^/\s]+:\d{1,5}")
GPU, MEMORY = "GPU", "MEMORY"  # resources, under the names that Dask's manual uses


@dataclass(frozen=True)
class Dask:
    """The workers of a Dask cluster.

    Attributes:
        address: of its scheduler, such as ``tcp://head:8786``.
    """

    address: str

    def __call__(
        self, tasks: Sequence[Task], folder: str | None, stop: Stop, *, locks: tuple[int, ...] = ()
    ) -> Iterator[Record]:
        """Run tasks, the first ones first; see `gscli.batch.run.Engine`."""
        if not _ADDRESS.fullmatch(self.address):  # a client that was refused one takes 20 s to end
            raise UsageError(
                f"`scheduler` {self.address} is no address", remedy="write it like tcp://head:8786"
            )
        if not tasks:  # nothing to wait for a scheduler and workers for
            return
        libraries.require("distributed", "`scheduler`", instead="leave it out to work on this machine")
        distributed: Any = import_module("distributed")
        try:
            client = distributed.Client(self.address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise EngineUnavailable(
                f"no Dask scheduler answers at {self.address} ({type(error).__name__})",
                remedy="start one with `dask scheduler`",
            ) from None
        with client:
            try:
                yield from self._work(distributed, client, tasks, folder, stop)
            except (OSError, distributed.CancelledError):
                raise EngineUnavailable(
                    f"the Dask scheduler at {self.address} is gone",
                    remedy="start it again, and go on with `resume=True`",
                ) from None

    def _work(
        self, distributed: Any, client: Any, tasks: Sequence[Task], folder: str | None, stop: Stop
    ) -> Iterator[Record]:
        """Run tasks; an OSError or a CancelledError says that the scheduler is gone."""
        workers, looked = self._workers(client, stop), time.monotonic()
        if any(map(_on_gpu, tasks)) and workers and not any(w.has.get(GPU, 0) >= 1 for w in workers):
            what = f"no worker advertises a GPU (--resources {GPU}=1): any worker may get any task"
            warnings.warn(what, stacklevel=2)
        run = f"{time.time_ns():x}"
        waiting = deque(errand(task, workers) for task in tasks)
        given: dict[Any, Errand] = {}
        finished = distributed.as_completed(loop=client.loop)
        changed, stopping = True, False
        while waiting or given:
            if stop.level >= NOW:
                client.cancel(list(given), force=True)
                return
            if stop.level >= FINISH and not stopping:
                stopping = True
                waiting.clear()
                _drop_waiting(client, given)
            while changed and (one := take_next(waiting, given, workers)):
                future = client.submit(
                    execute,
                    one.task,
                    folder,
                    key=f"{one.task.id}-{run}",
                    pure=False,
                    priority=len(waiting) - len(tasks),
                    resources=one.needed,
                )
                given[future] = one
                finished.add(future)
            changed = False
            if not finished.has_ready():
                time.sleep(POLL_SECONDS)
                if time.monotonic() - looked > LOOK_SECONDS:
                    if stopping:
                        _drop_waiting(client, given)  # a lost worker's task waits again
                    elif (found := self._workers(client, stop)) != workers:
                        workers, changed = found, True
                        waiting = deque(errand(one.task, workers) for one in waiting)
                    looked = time.monotonic()
                continue
            future = next(finished)
            if future not in given:
                continue
            try:
                record = _record(future, given[future].task, folder)
            except distributed.TimeoutError:  # its worker was lost before the record was fetched
                finished.add(future)
                continue
            del given[future]
            changed = True
            yield record

    def _workers(self, client: Any, stop: Stop) -> list[Worker]:
        """The workers that there are; waits for the first one."""
        waiting = False
        while True:
            found = client.sync(client.scheduler.identity)["workers"].values()
            if found or stop.level:
                return [Worker(worker["nthreads"], worker["resources"]) for worker in found]
            if not waiting:
                waiting = True
                warnings.warn(f"{self.address} has no workers; waiting for some", stacklevel=3)
            time.sleep(KNOCK_SECONDS)


class Worker(NamedTuple):
    """A worker: how many tasks it does at a time, and what it advertises, by name."""

    threads: int
    has: Mapping[str, float]


class Errand(NamedTuple):
    """A task for a set of workers: what it needs, and how many of their threads could do it."""

    task: Task
    needed: dict[str, float]
    able: int


def errand(task: Task, workers: Sequence[Worker]) -> Errand:
    """What a task means for these workers."""
    needed = resources(task, [worker.has for worker in workers])
    fit = (w for w in workers if all(w.has.get(name, 0) >= much for name, much in needed.items()))
    return Errand(task, needed, sum(worker.threads for worker in fit))


def take_next(
    waiting: deque[Errand], given: Mapping[Any, Errand], workers: Sequence[Worker]
) -> Errand | None:
    """Take the first that waits and that a thread is free for.

    A thread is taken by a task that was given out and that these threads, or fewer of them, could do.
    """
    if len(given) >= sum(worker.threads for worker in workers):
        return None
    busy: set[int] = set()  # by how many they are
    for number, one in enumerate(waiting):
        if one.able not in busy and sum(other.able <= one.able for other in given.values()) < one.able:
            del waiting[number]
            return one
        busy.add(one.able)
    return None


def resources(task: Task, workers: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """What a worker has to have free for a task, of the resources that workers advertise.

    Args:
        workers: what each of them advertises, by name.

    Returns:
        ``GPU`` (1) for a task on one; ``MEMORY`` (bytes), but no more than the best worker has, which then
        works on this task alone. A worker that has both is there, if both are asked for.
    """
    needed = {}
    with_gpu = [worker for worker in workers if worker.get(GPU, 0) >= 1]
    if with_gpu and _on_gpu(task):
        workers, needed[GPU] = with_gpu, 1.0
    most = max((worker.get(MEMORY, 0) for worker in workers), default=0)
    if most:
        needed[MEMORY] = min(needs.needed(task), most)
    return needed


def _on_gpu(task: Task) -> bool:
    return str(task.parameters.get("device")).startswith("cuda")


def _drop_waiting(client: Any, given: dict[Any, Errand]) -> None:
    """Withdraw the tasks that no worker has taken up."""
    running = {key for keys in client.processing().values() for key in keys}
    waiting = [future for future in given if not future.done() and future.key not in running]
    for future in waiting:
        del given[future]
    client.cancel(waiting)


def _record(future: Any, task: Task, folder: str | None) -> Record:
    """The record of a task that is over; a TimeoutError says that it was lost again."""
    if future.status != "error":
        record: Record = future.result(timeout=FETCH_SECONDS)
        return record
    error = future.exception()
    why = f"{type(error).__name__}: {error}"
    return lost(task, folder, " ".join(why.split()))
