"""Nearest neighbours between two clouds, both ways, by the engine that was asked for or fits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import device as devices
from .. import fields, neighbors
from ..cloud import GaussianCloud
from ..device import to_numpy
from ..errors import InputError, UsageError, naming
from ..kernels import metrics
from ..kernels.hashing import is_whole
from ..neighbors import kdtree
from ..positions import as_array, finite_rows, not_finite
from ..progress import Timings, Track, silent
from ..results.shown import counted, shown
from . import cells
from .spacing import median_of, median_spacing, sampled

if TYPE_CHECKING:
    import torch

Array = npt.NDArray[Any]

WITHOUT_TORCH = ("kdtree", "faiss")  # engines that have no torch code for the CPU


@dataclass(frozen=True)
class Engine:
    """Which engine searched, why, and how it came to its answers.

    Attributes:
        proven: queries, of both directions, that it answered with a proof of exactness.
        fallback: queries that it handed to the k-d tree; every answer is exact either way.
    """

    name: str
    why: str
    proven: int
    fallback: int


@dataclass(frozen=True)
class Tiling:
    """How a search in tiles went, source -> target and target -> source.

    Attributes:
        targets: how many were indexed at a time, at most.
        tiles: indices built.
        asked_again: queries that the tile they lie in did not settle.
    """

    targets: int
    tiles: tuple[int, int]
    asked_again: tuple[int, int]


@shown
@dataclass(frozen=True)
class Nearest:
    """One direction, raw.

    Attributes:
        distances: (Q,) float64, scene units.
        rows: (Q,) int32 (int64 beyond 2^31 points), the nearest row of the other cloud.
        asked: (Q,) int64 ascending, the rows that were asked; None for all.
    """

    distances: Array
    rows: Array
    asked: Array | None

    def _facts(self) -> dict[str, object]:
        return {"queries": len(self.rows)}


def search_both(
    source: Array | torch.Tensor,
    target: Array | torch.Tensor,
    *,
    max_queries: int | None = None,
    seed: int = 0,
    engine: str = "auto",
    where: torch.device | None = None,
    names: tuple[str, str] = ("source", "target"),
    tile: int | None = None,
    timings: Timings,
    track: Track = silent,
) -> tuple[Nearest, Nearest, tuple[float | None, float | None], Engine, Tiling | None]:
    """Nearest neighbours source -> target, target -> source, the spacings of both, and how they were found.

    Arguments and errors are those of `gscli.comparing.centers.compare_centers`.
    """
    check_max_queries(max_queries)
    if where is not None and where.type == "cpu" and engine in WITHOUT_TORCH:
        raise UsageError(
            f"`device='torch-cpu'` has no effect on the {engine} engine, which runs no torch there"
        )
    asked = [
        None if max_queries is None or max_queries >= count else metrics.sample(count, max_queries, seed)
        for count in (len(source), len(target))
    ]
    if tile is not None:
        return _tile_by_tile((source, target), asked, tile, seed, engine, names, timings, track)
    queries = [len(p) if rows is None else len(rows) for p, rows in zip((source, target), asked, strict=True)]
    why = "as asked"
    if engine == "auto":
        busier = max((queries[0], len(target)), (queries[1], len(source)), key=math.prod)
        engine, why = neighbors.choose(*busier, where)
    prepare = neighbors.ENGINES.get(engine).index
    clouds = source, target
    found: list[neighbors.Neighbors] = []
    spacings: list[float | None] = [None, None]
    with track("searching", sum(queries)) as show, timings.stage("search"):

        def index(side: int) -> Any:
            size = counted(len(clouds[side]), "point")
            with naming(names[side]), devices.enough_memory(f"to search {size}"):
                return prepare(clouds[side], device=where)

        def spacing(tree: neighbors.SpacingIndex, side: int) -> float | None:
            with devices.enough_memory("to find how far apart points lie"):
                return median_spacing(tree, to_numpy(clouds[side]), seed=seed)

        trees = (index(0), index(1)) if engine == "kdtree" else None
        for side, rows in enumerate(asked):
            targets = trees[1 - side] if trees else index(1 - side)
            with naming(names[side]):
                if trees and rows is None:
                    found.append(targets.nearest(trees[side], advance=show))
                else:
                    some = clouds[side] if rows is None else clouds[side][rows]
                    found.append(neighbors.nearest(targets, some, show))
            if engine == "triton-walk":  # while its tree is on the GPU, where there need not be room for two
                spacings[1 - side] = spacing(targets, 1 - side)
            del targets
    with timings.stage("spacing"):
        if engine != "triton-walk":
            for side, cloud in enumerate(clouds):
                spacings[side] = spacing(trees[side] if trees else kdtree.Index(to_numpy(cloud)), side)
    used = Engine(engine, why, sum(way.proven for way in found), sum(way.fallback for way in found))
    forth, back = (
        Nearest(to_numpy(way.distances), _row_numbers(way.rows, len(clouds[1 - side])), asked[side])
        for side, way in enumerate(found)
    )
    return forth, back, (spacings[0], spacings[1]), used, None


def _row_numbers(rows: Any, count: int) -> Array:
    """Rows of so many, in as few bytes as hold them."""
    numbers: Array = to_numpy(rows).astype(np.int32 if count < 2**31 else np.int64)
    return numbers


def _tile_by_tile(
    clouds: tuple[Any, Any],
    asked: list[Array | None],
    tile: int,
    seed: int,
    engine: str,
    names: tuple[str, str],
    timings: Timings,
    track: Track,
) -> tuple[Nearest, Nearest, tuple[float | None, float | None], Engine, Tiling]:
    """As `search_both`, indexing at most `tile` points at a time, one direction after the other."""
    found, spacings, work = [], [], []
    queries = [len(p) if rows is None else len(rows) for p, rows in zip(clouds, asked, strict=True)]
    with track("searching", sum(queries)) as show, timings.stage("search"):
        for side, rows in enumerate(asked):
            with naming(names[1 - side]):
                others = as_array(clouds[1 - side], "targets")
                spacing = cells.Question(sampled(others, seed), elsewhere=True)
            with naming(names[side]):
                points = as_array(clouds[side], "queries")
                nearest = cells.Question(points if rows is None else points[rows])
            work.append(cells.search(others, [nearest, spacing], tile=tile, advance=show))
            found.append(Nearest(nearest.distances, nearest.rows, rows))
            spacings.append(median_of(spacing.distances))
    used = Engine(
        "kdtree", "as asked" if engine == "kdtree" else "the one that searches in tiles", sum(queries), 0
    )
    tiling = Tiling(tile, (work[0].tiles, work[1].tiles), (work[0].asked_again, work[1].asked_again))
    return found[0], found[1], (spacings[1], spacings[0]), used, tiling


def check_max_queries(count: int | None) -> None:
    """Refuse a number of points to ask that asks none."""
    if count is not None and (not is_whole(count) or count < 1):
        raise UsageError(f"`max_queries` must be an integer of at least 1, not {count!r}")


def positions(cloud: GaussianCloud, name: str) -> Array:
    """(N, 3) positions that can be searched.

    Raises:
        InputError: no rows, or coordinates that are not finite.
    """
    if not len(cloud):
        raise InputError("holds no points", path=name, remedy="there is nothing to compare")
    with naming(name):
        columns = cloud.columns(fields.POSITION)
        valid = finite_rows(columns)
        if valid is not None:
            first = "leave them out first: resample by `method='dense'` with `drop_invalid=True`"
            odd, row = int(np.count_nonzero(~valid)), int(np.argmin(valid))
            raise not_finite(odd, len(valid), row, remedy=first)
    return columns.T
