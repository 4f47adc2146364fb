"""A worker process of the local engine: tasks come in on stdin, records go out on stdout, a line each.

It kills itself when its stdin ends, in the middle of a task if need be: when the batch is killed, no
process of it lives on to write over what a later run does.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from importlib import import_module
from typing import Any, BinaryIO

from . import operations
from .execute import execute
from .tasks import Task


def main(operation: str, folder: str | None = None) -> None:
    """Serve tasks of one operation until stdin closes."""
    records = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is for people
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(lines,), daemon=True).start()
    for module in operations.get(operation).modules:
        import_module(module)
    _send(records, {"ready": os.getpid()})
    while True:
        _send(records, execute(Task.from_line(lines.get().decode()), folder))


def _receive(lines: queue.SimpleQueue[bytes]) -> None:
    for line in sys.stdin.buffer:
        lines.put(line)
    signal.raise_signal(signal.SIGKILL)


def _send(stream: BinaryIO, message: dict[str, Any]) -> None:
    stream.write(json.dumps(message).encode() + b"\n")
    stream.flush()
