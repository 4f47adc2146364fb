"""``gscli render``."""

from __future__ import annotations

from typing import Any

import click

from ..rendering import FILE_TYPES, MODES
from . import options, paths, viewpoints
from ._answers import Answer, answered
from ._sections import Command


@click.command(cls=Command)
@options.source
@click.argument("output", type=paths.TARGET)
@viewpoints.where_from(views="12, or 1 picture", size="800x800")
@click.option("--camera", metavar="NAME|N", help="One of --cameras, by its name or its number from 0 on.")
@click.option(
    "--mode",
    type=options.OneOf(MODES),
    help="Colours; how opaque; how far; or what rays lose.  [default: what SOURCE holds]",
)
@click.option(
    "--background", metavar="COLOR", help="black, white, gray, transparent or #rrggbb.  [default: black]"
)
@click.option(
    "--file-type",
    type=options.OneOf(FILE_TYPES),
    help="Of pictures in a folder.  [default: png]",
)
@viewpoints.rasterizer
@options.device
@options.overwrite
@options.trust_pickle
@options.axes_read
@answered
def command(answer: Answer, source: str, output: str, **settings: Any) -> None:
    """Draw SOURCE, a scene of Gaussians, as OUTPUT.

    OUTPUT is one picture, .png, .webp, .jpg or, for the numbers in float32, .npy; or - for a PNG to stdout;
    or a folder for a picture from each of several cameras. Without --cameras the scene is seen from around
    it, upright.

    It is drawn as trainers draw it, on the CPU unless --device says otherwise: colours of SH degree 0 to 4,
    antialiased scenes, X-rays of r2_gaussian.

    \b
    Examples:
      gscli render scene.ply shot.png
      gscli render scene.ply shots/ --views 12 --size 1280x720 --background white
      gscli render scene.ply shots/ --cameras cameras.json
      gscli render scene.ply front.png --cameras transforms.json --camera 0
      gscli render scene.ply depth.npy --mode depth --up z
      gscli render model.pickle xray.png --mode xray
    """
    from ..render import render
    from ..report import render as report_render

    result = render(source, output, also_written=answer.files, track=answer.track, **settings)
    answer.show(result.to_dict(), report_render.summary(result, verbose=answer.verbose))
