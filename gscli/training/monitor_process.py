"""The process that `DisagreementMonitor` measures in. It imports no torch.

One line of JSON and the bytes of two arrays come in on stdin, one line of JSON goes out on stdout,
until an empty line comes or stdin ends, which it also does when the trainer dies.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO

import numpy as np

from ..errors import GscliError
from ..watching import disagreement

NICENESS = 10
MEASURES: dict[str, Callable[..., dict[str, float]]] = {
    "points": disagreement.points,
    "renders": disagreement.renders,
}


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer every request of `source` on `sink`."""
    while (line := source.readline()) not in (b"", b"\n"):
        request = json.loads(line)
        arrays = []
        for kind, shape in request["arrays"]:
            array = np.empty(shape, np.dtype(kind))
            view = memoryview(array.data).cast("B") if array.size else memoryview(b"")
            while view:
                count = source.readinto(view)  # type: ignore[attr-defined]
                if not count:
                    return
                view = view[count:]
            arrays.append(array)
        answer: dict[str, Any]
        try:
            answer = {"scalars": MEASURES[request["kind"]](*arrays, **request["settings"])}
        except (GscliError, TypeError, ValueError, MemoryError) as error:
            answer = {"error": str(error)}
        sink.write(json.dumps(answer).encode() + b"\n")
        sink.flush()


def main() -> None:
    """Serve stdin and stdout, at low priority; whatever else prints goes to stderr."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError):
        os.nice(NICENESS)
    sink = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with suppress(BrokenPipeError):  # the trainer is gone
        serve(sys.stdin.buffer, sink)
