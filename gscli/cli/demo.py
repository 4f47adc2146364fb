"""``gscli demo``."""

from __future__ import annotations

import click

from ..errors import UsageError
from . import options, paths, show
from ._sections import Command


@click.command(cls=Command)
@click.argument("source", required=False, type=paths.INPUT)
@click.option(
    "--out-dir",
    type=paths.TARGET_FOLDER,
    metavar="FOLDER",
    help="Where to write.  [default: a new temporary folder]",
)
@options.overwrite
def command(source: str | None, out_dir: str | None, overwrite: bool) -> None:
    """Make a scene, thin it three ways, and show it before and after.

    A quarter of it, selected, compensated and merged, is shown side by side with the whole. Needs no data
    and no network, and says what to try next. With SOURCE, shows the same on a scene of yours.

    \b
    Examples:
      gscli demo
      gscli demo scene.ply --out-dir demo/
    """
    if overwrite and out_dir is None:
        raise UsageError("--overwrite has no effect without --out-dir", remedy="drop it, or name a folder")
    from ..demo import demo
    from ..report import beside, html
    from ..report.demo import summary

    made = demo(source, out_dir, overwrite=overwrite, track=show.track(quiet=False))
    if made.compared is not None:
        html.write(made.page, made.compared, overwrite=overwrite)
    if made.beside:
        beside.write(made.beside_page, made.beside, overwrite=overwrite)
    show.summary(summary(made))
