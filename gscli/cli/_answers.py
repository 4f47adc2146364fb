"""Commands that end with a result: the options of how it is shown, and what they ask for."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ..progress import Track
from . import options, show


@dataclass(frozen=True)
class Answer:
    """How the result of a command is to be shown: what the options of these names were given."""

    as_json: bool
    report: str | None
    quiet: bool
    verbose: bool
    overwrite: bool

    @property
    def files(self) -> list[str]:
        """Those that the result is written to."""
        return [] if self.report is None else [self.report]

    @property
    def track(self) -> Track:
        """What is told meanwhile."""
        return show.track(self.quiet)

    def show(self, document: dict[str, Any], told: Iterable[str]) -> None:
        """Show a result: its JSON document, and the lines that tell it to people."""
        show.result(
            document,
            told,
            as_json=self.as_json,
            report=self.report,
            quiet=self.quiet,
            overwrite=self.overwrite,
        )


def answered(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of how a result is shown; a command gets what they ask for as its first argument."""

    @functools.wraps(command)
    def run(*, as_json: bool, report: str | None, quiet: bool, verbose: bool, **given: Any) -> None:
        show.refuse_mixing()
        command(Answer(as_json, report, quiet, verbose, given["overwrite"]), **given)

    for option in (options.verbose, options.quiet, options.report, options.as_json):  # the last comes first
        run = option(run)
    return run
