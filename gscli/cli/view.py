"""``gscli view``."""

from __future__ import annotations

from typing import Any

import click

from . import options, paths, show, viewpoints
from ._sections import Command


@click.command(cls=Command)
@click.argument("scenes", nargs=-1, required=True, type=paths.INPUT, metavar="SOURCE [TARGET]")
@click.argument("page", type=paths.PAGE)
@click.option(
    "--turns", type=int, metavar="N", default=36, show_default=True, help="How many frames to a circle."
)
@viewpoints.size
@click.option(
    "--background", metavar="COLOR", default="black", show_default=True, help="black, white, gray or #rrggbb."
)
@viewpoints.up
@viewpoints.fov
@viewpoints.near
@viewpoints.rasterizer
@options.device
@options.overwrite
@options.trust_pickle
@options.axes
@options.as_json
@options.report
@options.quiet
@options.verbose
def command(
    scenes: tuple[str, ...],
    page: str,
    overwrite: bool,
    as_json: bool,
    report: str | None,
    quiet: bool,
    verbose: bool,
    **settings: Any,
) -> None:
    """Write PAGE, on which SOURCE is turned by dragging.

    With TARGET, the reference, both turn side by side, with their difference and its PSNR. The page needs
    nothing else, neither network nor GPU: frames are drawn ahead, all around at two elevations.

    \b
    Examples:
      gscli view scene.ply page.html
      gscli view thin.ply scene.ply page.html --background white
      gscli view scene.ply page.html --up z --turns 72 --size 800
    """
    show.refuse_mixing()
    from .. import files
    from ..report import view as report_view
    from ..view import view

    result = view(
        scenes,
        overwrite=overwrite,
        also_written=[page, *([] if report is None else [report])],
        track=show.track(quiet),
        **settings,
    )
    report_view.write(page, result, overwrite=overwrite)
    show.result(
        result.to_dict(),
        report_view.summary(result, files.display_output(page), verbose=verbose),
        as_json=as_json,
        report=report,
        quiet=quiet,
        overwrite=overwrite,
    )
