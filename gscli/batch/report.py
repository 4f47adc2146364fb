"""A batch as a plan to read, a line of progress and a closing table."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import printable
from ..report import numbers
from ..results.shown import counted

if TYPE_CHECKING:
    from .tasks import Task
    from .work import Summary, Work

TABLE_ROWS = 40  # more inputs than this, and the table has the totals only
FAILURE_ROWS = 20
WIDTH = 100  # of the table, unless its figures alone take more
NAME_WIDTH = 80, 20  # of an input's path, at most and at least


def plan(work: Work, *, folder: str | None) -> list[str]:
    """What would run: size, input, and what is read with it, where outputs go."""
    lines = []
    for task in work.todo:
        line = f"{numbers.size(task.bytes):>9}  {_near(task.source)}"
        if len(task.inputs) > 1:
            line += " with " + ", ".join(_near(i.path) for i in task.inputs[1:])
        if task.outputs:
            line += " -> " + ", ".join(_near(path) for path in task.outputs)
        lines.append(line)
    kept = "records nothing" if folder is None else f"records in {_near(folder)}"
    total = f"would {_verb(work.todo)} {_inputs(work.todo)}, {numbers.size(work.bytes)}; {kept}"
    if work.skipped:
        total += f"; {len(work.skipped):,} are done already"
    if work.part.of > 1:
        total += f"; part {work.part.number} of {work.part.of}"
    return [*lines, total]


def progress(summary: Summary, total: int) -> str:
    """One line on how far a run is."""
    done = len(summary.records) - summary.skipped
    rate = done / summary.seconds if summary.seconds else 0.0
    line = f"{done:,} of {total:,}"
    if summary.count("failed"):
        line += f", {summary.count('failed'):,} failed"
    if rate:
        line += f"; {rate:.3g} inputs/s, {duration((total - done) / rate)} left"
    return line


def complaint(record: dict[str, Any]) -> str:
    """What is wrong with an input that failed or missed a gate."""
    if record["status"] == "missed":
        return f"missed   {_name(record)}: {', '.join(record['missed'])}"
    return f"failed   {record['error'].replace(os.path.join(os.getcwd(), ''), '')}"


def table(summary: Summary, index: str | None = None) -> list[str]:
    """The closing table: every input where they are few, otherwise what went wrong, and the totals.

    Args:
        index: the page that leads to all pages, if there is one.
    """
    few = len(summary.records) <= TABLE_ROWS
    rows = summary.records if few else []
    lines = _columns(sorted(rows, key=lambda record: str(record["inputs"][0]["path"])))
    for status in ("missed",) if few else ("failed", "missed"):
        found = [record for record in summary.records if record["status"] == status]
        lines += [complaint(record) for record in found[:FAILURE_ROWS]]
        if len(found) > FAILURE_ROWS:
            lines.append(f"{status:<8} ... and {len(found) - FAILURE_ROWS:,} more")
    counts = [f"{summary.count('done'):,} done"]
    if summary.skipped:
        counts[0] += f" ({summary.skipped:,} before)"
    counts += [f"{n:,} {s}" for s in ("missed", "failed") if (n := summary.count(s))]
    if summary.unfinished:
        counts.append(f"{summary.unfinished:,} not begun")
    new = len(summary.records) - summary.skipped
    took = f"{duration(summary.seconds)}"
    if new and summary.seconds:
        took += f", {new / summary.seconds:.3g} inputs/s, {numbers.size(summary.bytes)} read"
    if index is not None:
        lines.append(f"pages    {_near(index)}")
    return [*lines, f"batch    {_inputs(summary.work.tasks)}: {', '.join(counts)}; {took}"]


def _columns(records: list[dict[str, Any]]) -> list[str]:
    if not records:
        return []
    names = sorted({name for r in records for name in r.get("figures", {})}, key=_order(records))
    cells = [["input", "status", "time", *names]]
    for record in records:
        figures = record.get("figures", {})
        seconds = record["seconds"]
        took = "-" if seconds is None else f"{seconds:.2f} s"
        cells.append([_name(record), record["status"], took, *(_cell(figures.get(name)) for name in names)])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    room = max(NAME_WIDTH[1], WIDTH - sum(width + 2 for width in widths[1:]))
    for row in cells:
        row[0] = _end(row[0], room)
    widths[0] = min(widths[0], room)
    return [
        "  ".join(
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def _order(records: list[dict[str, Any]]) -> Any:
    """Figures in the order in which operations give them."""
    seen: dict[str, int] = {}
    for record in records:
        for name in record.get("figures", {}):
            seen.setdefault(name, len(seen))
    return seen.__getitem__


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return (
        f"{value:,}" if isinstance(value, int) else f"{value:.5g}" if isinstance(value, float) else str(value)
    )


def _inputs(tasks: Sequence[Task]) -> str:
    return f"{counted(len(tasks), 'input')}"


def _name(record: dict[str, Any]) -> str:
    """An input's path as it is shown; of a very long one, the end."""
    return _end(printable(_near(record["inputs"][0]["path"])), NAME_WIDTH[0])


def _end(name: str, width: int) -> str:
    return name if len(name) <= width else "..." + name[3 - width :]


def _near(path: str) -> str:
    """A path as it is shortest: relative, if it is below the current folder."""
    relative = os.path.relpath(path) + ("/" if path.endswith("/") else "")
    return path if relative.startswith("..") else relative


def _verb(tasks: tuple[Task, ...]) -> str:
    return tasks[0].operation if tasks else "do"


def duration(seconds: float) -> str:
    """Seconds for people: ``8.2 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"
