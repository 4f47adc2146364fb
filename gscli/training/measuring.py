"""The process that measures for a monitor: started when first needed, handed one measurement at a time."""

from __future__ import annotations

import json
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from ..runtime import processes


@dataclass(frozen=True)
class Measurement:
    """What is asked: ``points``, ``renders`` or all of two ``models``, as of a step.

    Attributes:
        settings: what the function of `gscli.training.monitor_process` takes besides both arrays.
    """

    kind: str
    step: int
    arrays: tuple[npt.NDArray[Any], npt.NDArray[Any]]
    settings: dict[str, Any]


class MeasuringProcess:
    """One process of its own, with one thread at low priority; it is not shared between threads.

    Attributes:
        running: the process; None before it is first needed, and after its end.
    """

    def __init__(self) -> None:
        self.running: subprocess.Popen[bytes] | None = None

    def measure(self, job: Measurement) -> Any:
        """What the process answers: ``scalars``, of models with ``drawing`` and ``trouble``; or an ``error``.

        Raises:
            OSError: it ended instead. ValueError: it answered something else.
        """
        process = self.start()
        assert process.stdin is not None
        assert process.stdout is not None
        shapes = [(array.dtype.str, array.shape) for array in job.arrays]
        head = {"kind": job.kind, "arrays": shapes, "settings": job.settings}
        process.stdin.write(json.dumps(head).encode() + b"\n")
        for array in job.arrays:
            process.stdin.write(array.data)
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise ConnectionError(f"it ended with status {process.wait()}")
        return json.loads(line)

    def start(self) -> subprocess.Popen[bytes]:
        """The process, started where none runs.

        Raises:
            OSError: it cannot be started.
        """
        if self.running is None:
            self.running = processes.start("gscli.training.monitor_process:main", at_most=True)
        return self.running

    def end(self) -> None:
        """End it, where it runs."""
        process, self.running = self.running, None
        if process is None:
            return
        assert process.stdin is not None
        with suppress(OSError):
            process.stdin.write(b"\n")  # closing alone ends nothing while a forked worker has the pipe too
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(5.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def kill(self) -> None:
        """End it at once, from whatever thread."""
        if self.running is not None:
            self.running.kill()
