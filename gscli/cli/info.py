"""``gscli info``."""

from __future__ import annotations

import click

from . import options


@click.command()
@options.source
@options.as_json
def command(source: str, as_json: bool) -> None:
    """Say what is in SOURCE: points, bounds, fields, SH degree, opacity, sizes, spacing.

    Positions that are NaN or infinite are counted. SOURCE may be - for stdin.

    \b
    Examples:
      gscli info scene.ply
      gscli resample scene.ply - --method one-per-grid | gscli info - --json
    """
    from ..info import info
    from ..report import document as documents
    from ..report import info as report_info

    found = info(source)
    if as_json:
        click.echo(documents.dumps(report_info.document(found)))
        return
    for line in report_info.summary(found):
        click.echo(line)
