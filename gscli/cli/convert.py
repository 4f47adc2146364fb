"""``gscli convert``."""

from __future__ import annotations

from typing import Any

import click

from . import options, paths
from ._answers import Answer, answered
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
@answered
def command(answer: Answer, source: str, output: str, **settings: Any) -> None:
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
    from ..convert import convert
    from ..report import convert as report_convert

    result = convert(source, output, also_written=answer.files, track=answer.track, **settings)
    answer.show(result.to_dict(), report_convert.summary(result, verbose=answer.verbose))
