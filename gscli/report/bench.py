"""Benchmark groups as a JSON document and as tables."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ..bench.timing import Group
from ..results import documents

SCHEMA = "gscli/bench/1"


def document(groups: list[Group], **options: Any) -> dict[str, Any]:
    """Every group with its rows: name, median seconds, ratio to the first row, peak memory, note."""
    return documents.document(SCHEMA, options=options, groups=[asdict(group) for group in groups])


def summary(groups: list[Group]) -> list[str]:
    """One table a group."""
    lines = []
    for group in groups:
        width = max(len(row.name) for row in group.rows)
        lines.append(group.title)
        for row in group.rows:
            if row.seconds is None:
                lines.append(f"  {row.name:{width}}  {row.note}")
                continue
            line = f"  {row.name:{width}}  {_duration(row.seconds):>9}"
            if row.ratio is not None:
                line += f"  x {row.ratio:<6.3g}"
            if row.peak_mb is not None:
                line += f"  {row.peak_mb:,.0f} MB"
            if row.note:
                line += f"  {row.note}"
            lines.append(line.rstrip())
        lines.append("")
    return lines[:-1]


def _duration(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"
