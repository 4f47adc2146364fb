"""``gscli view``."""

from __future__ import annotations

from typing import Any

import click

from . import options, paths, viewpoints
from ._answers import Answer, answered
from ._sections import Command


@click.command(cls=Command)
@click.argument("scenes", nargs=-1, required=True, type=paths.INPUT, metavar="SOURCE [TARGET]")
@click.argument("page", type=paths.PAGE)
@click.option(
    "--turns", type=int, metavar="N", default=36, show_default=True, help="How many frames to a circle."
)
@viewpoints.frame
@click.option(
    "--background", metavar="COLOR", default="black", show_default=True, help="black, white, gray or #rrggbb."
)
@viewpoints.up
@viewpoints.fov
@viewpoints.near_in_orbit
@viewpoints.rasterizer
@options.device
@options.overwrite
@options.trust_pickle
@options.axes_read
@answered
def command(answer: Answer, scenes: tuple[str, ...], page: str, **settings: Any) -> None:
    """Write PAGE, on which SOURCE is turned by dragging.

    With TARGET, the reference, both turn side by side, with their difference and its PSNR. The page needs
    nothing else, neither network nor GPU: frames are drawn ahead, all around at two elevations.

    \b
    Examples:
      gscli view scene.ply page.html
      gscli view thin.ply scene.ply page.html --background white
      gscli view scene.ply page.html --up z --turns 72 --size 800
    """
    from .. import files
    from ..report import view as report_view
    from ..view import view

    result = view(scenes, also_written=[page, *answer.files], track=answer.track, **settings)
    report_view.write(page, result, overwrite=answer.overwrite)
    told = report_view.summary(result, files.display_output(page), verbose=answer.verbose)
    answer.show(result.to_dict(), told)
