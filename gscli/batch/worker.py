"""A worker process of the local engine: tasks come in on stdin, records go out on stdout, a line each.

It kills itself when its stdin ends, or its stdout, in the middle of a task if need be: when the batch is
killed, no process of it lives on to write over what a later run does.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from typing import Any, BinaryIO

from .. import placing
from ..files import changes
from . import operations
from .execute import attempt, finish
from .records import Record
from .tasks import Task


def main(operation: str, inputs: str, folder: str | None = None) -> None:
    """Serve tasks of one operation, about so many inputs, until stdin closes.

    The outputs of a task go to the disk, and its record after them, while the next task is computed.
    """
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is for people
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(lines,), daemon=True).start()
    changes.guard()
    placing.serve(int(inputs))
    for module in operations.get(operation).modules:
        import_module(module)
    with ThreadPoolExecutor(1) as aside:
        _send(replies, {"ready": os.getpid()})
        finishing: Future[None] | None = None
        while True:
            task = Task.from_line(lines.get().decode())
            record = attempt(task)
            if finishing is not None:
                finishing.result()
            _send(replies, {"computed": task.id})
            finishing = aside.submit(_finish, replies, task, record, folder)


def _finish(replies: BinaryIO, task: Task, record: Record, folder: str | None) -> None:
    _send(replies, finish(task, record, folder))


def _receive(lines: queue.SimpleQueue[bytes]) -> None:
    for line in sys.stdin.buffer:
        lines.put(line)
    signal.raise_signal(signal.SIGKILL)


def _send(replies: BinaryIO, message: dict[str, Any]) -> None:
    """Say something to the batch. No two threads do so at once: one waits for the other."""
    try:
        replies.write(json.dumps(message).encode() + b"\n")
        replies.flush()
    except BrokenPipeError:
        signal.raise_signal(signal.SIGKILL)
