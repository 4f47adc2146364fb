"""``gscli lod``."""

from __future__ import annotations

from typing import Any

import click

from . import options, paths, viewpoints
from ._answers import Answer, answered
from ._sections import Command


@click.command(cls=Command)
@options.source
@click.argument("output", type=paths.TARGET_FOLDER)
@click.option(
    "--levels",
    type=int,
    metavar="N",
    help="How many levels, SOURCE included.  [default: 6, or as many as keep --max-error]",
)
@click.option(
    "--ratio",
    type=float,
    metavar="R",
    default=0.5,
    show_default=True,
    help="The size of a level, as a share of the one before.",
)
@click.option(
    "--max-error",
    metavar="DB",
    help="Stop before the first level whose PSNR is less, as 35dB: over pixels that show anything, on "
    "black and on white.",
)
@click.option(
    "--to",
    default="ply",
    show_default=True,
    metavar="FORMAT",
    help="The format of the files; sog for viewers.",
)
@click.option(
    "--views",
    type=int,
    metavar="N",
    help="Look from this many cameras; 0 merges without rendering.  [default: 10; 24 of --cameras]",
)
@viewpoints.looked_from
@options.overwrite
@options.allow_lossy
@options.trust_pickle
@options.axes
@options.quality
@options.device_looked
@options.memory_limit
@answered
def command(answer: Answer, source: str, output: str, **settings: Any) -> None:
    """Write SOURCE in levels of detail into the folder OUTPUT.

    Level 0 is SOURCE; each next level has --ratio times as many Gaussians, merged of the level before it
    where it shows least, as by simplify. lod.json says what is in which file and how each level looks beside
    SOURCE. With --to sog the levels are cut in boxes, and lod-meta.json says what is where: streamed SOG,
    which PlayCanvas's viewers load by distance.

    \b
    Examples:
      gscli lod scene.ply levels/ --levels 6 --ratio 0.5
      gscli lod scene.ply levels/ --max-error 35dB
      gscli lod scene.ply stream/ --to sog --allow-lossy
      gscli lod city.ply levels/ --levels 4 --memory-limit 3GB
    """
    from ..lod import lod
    from ..report import lod as report_lod

    result = lod(source, output, also_written=answer.files, track=answer.track, **settings)
    answer.show(result.to_dict(), report_lod.summary(result, verbose=answer.verbose))
