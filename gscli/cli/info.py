"""``gscli info``."""

from __future__ import annotations

import click

from . import options, show


@click.command()
@options.source
@options.trust_pickle
@options.axes
@options.as_json
def command(source: str, trust_pickle: bool, axes: str | None, as_json: bool) -> None:
    """Say what is in SOURCE: points, bounds, fields, sizes, spacing.

    Positions that are NaN or infinite are counted. SOURCE may be - for stdin, or FILE::NAME for one model of
    a file that holds several.

    \b
    Examples:
      gscli info scene.ply
      gscli info chkpnt30000.pth
      gscli resample scene.ply - --method one-per-grid | gscli info - --json
    """
    from ..info import info
    from ..report import info as report_info

    found = info(source, trust_pickle=trust_pickle, axes=axes)
    show.result(found.to_dict(), report_info.summary(found), as_json=as_json)
