"""Reading ahead: the system fetches the next input while a worker computes, or waits for a GPU."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import suppress

from .tasks import Task

MOST = 256 << 20  # bytes of a task, as more might push out what is needed before


def read_ahead(task: Task) -> threading.Thread | None:
    """Have the system read the files of a task, without waiting for it.

    Only regular files: opening a pipe would take something from it. What cannot be read is left to the
    task to say.

    Returns:
        What asks the system, as a network's disk may keep it waiting; None where there is no such request.
    """
    if not hasattr(os, "posix_fadvise"):
        return None
    asking = threading.Thread(target=_ask, args=(task,), daemon=True)
    asking.start()
    return asking


def _ask(task: Task) -> None:
    left = MOST
    with suppress(OSError):
        for path in _files(task):
            about = os.stat(path)
            if stat.S_ISREG(about.st_mode) and left > 0:
                with open(path, "rb") as file:
                    os.posix_fadvise(file.fileno(), 0, min(left, about.st_size), os.POSIX_FADV_WILLNEED)
                left -= about.st_size


def _files(task: Task) -> Iterator[str]:
    from ..formats import Source

    for read in task.inputs:
        path = os.fspath(Source.of(read.path).path)
        yield from (entry.path for entry in os.scandir(path)) if os.path.isdir(path) else (path,)
