"""How a running batch is watched: a bar on a terminal, plain lines in a log, JSON lines on stdout."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from .. import files
from . import _bars, show
from ._spelling import translated

LINE_SECONDS = 10.0  # between two lines of progress in a log

Tell = Callable[[dict[str, Any]], None]


@contextmanager
def watching(summary: Any, *, quiet: bool, json_lines: bool) -> Iterator[Tell]:
    """Yields a function to call with every record as it comes in.

    Raises:
        GscliError: JSON lines go to a stdout that is closed.
    """
    if json_lines:
        files.require_stdout()
    shown = _nothing() if quiet else _bar(summary) if show.on_terminal() else _lines(summary)
    with shown as told:

        def tell(record: dict[str, Any]) -> None:
            if json_lines:
                click.echo(json.dumps(record))
            told(record)

        yield tell


@contextmanager
def _nothing() -> Iterator[Tell]:
    yield lambda record: None


@contextmanager
def _bar(summary: Any) -> Iterator[Tell]:
    from ..batch.report import complaint

    with _bars.stage("0 failed", len(summary.work.todo), "inputs") as stage:

        def told(record: dict[str, Any]) -> None:
            if record["status"] == "failed":
                show.remark(translated(complaint(record)))
            stage.label = f"{summary.count('failed')} failed"
            stage.advance(1)

        yield told


@contextmanager
def _lines(summary: Any) -> Iterator[Tell]:
    from ..batch.report import complaint, progress

    last = time.monotonic()

    def told(record: dict[str, Any]) -> None:
        nonlocal last
        if record["status"] == "failed":
            show.remark(translated(complaint(record)))
        if time.monotonic() - last >= LINE_SECONDS:
            last = time.monotonic()
            show.remark(f"gscli: {progress(summary, len(summary.work.todo))}")

    yield told
