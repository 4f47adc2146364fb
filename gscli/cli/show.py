"""How commands show things: data on stdout, everything else on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from .. import files
from ..errors import GateMissed, UsageError, printable
from ..progress import Track, silent

if TYPE_CHECKING:
    from ..comparing.gates import Gate


def track(quiet: bool) -> Track:
    """A progress bar on a terminal, nothing elsewhere."""
    return silent if quiet or not on_terminal() else _bar


def on_terminal() -> bool:
    """Whether somebody sees stderr as it is written; it may also be closed."""
    return sys.stderr is not None and sys.stderr.isatty()


@contextmanager
def _bar(label: str, total: int, unit: str = "points") -> Iterator[Callable[[int], object]]:
    from tqdm import tqdm

    with tqdm(total=total, desc=label, unit=f" {unit}", unit_scale=True, leave=False, delay=0.5) as bar:
        yield bar.update


def on_stdout(*outputs: str | None) -> int:
    """How many of these outputs are stdout."""
    return sum(path is not None and files.descriptor(path) == 1 for path in outputs)


def refuse_mixing(as_json: bool, *outputs: str | None) -> None:
    """Refuse two documents on one stdout."""
    if on_stdout(*outputs) + as_json > 1:
        raise UsageError(
            "stdout can carry one thing", remedy="give a file name, or --report FILE for the JSON"
        )


def result(
    document: dict[str, Any],
    summary: list[str],
    *,
    as_json: bool,
    report: str | None,
    quiet: bool,
    overwrite: bool,
    answer: bool = False,
) -> None:
    """Show a result: JSON where asked for, and a summary for people on stderr.

    Args:
        answer: the summary is what the command was asked for, so it goes to stdout.
    """
    from .. import documents

    try:
        if report is not None:
            documents.write(report, document, overwrite=overwrite)
    finally:  # the work is done, and told, even where the disk has no room for a report of it
        if as_json:
            json(document)
        elif not quiet:
            lines(summary, err=not answer)


def json(content: dict[str, Any]) -> None:
    """Print a JSON document to stdout."""
    from .. import documents

    documents.write(files.STANDARD, content, overwrite=True)


def lines(shown: Iterable[str], *, err: bool = False) -> None:
    """Show lines for people; what file names hold cannot break them or steer the terminal."""
    for line in shown:
        click.echo(printable(line), err=err)


def gates(checked: Sequence[Gate]) -> None:
    """End with the exit code of a missed gate if one was missed."""
    missed = [str(gate) for gate in checked if not gate.passed]
    if missed:
        raise GateMissed("; ".join(missed))
