"""``gscli resample``."""

from __future__ import annotations

import inspect
import textwrap
from typing import Any

import click

from ..grids.methods import ALIASES, DEFAULT, RULES
from ..grids.picking import PICKS
from . import options, paths
from ._answers import Answer, answered
from ._sections import Command
from ._valued_flag import ValuedFlag


@click.command(
    cls=Command,
    sections={"Cells": ("voxel_size", "points_per_cell", "origin", "grid_file", "drop_invalid")},
)
@options.source
@click.argument("output", required=False, type=paths.TARGET)
@click.option(
    "--out-dir",
    type=paths.TARGET_FOLDER,
    metavar="FOLDER",
    help="Write every draw as FOLDER/STEM.METHOD.eEPOCH.ply.",
)
@click.option(
    "-m",
    "--method",
    type=options.OneOf([*RULES, *ALIASES]),
    multiple=True,
    default=[DEFAULT],
    show_default=True,
    help="How to thin; may be repeated with --out-dir.",
)
@click.option(
    "--ratio", type=options.Range(), help="half-density: the share to keep of a cell.  [default: 0.3:0.7]"
)
@click.option(
    "--min-per-cell",
    type=int,
    metavar="N",
    help="half-density: keep at least N of a cell; 0 keeps the share of small cells, too.  [default: 1]",
)
@click.option("--target", metavar="N|P%", help="Keep exactly this many points in all.")
@click.option("-k", type=int, metavar="K", help="k-per-grid: keep at most K points of a cell.")
@click.option("--pick", type=options.OneOf(PICKS), help="Which points of a cell stay.  [default: random]")
@click.option(
    "--compensate",
    type=options.OneOf(["opacity"]),
    help="Raise the opacity of points that stand for others of their cell, so that renders look fuller.",
)
@click.option("--seed", type=int, metavar="N", help="Seeds the draw.  [default: 0]")
@click.option("--epoch", type=int, metavar="E", help="An independent draw of the same seed.  [default: 0]")
@click.option("--repeat", type=int, metavar="R", help="Draw epochs E to E + R - 1, into --out-dir.")
@options.voxel_size
@options.points_per_cell
@options.origin
@click.option(
    "--grid",
    "grid_file",
    type=paths.IN_SOURCE,
    metavar="FILE",
    help="Take the cells from a file of ids (.npz with indices, .npy), of SOURCE's folder or elsewhere.",
)
@click.option(
    "--drop-invalid",
    cls=ValuedFlag,
    type=options.OneOf(["rows", "gaussians"]),
    bare="rows",
    default=False,
    metavar="[=rows|gaussians]",
    help="Leave out points with a NaN or infinite position; with =gaussians, also what else is not finite, "
    "or has no rotation.",
)
@click.option(
    "--index",
    type=paths.DATA,
    metavar="FILE.npy",
    help="Also write the kept row numbers of SOURCE; with --out-dir, a folder of them.",
)
@options.device
@options.memory_limit
@options.no_cache
@options.render
@options.overwrite
@options.allow_lossy
@options.trust_pickle
@options.axes
@options.quality
@answered
def command(
    answer: Answer,
    source: str,
    output: str | None,
    method: tuple[str, ...],
    no_cache: bool,
    **settings: Any,
) -> None:
    """Thin SOURCE to OUTPUT cell by cell, every field intact.

    \b
    {methods}
    {picks}

    SOURCE and OUTPUT may be - for stdin and stdout. A scene folder gives a scene folder, cut by its own
    grid of the highest rank if it has any.

    \b
    Examples:
      gscli resample scene.ply half.ply
      gscli resample scene.ply one.ply -m one-per-grid --voxel-size 0.05 --seed 7
      gscli resample scene.ply small.ply --target 25%
      gscli resample scene.ply small.ply --target 25% --compensate opacity
      gscli resample scene.ply flat.ply --method k-per-grid -k 8 --pick opacity
      gscli resample scene.ply --out-dir views/ -m half -m one-per-grid --repeat 3
      gscli resample scene0000_00/ half/ --grid lang_feat_grid_svd_r8.npz
      gscli resample city.ply half.ply --memory-limit 2GB
      cat scene.ply | gscli resample - - --method one-per-grid | gscli info -
    """
    from ..errors import UsageError
    from ..grids import cache
    from ..report import resample as report_resample
    from ..resample import resample
    from ..resampling.draws import ONE_OF_TWO, asked_for

    asked_for({"method": method, **settings})
    if output is None and settings["out_dir"] is None:
        raise UsageError(ONE_OF_TWO)
    result = resample(
        source,
        output,
        method=method,
        cache=None if no_cache else cache.of_user(),
        also_written=answer.files,
        track=answer.track,
        **settings,
    )
    answer.show(result.to_dict(), report_resample.summary(result, verbose=answer.verbose))


def _methods() -> str:
    lines = [_filled(rule.help, f"  {rule.name:<12}  ") for rule in RULES.values()]
    return "\n".join(["Methods:", *lines])


def _picks() -> str:
    *others, last = (pick.help for pick in PICKS.values())
    return _filled(f"Picks decide which points of a cell stay: {', '.join(others)}, or {last}.")


def _filled(text: str, start: str = "") -> str:
    return textwrap.fill(text, 78, initial_indent=start, subsequent_indent=" " * len(start))


command.help = inspect.cleandoc(command.help or "").format(methods=_methods(), picks=_picks())
