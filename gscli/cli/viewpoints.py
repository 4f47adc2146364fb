"""The options of whatever is rendered: from where it is seen, and by which engine it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from ..files import upwards
from ..rasterizers import RASTERIZERS
from . import options, paths

_NEAR = "Draw nothing nearer, in scene units.  [default: 2% of an orbit's distance"
frame = click.option(
    "--size", metavar="WxH", help="Width and height of a frame in pixels.  [default: 560x560]"
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
near_in_orbit = click.option("--near", type=float, metavar="D", help=f"{_NEAR}]")
rasterizer = click.option(
    "--rasterizer",
    default="auto",
    show_default=True,
    metavar="NAME",
    shell_complete=lambda _, __, word: [n for n in ("auto", *RASTERIZERS.names()) if n.startswith(word)],
    help=f"How to draw: {', '.join(RASTERIZERS.names())}.",
)


def where_from(views: str, size: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """All options of where a scene is seen from, in their order, by what a command does without them."""
    asked = (
        click.option(
            "--views",
            type=int,
            metavar="N",
            help=f"How many cameras, on an orbit around the scene.  [default: {views}]",
        ),
        click.option(
            "--size",
            metavar="WxH",
            help="Width and height in pixels; with --cameras W alone keeps their proportions.  "
            f"[default: {size}, or as --cameras says]",
        ),
        *(cameras, up, fov),
        click.option("--near", type=float, metavar="D", help=f"{_NEAR}, 0.2 of --cameras]"),
    )

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(asked):
            command = option(command)
        return command

    return add


def data_range(default: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """What X-rays span, by what they do where nothing is said."""
    return click.option(
        "--data-range",
        type=float,
        metavar="X",
        help=f"The range of X-rays, for PSNR and SSIM.  [default: the largest value of {default}]",
    )
