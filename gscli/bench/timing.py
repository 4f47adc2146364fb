"""Honest timing: warm-up, interleaved repeats, medians; whole processes with their peak memory."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import device
from ..errors import GscliError

ONCE = "run once, without warm-up"


@dataclass(frozen=True)
class Row:
    """One thing timed.

    Attributes:
        name: what ran.
        seconds: median over the repeats; None if it could not run.
        ratio: seconds over those of the group's reference, the first row that ran.
        peak_mb: largest resident set of a whole process, in MB; None within this process.
        note: why it did not run, or that it ran only once.
    """

    name: str
    seconds: float | None
    ratio: float | None = None
    peak_mb: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Group:
    """Things timed in turn, in one run, against the first that ran, which comes first."""

    title: str
    rows: tuple[Row, ...]


def compare_calls(
    title: str,
    calls: Mapping[str, Callable[[], object] | str],
    *,
    repeats: int,
    on: Any = None,
    once: Container[str] = (),
) -> Group:
    """Time calls in turn, A B C A B C, after one warm-up each.

    Args:
        calls: by name, a function, or why there is none to run.
        repeats: timed repeats.
        on: the torch device whose queue must be empty before the clock is read.
        once: names of calls so slow that one go without warm-up has to do.
    """
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for repeat in range(repeats + 1):
        for name, call in calls.items():
            if isinstance(call, str) or (name in once and repeat != 1):
                continue
            device.synchronise(on)
            start = time.perf_counter()
            call()
            device.synchronise(on)
            if repeat:
                seconds[name].append(time.perf_counter() - start)
    rows = [
        Row(name, None, note=call)
        if isinstance(call, str)
        else Row(name, statistics.median(seconds[name]), note=ONCE if name in once else "")
        for name, call in calls.items()
    ]
    return Group(title, _with_ratios(rows))


def compare_processes(
    title: str, commands: Mapping[str, Sequence[str] | str], *, repeats: int, fresh: Path | None = None
) -> Group:
    """Time whole processes in turn after one warm-up each; a string tells why there is nothing to run.

    Args:
        fresh: the folder that they write to, emptied before each run, for freeing an old file can take as
            long as writing a new one.
    """
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for repeat in range(repeats + 1):
        for name, command in commands.items():
            if not isinstance(command, str):
                if fresh is not None:
                    shutil.rmtree(fresh, ignore_errors=True)
                    fresh.mkdir()
                measured = run_process(name, command)
                if repeat:
                    found[name].append(measured)
    rows = []
    for name, command in commands.items():
        if isinstance(command, str):
            rows.append(Row(name, None, note=command))
        else:
            seconds = statistics.median(s for s, _ in found[name])
            rows.append(Row(name, seconds, peak_mb=max(peak for _, peak in found[name])))
    return Group(title, _with_ratios(rows))


# A process inherits its parent's peak memory: a small one has to start what is measured.
_LAUNCHER = """
import os, sys, time
start = time.perf_counter()
_, status, usage = os.wait4(os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ), 0)
print(time.perf_counter() - start, usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def run_process(name: str, command: Sequence[str]) -> tuple[float, float]:
    """Run a command to its end; returns (seconds, peak resident MB).

    Raises:
        GscliError: it failed, with the last line that it said.
    """
    launch = [sys.executable, "-I", "-S", "-c", _LAUNCHER, *command]
    done = subprocess.run(launch, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise GscliError(f"the benchmark '{name}' failed: {last[0]}")
    seconds, peak = done.stdout.splitlines()[-1].split()
    unit = 1 if sys.platform == "darwin" else 1024
    return float(seconds), int(peak) * unit / 1e6


def _with_ratios(rows: list[Row]) -> tuple[Row, ...]:
    """The rows, those that did not run last, with their ratios to the first."""
    rows = sorted(rows, key=lambda row: row.seconds is None)
    base = rows[0].seconds
    return tuple(
        Row(r.name, r.seconds, None if not base or r.seconds is None else r.seconds / base, r.peak_mb, r.note)
        for r in rows
    )
