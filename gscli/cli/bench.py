"""``gscli bench``."""

from __future__ import annotations

from typing import Any

import click

from . import options, show


@click.group()
def command() -> None:
    """Time gscli here, beside the algorithms that it replaces.

    Everything is timed in turn in one run, after a warm-up; medians are shown, and ratios to the first
    line of each table. On a CPU the slowest algorithms run only once, and say so; without torch they are
    named and left out.

    \b
    Examples:
      gscli bench resample
      gscli bench resample --points 200000 --cells 10000 --json
    """


_slow = click.option(
    "--no-slow",
    "slow",
    is_flag=True,
    flag_value=False,
    default=True,
    help="Leave out what takes seconds a run.",
)
_repeats = click.option(
    "--repeats", type=click.IntRange(1, 100), metavar="N", default=5, show_default=True, help="Timed repeats."
)


def _show(groups: list[Any], as_json: bool, **settings: Any) -> None:
    from ..report import bench as report_bench

    show.result(report_bench.document(groups, **settings), report_bench.summary(groups), as_json=as_json)


@command.command()
@click.option(
    "--points",
    type=click.IntRange(1000),
    metavar="N",
    default=1_000_000,
    show_default=True,
    help="Points of the scene.",
)
@click.option(
    "--cells",
    type=click.IntRange(1),
    metavar="N",
    default=50_000,
    show_default=True,
    help="Cells to cut it into, about.",
)
@_slow
@_repeats
@options.device
@options.as_json
def resample(points: int, cells: int, slow: bool, repeats: int, device: str, as_json: bool) -> None:
    """Time draws, grids and whole runs of `gscli resample`.

    \b
    Examples:
      gscli bench resample
      gscli bench resample --device cuda
    """
    from ..bench.resample import bench

    groups = bench(points=points, cells=cells, repeats=repeats, device=device, slow=slow)
    _show(groups, as_json, points=points, cells=cells, repeats=repeats, device=device)


@command.command()
@click.option(
    "--points",
    type=click.IntRange(100),
    metavar="N",
    default=1_000_000,
    show_default=True,
    help="Points of whole scenes.",
)
@click.option(
    "--search-points",
    type=click.IntRange(100),
    metavar="N",
    default=50_000,
    show_default=True,
    help="Points of the clouds for the search alone.",
)
@_slow
@_repeats
@options.device
@options.as_json
def compare(points: int, search_points: int, slow: bool, repeats: int, device: str, as_json: bool) -> None:
    """Time the nearest neighbours and whole runs of `gscli compare`.

    \b
    Examples:
      gscli bench compare
      gscli bench compare --search-points 50000 --device cuda
    """
    from ..bench.compare import bench

    groups = bench(points=points, search_points=search_points, repeats=repeats, device=device, slow=slow)
    _show(groups, as_json, points=points, search_points=search_points, repeats=repeats, device=device)
