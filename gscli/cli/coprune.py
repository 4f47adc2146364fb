"""``gscli coprune``."""

from __future__ import annotations

from typing import Any

import click

from . import options, paths
from ._answers import Answer, answered
from ._sections import Command


@click.command(cls=Command)
@click.argument("first", type=paths.INPUT)
@click.argument("second", type=paths.INPUT)
@click.option(
    "-t",
    "--threshold",
    required=True,
    metavar="D|Nspacing",
    help="Drop what is farther than this from the other model, d > D: scene units, or as 2spacing.",
)
@click.option(
    "--out-dir",
    type=paths.TARGET_FOLDER,
    required=True,
    metavar="FOLDER",
    help="Write both as FOLDER/STEM.coprune.ply.",
)
@click.option(
    "--min-points",
    type=int,
    default=5000,
    show_default=True,
    metavar="N",
    help="Exit 6 and write nothing if a model would keep fewer.",
)
@click.option(
    "--index",
    type=paths.OUTPUT_FOLDER,
    metavar="FOLDER",
    help="Also write the kept row numbers, as STEM.coprune.npy.",
)
@options.engine
@options.device
@options.render
@options.overwrite
@options.allow_lossy
@options.trust_pickle
@options.axes
@answered
def command(answer: Answer, first: str, second: str, **settings: Any) -> None:
    """Drop from two models what has no counterpart in the other.

    A counterpart is a point of the other model at most --threshold away. Both are matched as they are before
    either is pruned, so that their order does not matter. Every field of what stays is kept. One spacing
    is the larger of both models'. FIRST or SECOND may be - for stdin.

    \b
    Examples:
      gscli coprune a.ply b.ply --threshold 2spacing --out-dir pruned/
      gscli coprune a.ply b.ply -t 0.1 --min-points 1000 --out-dir pruned/
    """
    from ..coprune import coprune
    from ..report import coprune as report_coprune

    result = coprune(first, second, also_written=answer.files, track=answer.track, **settings)
    answer.show(result.to_dict(), report_coprune.summary(result, verbose=answer.verbose))
