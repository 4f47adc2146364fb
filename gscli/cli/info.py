"""``gscli info``."""

from __future__ import annotations

import click

from ..errors import UsageError
from . import options, paths, show


@click.command()
@click.argument("source", nargs=-1, required=True, type=paths.INPUT, metavar="SOURCE...")
@click.option("--stats", is_flag=True, help="Also say how the values of every column are spread.")
@click.option(
    "--voxel-size", type=float, metavar="S", help="Also say how many points lie in cells of this edge."
)
@options.trust_pickle
@options.axes
@options.as_json
def command(
    source: tuple[str, ...],
    stats: bool,
    voxel_size: float | None,
    trust_pickle: bool,
    axes: str | None,
    as_json: bool,
) -> None:
    """Say what is in each SOURCE: points, bounds, fields and more.

    Positions that are NaN or infinite are counted. SOURCE may be - for stdin, or FILE::NAME for one model of
    a file that holds several.

    \b
    Examples:
      gscli info scene.ply
      gscli info half.ply quarter.ply
      gscli info scene.ply --stats --voxel-size 0.1
      gscli info chkpnt30000.pth
      gscli resample scene.ply - --method one-per-grid | gscli info - --json
    """
    from ..info import info
    from ..report import info as report_info

    if as_json and len(source) > 1:
        raise UsageError("--json is one document, of one SOURCE", remedy="try gscli batch info --json-lines")
    for each in source:
        found = info(
            each,
            stats=stats,
            voxel_size=voxel_size,
            trust_pickle=trust_pickle,
            axes=axes,
            track=show.track(quiet=False),
        )
        show.result(found.to_dict(), report_info.summary(found), as_json=as_json)
