"""``gscli simplify``."""

from __future__ import annotations

from typing import Any

import click

from ..simplifying.methods import METHODS, PAIRS
from . import options, paths, viewpoints
from ._answers import Answer, answered
from ._sections import Command


@click.command(cls=Command, sections={"Cells (one-per-grid)": ("voxel_size", "points_per_cell", "origin")})
@options.source
@click.argument("output", type=paths.TARGET)
@click.option("--target", metavar="N|P%", help="Leave exactly this many Gaussians.")
@click.option(
    "--min-psnr",
    type=float,
    metavar="DB",
    help="Or leave the fewest whose PSNR beside SOURCE, over pixels that show anything, is this.",
)
@click.option(
    "--method",
    type=options.OneOf(METHODS),
    default=PAIRS,
    show_default=True,
    help="Merge pairs, one by one, where it shows least; or all that lies in a cell.",
)
@options.voxel_size
@options.points_per_cell
@options.origin
@click.option(
    "--views",
    type=int,
    metavar="N",
    help="Look from this many cameras; 0 merges without rendering.  [default: 10; 8 for 40% and more; 24 of "
    "--cameras]",
)
@viewpoints.looked_from
@click.option(
    "--index", type=paths.DATA, metavar="FILE.npy", help="Also write the new row of each row of SOURCE."
)
@options.overwrite
@options.allow_lossy
@options.trust_pickle
@options.axes
@options.quality
@options.device_looked
@options.memory_limit
@answered
def command(answer: Answer, source: str, output: str, **settings: Any) -> None:
    """Thin SOURCE to OUTPUT by merging Gaussians where it shows least.

    For viewing: it looks like more than as many selected Gaussians would. For training and statistics
    take resample, which selects rows and changes none.

    SOURCE is drawn from a few cameras to see how much of each Gaussian shows; pairs are merged, the one
    first that loses least, until exactly --target are left, or as few as --min-psnr allows. Rows that
    nothing is merged with stay as they are. A merged row stands where the row that weighs most in it
    stood, and has its labels and ids; the rest are means, weighted by what is seen. SOURCE and OUTPUT may
    be - for stdin and stdout.

    With --method one-per-grid all that lies in a cell becomes one, however many there are, and how densely:
    cells of --voxel-size, of about --points-per-cell, or as many as --target.

    With --memory-limit, pairs of a scene that does not fit are merged in the same way, a little slower.

    \b
    Examples:
      gscli simplify scene.ply small.ply --target 25%
      gscli simplify scene.ply small.ply --min-psnr 35
      gscli simplify scene.ply small.spz --target 100000 --allow-lossy
      gscli simplify scene.ply even.ply --method one-per-grid --voxel-size 0.05
      gscli simplify scene.ply small.ply --target 10% --cameras cameras.json
      gscli simplify city.ply small.ply --target 10% --memory-limit 3GB
      gscli simplify scene.ply small.ply --target 25% --index rows.npy
    """
    from ..report import simplify as report_simplify
    from ..simplify import simplify

    result = simplify(source, output, also_written=answer.files, track=answer.track, **settings)
    answer.show(result.to_dict(), report_simplify.summary(result, verbose=answer.verbose))
