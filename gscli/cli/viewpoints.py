"""The options of whatever is rendered: from where it is seen, and by which engine it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from ..files import upwards
from ..rasterizers import RASTERIZERS
from . import options, paths

views = click.option(
    "--views",
    type=int,
    metavar="N",
    help="How many cameras, on an orbit around the scene.  [default: 12, or 1 picture]",
)
size = click.option(
    "--size",
    metavar="WxH",
    help="Width and height in pixels; with --cameras W alone keeps their proportions.  [default: 800x800, "
    "or as --cameras says]",
)
cameras = click.option(
    "--cameras",
    type=paths.INPUT,
    metavar="FILE",
    help="Draw from these: cameras.json, transforms.json, COLMAP's folder, or meta_data.json of X-rays.",
)
looked_from = click.option(
    "--cameras",
    type=paths.INPUT,
    metavar="FILE",
    help="Look from these instead of from all around: cameras.json, transforms.json or COLMAP's folder.",
)
up = click.option(
    "--up",
    type=options.OneOf(upwards.NAMES),
    help="Which way is up.  [default: auto, as the file says or its ground lies, or else -y]",
)
fov = click.option(
    "--fov", type=float, metavar="DEGREES", help="Field of view of the narrower side.  [default: 50]"
)
near = click.option(
    "--near",
    type=float,
    metavar="D",
    help="Draw nothing nearer, in scene units.  [default: 2% of an orbit's distance, 0.2 of --cameras]",
)
rasterizer = click.option(
    "--rasterizer",
    default="auto",
    show_default=True,
    metavar="NAME",
    shell_complete=lambda _, __, word: [n for n in ("auto", *RASTERIZERS.names()) if n.startswith(word)],
    help=f"How to draw: {', '.join(RASTERIZERS.names())}.",
)
data_range = click.option(
    "--data-range",
    type=float,
    metavar="X",
    help="The range of values in X-rays, for PSNR and SSIM.  [default: the largest value of the reference's]",
)


def where_from(command: Callable[..., Any]) -> Callable[..., Any]:
    """All options of where a scene is seen from, in their order."""
    for option in reversed((views, size, cameras, up, fov, near)):
        command = option(command)
    return command
