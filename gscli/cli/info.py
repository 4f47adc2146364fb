"""``gscli info``."""

from __future__ import annotations

import click

from ..errors import UsageError
from . import options, paths, show, viewpoints
from ._sections import Command


@click.command(cls=Command)
@click.argument("source", nargs=-1, required=True, type=paths.INPUT, metavar="SOURCE...")
@click.option("--stats", is_flag=True, help="Also say how the values of every column are spread.")
@click.option(
    "--voxel-size", type=float, metavar="S", help="Also say how many points lie in cells of this edge."
)
@click.option(
    "--html",
    type=paths.OUTPUT,
    metavar="FILE",
    help="Write a page with pictures, the values of every column and all else.",
)
@viewpoints.up
@options.overwrite
@options.trust_pickle
@options.axes_read
@options.as_json
def command(
    source: tuple[str, ...],
    stats: bool,
    voxel_size: float | None,
    html: str | None,
    up: str | None,
    overwrite: bool,
    trust_pickle: bool,
    axes: str | None,
    as_json: bool,
) -> None:
    """Say what is in each SOURCE: points, bounds, fields and more.

    Positions that are NaN or infinite are counted. SOURCE may be - for stdin, or FILE::NAME for one model of
    a file that holds several, or one member of a zip.

    --html writes one page of all of them, which needs nothing else; --up is about its pictures.

    \b
    Examples:
      gscli info scene.ply
      gscli info half.ply quarter.ply
      gscli info scene.ply --stats --voxel-size 0.1
      gscli info chkpnt30000.pth
      gscli info scene.ply --html page.html
      gscli info half.ply quarter.ply --html page.html --up z --overwrite
      gscli info scan.zip::point_cloud/iteration_7000/point_cloud.ply
      gscli resample scene.ply - --method one-per-grid | gscli info - --json
    """
    show.refuse_mixing()
    from ..info import info
    from ..report import info as report_info

    if as_json and len(source) > 1:
        raise UsageError("--json is one document, of one SOURCE", remedy="try gscli batch info --json-lines")
    page = []
    for each in source:
        found = info(
            each,
            stats=stats,
            voxel_size=voxel_size,
            glance=html is not None,
            up=up,
            trust_pickle=trust_pickle,
            axes=axes,
            also_written=[] if html is None else [html],
            overwrite=overwrite,
            track=show.track(quiet=False),
        )
        show.result(found.to_dict(), report_info.summary(found), as_json=as_json)
        if html is not None:
            page.append(found)
    if html is not None:
        from ..report import info_page
        from ..report.ran import Ran

        info_page.write(html, page, overwrite=overwrite, ran=Ran.now(show.typed()))
