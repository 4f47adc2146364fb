"""What is timed on a GPU: by its events, with its memory, launches and waits; kept as Markdown and JSON."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from gscli import device

from .tables import seconds

SLOW = 2.0  # seconds: what takes longer goes once

Calls = Mapping[str, Callable[[], object]]


@dataclass(frozen=True)
class Row:
    """One thing timed.

    Attributes:
        name: what ran.
        seconds: median by the clock, until the GPU is idle.
        gpu_ms: median between two events on the GPU; None on a CPU, as are all below.
        launches: of kernels; waits: of the CPU for the GPU.
        bytes_per_point: peak of torch's memory beyond what was held before, over `points`.
    """

    name: str
    seconds: float
    gpu_ms: float | None = None
    launches: int | None = None
    waits: int | None = None
    bytes_per_point: float | None = None


@dataclass(frozen=True)
class Table:
    """Things timed one after another; ratios are to the first."""

    title: str
    rows: tuple[Row, ...]

    def markdown(self) -> str:
        heads = [self.title, "time", "ratio", "between events", "launches", "waits", "bytes a point"]
        lines = [heads, ["---"] * len(heads)]
        for row in self.rows:
            ratio = f"{row.seconds / self.rows[0].seconds:.3f}"
            events = "" if row.gpu_ms is None else f"{row.gpu_ms:.2f} ms"
            rest = (row.launches, row.waits, row.bytes_per_point)
            lines.append(
                [
                    row.name,
                    seconds(row.seconds),
                    ratio,
                    events,
                    *("" if n is None else f"{n:,.0f}" for n in rest),
                ]
            )
        return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


@dataclass
class Part:
    """A part of a run: its tables, and why it did not come to its end, if it did not."""

    name: str
    tables: list[Table] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    took_s: float = 0.0
    left_out: str | None = None
    error: str | None = None

    def json(self) -> dict[str, Any]:
        return asdict(self)

    def markdown(self) -> str:
        facts = [f"{name}: {fact}" for name, fact in self.facts.items()]
        ends = [
            f"Left out: {self.left_out}" if self.left_out else "",
            f"Failed: {self.error}" if self.error else "",
        ]
        tables = [table.markdown() for table in self.tables]
        return "\n\n".join(filter(None, [f"## {self.name}", *facts, *tables, *ends]))


def measure(
    title: str, cpu: Calls, gpu: Calls, *, where: torch.device, repeats: int, points: int = 0
) -> Table:
    """Time calls that run on the CPU's cores, then calls on a device.

    Args:
        points: how many share the device's memory; 0 leaves memory out.
    """
    rows = [Row(name, _by_clock(call, None, repeats)) for name, call in cpu.items()]
    for name, call in gpu.items():
        clock = _by_clock(call, where, repeats)
        if where.type != "cuda":
            rows.append(Row(name, clock))
            continue
        launches, waits = _counted(call)
        memory = _peak(call, where) / points if points else None
        rows.append(Row(name, clock, _by_events(call, where, repeats), launches, waits, memory))
    return Table(title, tuple(rows))


def processes(title: str, commands: Mapping[str, Sequence[str]], *, limit: float) -> Table:
    """Run whole commands once each.

    Args:
        limit: seconds that each may take.

    Raises:
        subprocess.SubprocessError: one failed, or took longer.
    """
    rows = []
    for name, command in commands.items():
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, timeout=limit)
        rows.append(Row(name, time.perf_counter() - start))
    return Table(title, tuple(rows))


def _by_clock(call: Callable[[], object], where: torch.device | None, repeats: int) -> float:
    """The median after a warm-up, or the first time where that was long."""
    times: list[float] = []
    for _ in range(repeats + 1):
        device.synchronise(where)
        start = time.perf_counter()
        call()
        device.synchronise(where)
        times.append(time.perf_counter() - start)
        if where is None and times[0] > SLOW:  # a GPU's first time is its compiler's
            return times[0]
    return statistics.median(times[1:])


def _by_events(call: Callable[[], object], where: torch.device, repeats: int) -> float:
    times: list[float] = []
    with torch.cuda.device(where):
        for _ in range(repeats):
            first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
            first.record()
            call()
            last.record()
            last.synchronize()
            times.append(first.elapsed_time(last))
    return statistics.median(times)


def _counted(call: Callable[[], object]) -> tuple[int, int]:
    """How many kernels a call launches, and how often the CPU waits for the GPU meanwhile."""
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    torch.cuda.synchronize()
    with torch.profiler.profile(activities=activities) as profile:
        call()
    return counts({event.key: event.count for event in profile.key_averages()})


def counts(events: Mapping[str, int]) -> tuple[int, int]:
    """Launches and waits among a profiler's events, by name; the profiler's own last wait is none."""
    launches = sum(n for name, n in events.items() if name.startswith(("cudaLaunchKernel", "cuLaunchKernel")))
    waits = sum(n for name, n in events.items() if name in ("cudaStreamSynchronize", "cudaEventSynchronize"))
    return launches, waits


def _peak(call: Callable[[], object], where: torch.device) -> int:
    torch.cuda.synchronize(where)
    torch.cuda.reset_peak_memory_stats(where)
    held = torch.cuda.memory_allocated(where)
    call()
    torch.cuda.synchronize(where)
    return int(torch.cuda.max_memory_allocated(where)) - held
