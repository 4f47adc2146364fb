"""Nearest neighbours between two clouds, both ways, by the engine that was asked for or fits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import device, fields, neighbors
from .cloud import GaussianCloud
from .device import is_torch
from .errors import GscliError, InputError, UsageError
from .grid import finite_rows
from .kernels import metrics
from .neighbors import kdtree
from .progress import Timings, Track, silent
from .spacing import median_spacing

Array = npt.NDArray[Any]


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
class Nearest:
    """One direction, raw.

    Attributes:
        distances: (Q,) float64, scene units.
        rows: (Q,) int64, the nearest row of the other cloud.
        asked: (Q,) int64 ascending, the rows that were asked; None for all.
    """

    distances: Array
    rows: Array
    asked: Array | None


def search_both(
    source: Any,
    target: Any,
    *,
    max_queries: int | None = None,
    seed: int = 0,
    engine: str = "auto",
    where: Any = None,
    names: tuple[str, str] = ("source", "target"),
    timings: Timings,
    track: Track = silent,
) -> tuple[Nearest, Nearest, tuple[float | None, float | None], Engine]:
    """Nearest neighbours source -> target, target -> source, the spacings of both, and the engine used.

    Arguments and errors are those of `gscli.centers.compare_centers`.
    """
    if max_queries is not None and max_queries < 1:
        raise UsageError(f"--max-queries must be at least 1, not {max_queries}")
    asked = [None if max_queries is None or max_queries >= len(p) else max_queries for p in (source, target)]
    queries = [len(p) if n is None else n for p, n in zip((source, target), asked, strict=True)]
    why = "as asked"
    if engine == "auto":
        busier = max((queries[0], len(target)), (queries[1], len(source)), key=math.prod)
        engine, why = neighbors.choose(*busier, where)
    module = neighbors.module(engine)
    results: list[Nearest] = []
    spacings: list[float | None] = []
    proven = fallback = 0
    with track("searching", sum(queries)) as advance:
        for side, points, others in ((0, source, target), (1, target, source)):
            with timings.stage("search"):
                rows = None if asked[side] is None else metrics.sample(len(points), queries[side], seed)
                try:
                    index = module.Index(others, device=where)
                except GscliError as error:
                    error.path = error.path or names[1 - side]
                    raise
                try:
                    found = index.nearest(points if rows is None else points[rows], advance=advance)
                except GscliError as error:
                    error.path = error.path or names[side]
                    raise
                device.synchronise(where)
            results.append(Nearest(as_numpy(found.distances), as_numpy(found.rows), rows))
            proven, fallback = proven + found.proven, fallback + found.fallback
            with timings.stage("spacing"):
                stored = as_numpy(others)
                if not isinstance(index, kdtree.Index):
                    index = kdtree.Index(stored)
                spacings.append(median_spacing(index, stored, seed=seed))
            del index, found
    return (*results, (spacings[1], spacings[0]), Engine(engine, why, proven, fallback))  # type: ignore[return-value]


def as_numpy(array: Any) -> Array:
    """An array or tensor as a NumPy array."""
    result: Array = array.detach().cpu().numpy() if is_torch(array) else array
    return result


def positions(cloud: GaussianCloud, name: str) -> Array:
    """(N, 3) positions that can be searched.

    Raises:
        InputError: no rows, or coordinates that are not finite.
    """
    if not len(cloud):
        raise InputError("holds no points", path=name, remedy="there is nothing to compare")
    try:
        columns = cloud.columns(fields.POSITION)
    except InputError as error:
        error.path = name
        raise
    valid = finite_rows(columns)
    if valid is not None:
        raise InputError(
            f"{np.count_nonzero(~valid):,} of {len(cloud):,} points have a NaN or infinite position, "
            f"the first in row {int(np.argmin(valid))}",
            path=name,
            remedy="leave them out first: gscli resample IN OUT --method dense --drop-invalid",
        )
    return columns.T
