"""``gscli edit``."""

from __future__ import annotations

from typing import Any

import click

from . import options, paths
from ._actions import Action, FlagAction, told
from ._answers import Answer, answered
from ._sections import Command


@click.command(cls=Command, sections={"Options": ("up",)})
@options.source
@click.argument("output", type=paths.TARGET)
@click.option(
    "--crop-box",
    cls=Action,
    metavar="X0,Y0,Z0,X1,Y1,Z1",
    help="Keep what is within two corners; -inf and inf are no limit.",
)
@click.option(
    "--crop-sphere", cls=Action, metavar="X,Y,Z,R", help="Keep what is no farther than R from a point."
)
@click.option(
    "--where",
    cls=Action,
    metavar="CONDITION",
    help="Keep the rows for which it holds, as 'opacity > 0.1 and scale_max < 0.5'.",
)
@click.option(
    "--rotate", cls=Action, metavar="X,Y,Z", help="Turn by degrees about the x axis, then y, then z."
)
@click.option("--scale", cls=Action, metavar="F", help="Multiply all lengths from the origin.")
@click.option("--translate", cls=Action, metavar="X,Y,Z", help="Shift, in scene units.")
@click.option(
    "--transform",
    cls=Action,
    type=paths.INPUT,
    metavar="FILE.json",
    help="Move by a 4x4 matrix in JSON: four rows of four numbers.",
)
@click.option(
    "--up",
    cls=Action,
    metavar="FROM:TO",
    help="Turn until what is up along FROM is up along TO: x, y, z, -x, -y or -z; FROM may be auto.",
)
@click.option("--sh-degree", cls=Action, metavar="N", help="Leave harmonics beyond degree N out.")
@click.option(
    "--drop-floaters",
    cls=FlagAction,
    bare="1%",
    metavar="[=P%[,SIZE]]",
    help="Drop groups of touching cells that hold less than P% of all points (1%); cells of SIZE, or of "
    "about 20 points.",
)
@click.option(
    "--drop-outliers",
    cls=Action,
    metavar="K,S",
    help="Drop points whose mean distance to their K nearest, up to 100, is over S standard deviations "
    "above the average.",
)
@click.option(
    "--merge",
    cls=Action,
    type=paths.INPUT,
    metavar="FILE",
    help="Append the rows of another scene to those that are left.",
)
@click.option(
    "--dedupe",
    cls=Action,
    metavar="D",
    help="Right after --merge: leave out its rows no farther than D from one that is there.",
)
@options.overwrite
@options.allow_lossy
@options.trust_pickle
@options.axes
@options.quality
@answered
def command(
    answer: Answer,
    source: str,
    output: str,
    overwrite: bool,
    allow_lossy: bool,
    trust_pickle: bool,
    axes: str | None,
    quality: str | None,
    **_: Any,
) -> None:
    """Crop, filter, clean, move and merge scenes.

    Actions are done to SOURCE in the order in which they stand, and may be repeated; what comes of it goes
    to OUTPUT. Rows that no action changes stay as they are, byte for byte. Gaussians are moved whole:
    positions, rotations, scales, normals, harmonics. SOURCE and OUTPUT may be - for stdin and stdout.

    Conditions take columns by name, numbers, + - * / // %, comparisons, and, or, not, abs, sqrt, exp, log,
    min, max and isfinite. Of Gaussians opacity is 0 to 1 and scale_0 to scale_2 are in scene units, as are
    scale_min and scale_max; anisotropy is their ratio, and red, green and blue are 0 to 1.
    column("opacity") is the column as it is stored.

    \b
    Examples:
      gscli edit scene.ply room.ply --crop-box -2,-2,0,2,2,3
      gscli edit scene.ply clean.ply --where 'opacity > 0.1 and scale_max < 0.5'
      gscli edit scene.ply upright.ply --up auto:z --translate 0,0,1.5
      gscli edit scene.ply small.ply --crop-sphere 0,0,0,5 --sh-degree 1
      gscli edit scene.ply there.ply --transform pose.json
      gscli edit scene.ply clean.ply --drop-floaters --drop-outliers 8,3
      gscli edit left.ply both.ply --merge right.ply --dedupe 0.01
      cat scene.ply | gscli edit - - --rotate 0,0,90 | gscli info -
    """
    from ..edit import edit
    from ..report import edit as report_edit

    result = edit(
        source,
        output,
        told(click.get_current_context()),
        overwrite=overwrite,
        allow_lossy=allow_lossy,
        trust_pickle=trust_pickle,
        axes=axes,
        quality=quality,
        also_written=answer.files,
        track=answer.track,
    )
    answer.show(result.to_dict(), report_edit.summary(result, verbose=answer.verbose))
