"""``gscli formats``."""

from __future__ import annotations

import click

from . import options, show
from ._sections import Command


@click.command(cls=Command)
@options.as_json
def command(as_json: bool) -> None:
    """Say which formats are read and written here.

    With which libraries, and how to get those that are missing. Files are recognised by their content, in a
    zip too; what is written is chosen by the suffix.

    \b
    Examples:
      gscli formats
      gscli formats --json
    """
    from ..formats import FORMATS
    from ..report import formats as report_formats

    rows = list(FORMATS)
    show.result(report_formats.document(rows), report_formats.summary(rows), as_json=as_json)
