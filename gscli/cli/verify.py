"""``gscli verify``."""

from __future__ import annotations

from typing import Any

import click

from . import options, paths
from ._answers import Answer, answered
from ._sections import Command


@click.command(cls=Command)
@options.source
@click.argument("draws", nargs=-1, required=True, type=paths.INPUT, metavar="DRAW...")
@click.option(
    "--expect",
    cls=options.OfOneRun,
    type=paths.INPUT,
    metavar="REPORT",
    help="The JSON that resample or simplify wrote.  [default: believe the comment in each DRAW]",
)
@click.option(
    "--grid",
    "grid_file",
    type=paths.IN_SOURCE,
    metavar="FILE",
    help="The mapping that the draws were made with, if they were.",
)
@click.option(
    "--rows",
    cls=options.OfOneRun,
    type=paths.INPUT,
    metavar="FILE.npy",
    help="What simplify --index wrote, of one DRAW.  [default: merge again]",
)
@click.option(
    "--cameras",
    cls=options.OfOneRun,
    type=paths.INPUT,
    metavar="FILE",
    help="The cameras that simplify looked from, if they are of a file.",
)
@options.trust_pickle
@options.axes_read
@options.overwrite
@answered
def command(answer: Answer, source: str, draws: tuple[str, ...], **settings: Any) -> None:
    """Check that each DRAW is the sample of SOURCE it claims to be.

    \b
    Checks of each DRAW:
      columns     it has the columns of SOURCE
      subset      every row is a row of SOURCE, value for value
      duplicates  no row is used twice
      cells       every cell keeps exactly as many rows as the method says
      rows        drawing again with its seed gives these rows
      report      every figure of the report is true (with --expect)
      comment     the comment in DRAW says what the report says (with --expect)

    \b
    Checks of a DRAW that simplify made:
      count       it has as many rows as were asked for
      columns     it has the columns of SOURCE
      untouched   rows that were not merged are those of SOURCE, value for value
      merged      the others are what their rows merge to
      map         each row of SOURCE is where FILE.npy says (with --rows)
      cells       with --method one-per-grid: a cell is one row (with --rows)
      report, comment   as above; the scene is simplified and judged again

    \b
    Checks of a folder that lod made:
      files       the files that its lod.json names are there, and no other level
      counts      levels have as many rows as it says, each fewer than the last
      scene       level 0 is SOURCE
    and of each other level those of simplify, and that its comment says the same.

    Several draws of one method are also tested together: whether every row and every pair of rows of
    a cell is kept equally often, and cells and epochs are independent. Exit status 6 if anything is wrong.

    \b
    Examples:
      gscli verify scene.ply half.ply
      gscli resample scene.ply half.ply --report half.json
      gscli verify scene.ply half.ply --expect half.json
      gscli resample scene.ply --out-dir views/ --repeat 8
      gscli verify scene.ply views/*.ply
      gscli simplify scene.ply small.ply --target 25% --index rows.npy
      gscli verify scene.ply small.ply --rows rows.npy
      gscli verify scene.ply levels/
    """
    from ..report import verify as report_verify
    from ..verify import verify

    result = verify(source, draws, also_written=answer.files, track=answer.track, **settings)
    answer.show(result.to_dict(), report_verify.summary(result, verbose=answer.verbose))
    result.require()
