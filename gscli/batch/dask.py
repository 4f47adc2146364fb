"""The Dask engine: tasks on the workers of a running Dask cluster that sees the same files.

Only tasks and records travel. A task whose worker is lost is given to another one, until the
scheduler's limit (``distributed.scheduler.allowed-failures``); then it is recorded as failed.
"""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from ..errors import EngineUnavailable, UsageError
from .execute import execute, lost
from .records import Record
from .run import FINISH, NOW, Stop
from .tasks import Task

POLL_SECONDS = 0.05
CONNECT_SECONDS = 10
_ADDRESS = re.compile(r"((tcp|tls|ucx|ws|wss)://)?[^/\s]+:\d{1,5}")


@dataclass(frozen=True)
class Dask:
    """The workers of a Dask cluster.

    Attributes:
        address: of its scheduler, such as ``tcp://head:8786``.
    """

    address: str

    def __call__(
        self, tasks: Sequence[Task], folder: str | None, stop: Stop, *, lock: int | None = None
    ) -> Iterator[Record]:
        """Run tasks, the first ones first; see `gscli.batch.run.Engine`."""
        if not _ADDRESS.fullmatch(self.address):  # a client that was refused one takes 20 s to end
            raise UsageError(
                f"--scheduler {self.address} is no address", remedy="write it like tcp://head:8786"
            )
        try:
            distributed: Any = import_module("distributed")
        except ImportError:
            raise EngineUnavailable(
                "--scheduler needs Dask distributed, which is not installed",
                remedy="pip install 'gscli[cluster]', or leave it out to work on this machine",
            ) from None
        try:
            client = distributed.Client(self.address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise EngineUnavailable(
                f"no Dask scheduler answers at {self.address} ({type(error).__name__})",
                remedy="start one with `dask scheduler`",
            ) from None
        with client:
            if not client.nthreads():
                warnings.warn(f"{self.address} has no workers yet; waiting for some", stacklevel=2)
            run = f"{time.time_ns():x}"
            given = {
                client.submit(
                    execute, task, folder, key=f"{task.id}-{run}", pure=False, priority=-number
                ): task
                for number, task in enumerate(tasks)
            }
            finished = distributed.as_completed(given, loop=client.loop)
            stopping = False
            while given:
                if stop.level >= NOW:
                    client.cancel(list(given), force=True)
                    return
                if stop.level >= FINISH and not stopping:
                    stopping = True
                    _drop_waiting(client, given)
                if not finished.has_ready():
                    time.sleep(POLL_SECONDS)
                    continue
                for future in finished.next_batch(block=False):
                    task = given.pop(future, None)
                    if task is not None:
                        yield _record(future, task, folder)


def _drop_waiting(client: Any, given: dict[Any, Task]) -> None:
    """Withdraw the tasks that no worker has taken up."""
    running = {key for keys in client.processing().values() for key in keys}
    waiting = [future for future in given if not future.done() and future.key not in running]
    for future in waiting:
        del given[future]
    client.cancel(waiting)


def _record(future: Any, task: Task, folder: str | None) -> Record:
    if future.status == "finished":
        record: Record = future.result()
        return record
    error = future.exception()
    why = f"{type(error).__name__}: {error}"
    return lost(task, folder, " ".join(why.split()))
