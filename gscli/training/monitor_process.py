"""The process that `DisagreementMonitor` measures in. On a CPU it imports no torch.

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
import numpy.typing as npt

from ..device import resolve
from ..errors import GscliError
from ..rendering.views import Wanted
from ..watching import disagreement
from ..watching.drawing import Drawing, Settled
from . import models

Array = npt.NDArray[Any]

NICENESS = 10


def points(a: Array, b: Array, *, device: str, **settings: Any) -> dict[str, float]:
    """As `disagreement.points`, on the device of a name."""
    return disagreement.points(a, b, where=resolve(device), **settings)


class Models:
    """Measures models by their points and their pictures, from cameras that stay once there are some."""

    def __init__(self) -> None:
        self._drawing: Drawing | None = None

    def __call__(
        self,
        a: Array,
        b: Array,
        *,
        names: tuple[list[str], list[str]],
        threshold: float,
        tag: str,
        device: str,
        asked: dict[str, Any],
        before: dict[str, Any] | None,
    ) -> dict[str, Any]:
        """Scalars, what drawing has settled, and what stood in the way of pictures.

        Args:
            a, b: as `gscli.training.models.table` gives them; names: of their columns.
            threshold, tag, device: see `points`.
            asked: from where to draw, as of `gscli.rendering.views.Wanted`; before: what a process before
                this one had settled.
        """
        pair = [models.cloud(table, columns) for table, columns in zip((a, b), names, strict=True)]
        scalars = points(pair[0].xyz, pair[1].xyz, threshold=threshold, tag=tag, device=device)
        try:
            if self._drawing is None:
                settled = None if before is None else Settled.from_dict(before)
                self._drawing = Drawing(Wanted(**asked), where=resolve(device), before=settled)
            scalars |= self._drawing.renders(pair[0], pair[1], ("model a", "model b"))
        except GscliError as error:
            return {"scalars": scalars, "trouble": str(error), "drawing": before}
        return {"scalars": scalars, "drawing": self._drawing.settled.to_dict()}


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer every request of `source` on `sink`."""
    measures: dict[str, Callable[..., dict[str, Any]]] = {
        "points": lambda *arrays, **settings: {"scalars": points(*arrays, **settings)},
        "renders": lambda *arrays, **settings: {"scalars": disagreement.renders(*arrays, **settings)},
        "models": Models(),
    }
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
            answer = measures[request["kind"]](*arrays, **request["settings"])
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
