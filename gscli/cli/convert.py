"""``gscli convert``."""

from __future__ import annotations

from typing import Any

import click

from . import options, paths, show
from ._sections import Command


@click.command(cls=Command)
@options.source
@click.argument("output", type=paths.TARGET)
@options.overwrite
@options.allow_lossy
@click.option("--dry-run", is_flag=True, help="Read SOURCE and name the losses, but write nothing.")
@click.option(
    "--level", type=int, metavar="N", help="Of a scene in levels of detail, this one; 0 is the finest."
)
@options.trust_pickle
@options.axes
@options.quality
@options.as_json
@options.report
@options.quiet
@options.verbose
def command(
    source: str,
    output: str,
    overwrite: bool,
    as_json: bool,
    report: str | None,
    quiet: bool,
    verbose: bool,
    **settings: Any,
) -> None:
    """Write SOURCE as OUTPUT, in the format of its suffix.

    `gscli formats` lists the formats. What OUTPUT cannot hold is named and refused; with --allow-lossy it is
    left out, and the summary says by how much the values in OUTPUT differ. FILE::NAME is one model of a
    file with several, or one member of a zip. SOURCE may be - for stdin, in any format, and OUTPUT - for
    stdout, as PLY.

    \b
    Examples:
      gscli convert ckpt_29999_rank0.pt scene.ply
      gscli convert run/ckpt.pth::gs1 second.ply
      gscli convert scene.ply scene.spz --dry-run
      gscli convert scene.ply scene.spz --allow-lossy
      gscli convert lod-meta.json coarse.ply --level 3
      gscli convert scene.spz - | gscli info -
    """
    show.refuse_mixing()
    from ..convert import convert
    from ..report import convert as report_convert

    result = convert(
        source,
        output,
        overwrite=overwrite,
        also_written=[] if report is None else [report],
        track=show.track(quiet),
        **settings,
    )
    show.result(
        result.to_dict(),
        report_convert.summary(result, verbose=verbose),
        as_json=as_json,
        report=report,
        quiet=quiet,
        overwrite=overwrite,
    )
