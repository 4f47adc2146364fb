"""``gscli align``."""

from __future__ import annotations

from typing import Any

import click

from . import options, paths
from ._answers import Answer, answered
from ._sections import Command


@click.command(cls=Command)
@click.argument("source", type=paths.INPUT)
@click.argument("target", type=paths.INPUT)
@click.option(
    "--out", type=paths.DATA, metavar="FILE.json", help="Write the matrix, as compare --transform takes it."
)
@click.option(
    "--no-colors",
    "colors",
    flag_value=False,
    default=True,
    help="Go by positions alone, where both have colours too.",
)
@click.option("--scaled", is_flag=True, help="Find a change of size, too.")
@click.option(
    "--overlap",
    type=options.Share(),
    default=0.9,
    show_default=True,
    help="At most this share of each scene has a counterpart in the other.",
)
@click.option(
    "--start", type=paths.INPUT, metavar="FILE.json", help="Refine this matrix instead of searching for one."
)
@click.option(
    "--seed",
    type=int,
    metavar="N",
    default=0,
    show_default=True,
    help="Seeds the choice of points that are tried.",
)
@options.overwrite
@options.trust_pickle
@options.axes_read
@answered
def command(answer: Answer, source: str, target: str, **settings: Any) -> None:
    """Find where SOURCE has to be moved to lie on TARGET, which stays.

    Places that look alike, by shape and by colours, are laid on each other, and so are boxes and axes; the
    best poses are refined by iterated closest points, both ways. Where little of each scene is in the other,
    say how much by --overlap. Where less than half of that has a counterpart within two spacings, where both
    cross, where colours disagree or where another pose fits as well, it says so and ends with status 6.
    SOURCE or TARGET may be - for stdin.

    \b
    Examples:
      gscli align new.ply ref.ply --out pose.json
      gscli compare new.ply ref.ply --transform pose.json
      gscli align new.ply ref.ply --scaled --overlap 40% --json
    """
    from ..align import align
    from ..report import align as report_align

    result = align(source, target, also_written=answer.files, track=answer.track, **settings)
    answer.show(result.to_dict(), report_align.summary(result, verbose=answer.verbose))
