"""``gscli watch``."""

from __future__ import annotations

from typing import Any

import click

from ..errors import UsageError
from ..watching import MATCHED_WITHIN
from . import options, paths, show, viewpoints
from ._sections import Command


@click.command(cls=Command)
@click.argument("runs", nargs=-1, required=True, type=paths.INPUT, metavar="RUN [RUN_B]")
@click.option(
    "--reference", type=paths.INPUT, metavar="FILE", help="Also compare every checkpoint with this scene."
)
@click.option(
    "--tensorboard", type=paths.OUTPUT_FOLDER, metavar="LOGDIR", help="Write the scalars to LOGDIR/gscli/."
)
@click.option(
    "--threshold",
    type=float,
    metavar="T",
    default=MATCHED_WITHIN,
    show_default=True,
    help="Centres nearer than this match, in scene units.",
)
@click.option(
    "--render",
    is_flag=True,
    help="Also draw the models from the same cameras, and say how alike the pictures are.",
)
@viewpoints.where_from(views="4", size="400x400")
@viewpoints.rasterizer
@viewpoints.data_range("the first two models'")
@options.device
@click.option(
    "--every", type=float, metavar="SECONDS", default=10, show_default=True, help="How often to look."
)
@click.option("--once", is_flag=True, help="Measure every step that is there, oldest first, and end.")
@click.option("--until", type=int, metavar="STEP", help="End after this step.")
@click.option("--timeout", type=float, metavar="SECONDS", help="End when no new step has come for this long.")
@options.quiet
def command(runs: tuple[str, ...], quiet: bool, **settings: Any) -> None:
    """Follow training by its checkpoints.

    Prints one line of JSON for each step. With RUN and RUN_B, two models of one scene: how far they disagree
    at each step that both have saved. With RUN alone: how far each checkpoint moved from the one before.

    Checkpoints are found by their names: iteration_30000/point_cloud.ply, chkpnt30000.pth,
    ckpt_29999_rank0.pt, step-000029999.ckpt, epoch=300-step=30000.ckpt. A file is read once it has not
    changed between two looks. The newest step comes first, older ones are dropped. The training is not
    touched.

    \b
    Examples:
      gscli watch run_a/ run_b/ --tensorboard logs/ --every 10
      gscli watch run/point_cloud_gs1 run/point_cloud_gs2 --until 30000
      gscli watch run/ --reference final.ply --once
      gscli watch run_a/ run_b/ --render --cameras run_a/cameras.json --size 400
    """
    from ..results.documents import dumps
    from ..watch import watch

    if len(runs) > 2:
        raise UsageError(f"give one run or two, not {len(runs)}")
    say = (lambda line: None) if quiet else (lambda line: show.remark(f"note     {line}"))
    for measured in watch(runs, say=say, **settings):
        click.echo(dumps(measured.to_dict(), indent=None))
