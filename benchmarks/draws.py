"""Draws from a ready grid, a training iteration's scenarios beside the sampler this replaces, and grids."""

from __future__ import annotations

from collections.abc import Iterator

from gscli import scene
from gscli.bench.resample import in_process

from .tables import markdown, show


def tables(quick: bool, repeats: int) -> Iterator[str]:
    """Three tables of 1M points in about 50,000 cells."""
    points, cells = (3_000, 200) if quick else (1_000_000, 50_000)
    yield from map(markdown, in_process(scene.make(points).xyz, cells, repeats=repeats))


if __name__ == "__main__":
    show(tables, __doc__)
