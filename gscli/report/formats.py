"""The table of formats as a JSON document and as lines for people."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from ..errors import DISTRIBUTIONS
from ..formats import FOLDER, Format
from ..results import documents

SCHEMA = "gscli/formats/1"
WIDTH = 100


def document(rows: Sequence[Format]) -> dict[str, Any]:
    """Every format with what it can do, what it needs and what of that is missing."""
    return documents.document(SCHEMA, formats=[_row(row) for row in rows])


def summary(rows: Sequence[Format]) -> list[str]:
    """A line or two a format; what is missing comes with the command that installs it."""
    names = max(len(row.name) for row in rows)
    suffixes = max(len(_suffixes(row)) for row in rows)
    lines = [f"{'format':{names}}  read  write  {'files':{suffixes}}  holds"]
    for row in rows:
        writes = "no" if row.writer is None else "lossy" if row.writer.lossy else "yes"
        start = f"{row.name:{names}}  {'yes':4}  {writes:5}  {_suffixes(row):{suffixes}}  "
        holds = row.description
        needs = [*_named(row.requires), *(f"{package} for some files" for package in _named(row.optional))]
        if needs:
            holds += f"; needs {', '.join(needs)}"
        if row.missing:
            holds += f"; missing {', '.join(_named(row.missing))}: {row.install}"
        lines += textwrap.wrap(
            holds, WIDTH, initial_indent=start, subsequent_indent=" " * len(start), break_on_hyphens=False
        )
    return lines


def _row(row: Format) -> dict[str, Any]:
    return {
        "name": row.name,
        "description": row.description,
        "suffixes": row.suffixes,
        "can_read": True,
        "can_write": row.writer is not None,
        "lossy": row.writer is not None and row.writer.lossy,
        "requires": row.requires,
        "optional": row.optional,
        "missing": row.missing,
        "install": row.install,
    }


def _named(packages: Sequence[str]) -> list[str]:
    """What packages are installed as."""
    return [DISTRIBUTIONS.get(package, package) for package in packages]


def _suffixes(row: Format) -> str:
    return " ".join("folder" if suffix == FOLDER else suffix for suffix in row.suffixes)
