"""``gscli compare``."""

from __future__ import annotations

from typing import Any

import click

from . import options, paths, show, viewpoints
from ._answers import Answer, answered
from ._sections import Command
from ._valued_flag import ValuedFlag


@click.command(
    cls=Command,
    sections={
        "Distances along normals (M3C2)": ("m3c2", "m3c2_depth", "registration_error", "orientation"),
        "Limits": ("min_fitness", "max_rmse", "min_psnr", "require"),
        "Outputs": ("distances", "colors", "html"),
    },
)
@options.source
@click.argument("target", type=paths.INPUT)
@options.threshold
@click.option(
    "--pair",
    type=paths.PAIR,
    metavar="nearest|rows|index:FILE",
    help="Which Gaussians to compare: nearest ones; row i with row i; or those of a file "
    "that resample --index wrote.  [default: nearest]",
)
@click.option(
    "--no-gaussians", "gaussians", is_flag=True, flag_value=False, default=True, help="Compare centres alone."
)
@click.option(
    "--transform",
    type=paths.INPUT,
    metavar="FILE.json",
    help="Move SOURCE by a 4x4 matrix in JSON, four rows of four numbers.",
)
@click.option(
    "--align",
    cls=ValuedFlag,
    type=options.OneOf(["rigid", "scaled"]),
    bare="rigid",
    default=False,
    metavar="[=scaled]",
    help="First move SOURCE to where it lies on TARGET, as gscli align does; with =scaled its size may "
    "change too. The search starts from --transform, if given.",
)
@click.option(
    "--max-queries",
    type=int,
    metavar="N",
    help="Search for only N points of each scene, chosen at random, and give standard errors. The scene "
    "searched in is never thinned.",
)
@click.option(
    "--m3c2",
    metavar="R,C",
    help="Also measure along SOURCE's normals, fitted within R (or several: R,R,C), in cylinders of radius "
    "C; lengths as of --threshold. own,C takes SOURCE's nx, ny, nz, or else the shortest axes of Gaussians.",
)
@click.option(
    "--m3c2-depth", metavar="D|Nspacing", help="How far cylinders reach to either side.  [default: 5 times C]"
)
@click.option(
    "--registration-error",
    type=float,
    metavar="E",
    help="How well the two lie on each other, as a standard deviation; it raises the level of detection.  "
    "[default: 0]",
)
@click.option(
    "--orientation",
    type=options.Direction(),
    help="The direction that normals point along.  [default: 0,0,1]",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, metavar="N", help="Seeds every random sample."
)
@options.engine
@click.option(
    "--render",
    is_flag=True,
    help="Also draw both from the same cameras, and say how alike the pictures are: PSNR, SSIM.",
)
@viewpoints.where_from(views="12", size="800x800")
@viewpoints.rasterizer
@viewpoints.data_range("the reference's")
@options.memory_limit
@options.device
@click.option("--min-fitness", type=options.Share(), help="Exit 6 if less of SOURCE has a match.")
@click.option(
    "--max-rmse", type=float, metavar="D", help="Exit 6 if the RMSE of SOURCE's matches is larger, or none."
)
@click.option("--min-psnr", type=float, metavar="DB", help="Exit 6 if the mean PSNR of --render is less.")
@click.option(
    "--require",
    multiple=True,
    metavar="'KEY <= X'",
    help="Exit 6 unless a number of the JSON, from source to render, keeps a limit; may be repeated.",
)
@click.option(
    "--distances",
    type=paths.DATA,
    metavar="FILE",
    help="Write SOURCE with each point's distance as a column, and with what --m3c2 found.",
)
@click.option("--colors", is_flag=True, help="In --distances, replace the colours by a scale of distance.")
@click.option(
    "--html",
    type=paths.OUTPUT,
    metavar="FILE",
    help="Write a page with histograms, upright views and all tables.",
)
@options.overwrite
@options.allow_lossy
@options.trust_pickle
@options.axes_read
@answered
def command(answer: Answer, source: str, target: str, html: str | None, **settings: Any) -> None:
    """Measure how far SOURCE is from TARGET, the reference.

    Distances to the exact nearest point, both ways; then opacity, shape and colour of paired Gaussians.
    A --threshold says how near counts as a match, in scene units or as 2spacing in spacings of TARGET.

    These numbers diagnose where and how two models differ. They do not judge appearance: models with
    equal centres can render very differently.

    With --m3c2 SOURCE's surface is also held against TARGET's along its normals, with signs and the level
    of detection beyond which a change is significant (Lague, Brodu and Leroux, 2013).

    With --render both are drawn on the CPU, from an orbit around TARGET or from --cameras, on black and on
    white: 12 views unless --views says otherwise. --up is about the views of --html, too.

    Limits (--min-fitness, --max-rmse) read SOURCE to TARGET at the first threshold; --require reads any
    number from source to render of the JSON. SOURCE or TARGET may be - for stdin.

    With --memory-limit, scenes that do not fit are compared in tiles: the same numbers, a little slower.

    \b
    Examples:
      gscli compare a.ply b.ply
      gscli compare a.ply b.ply --threshold 0.05 --threshold 0.1 --json
      gscli compare new.ply ref.ply --min-fitness 0.99 --max-rmse 0.002
      gscli compare new.ply ref.ply --require 'gaussians.w2.p95 <= 0.01'
      gscli compare new.ply ref.ply --transform pose.json
      gscli compare new.ply ref.ply --render --require 'render.ssim.worst >= 0.95'
      gscli compare new.ply ref.ply --align --html page.html
      gscli compare new.ply ref.ply --render --cameras cameras.json --min-psnr 30
      gscli compare new.ply ref.ply --m3c2 0.5,0.25 --distances moved.ply
      gscli compare ref.ply half.ply --pair index:half.npy
      gscli compare city.ply other.ply --memory-limit 2GB
      gscli compare a.ply b.ply --distances a_dist.ply --colors --html report.html
    """
    from ..compare import compare
    from ..comparing import budget
    from ..report import compare as report_compare

    budget.refuse_page(html, settings["memory_limit"])
    up = settings["up"]
    if html is not None and not settings["render"]:
        settings["up"] = None  # it is about the page alone
    result = compare(
        source,
        target,
        also_written=[*answer.files, *([] if html is None else [html])],
        track=answer.track,
        **settings,
    )
    if html is not None:
        from ..report import html as page
        from ..report.ran import Ran

        page.write(html, result, overwrite=answer.overwrite, ran=Ran.now(show.typed()), up=up)
    answer.show(result.to_dict(), report_compare.summary(result, verbose=answer.verbose))
    show.gates(result.gates)
