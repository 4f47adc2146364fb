"""How commands show things: data on stdout, everything else on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from .. import files
from ..errors import UsageError
from ..progress import Track, silent


def track(quiet: bool) -> Track:
    """A progress bar on a terminal, nothing elsewhere."""
    return silent if quiet or not sys.stderr.isatty() else _bar


@contextmanager
def _bar(label: str, total: int, unit: str = "points") -> Iterator[Callable[[int], object]]:
    from tqdm import tqdm

    with tqdm(total=total, desc=label, unit=f" {unit}", unit_scale=True, leave=False, delay=0.5) as bar:
        yield bar.update


def refuse_mixing(as_json: bool, *outputs: str | None) -> None:
    """Refuse two documents on one stdout."""
    standard = [path for path in outputs if path is not None and files.is_standard(path)]
    if len(standard) + as_json > 1:
        raise UsageError(
            "stdout can carry one thing", remedy="give a file name, or --report FILE for the JSON"
        )


def result(
    document: dict[str, Any],
    lines: list[str],
    *,
    as_json: bool,
    report: str | None,
    quiet: bool,
    overwrite: bool,
) -> None:
    """Show a result: JSON where asked for, and a summary for people on stderr."""
    from ..report import document as documents

    if report is not None:
        documents.write(report, document, overwrite=overwrite)
    if as_json:
        click.echo(documents.dumps(document))
    elif not quiet:
        for line in lines:
            click.echo(line, err=True)
