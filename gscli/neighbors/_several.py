"""The k nearest of each query, and the distance to neighbours by which Gaussians are first sized."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..device import eager, is_torch
from ..errors import InputError, UsageError
from ..kernels import kd_tree, launches, parallel, walk
from ..kernels.distances import square_roots, squared_distances
from ..kernels.hashing import is_whole
from ..positions import as_array, as_tensor
from ..results.shown import counted
from ._answers import like
from ._compiled import tree_of

MOST = kd_tree.SEVERAL
PAIRS = 1 << 22  # held at a time where every pair is tried

Distances = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


@eager
def knn(points: Any, k: int = 1, *, queries: Any = None) -> tuple[Any, Any]:
    """See `gscli.neighbors.knn`."""
    _require_few(k)
    given = points if queries is None else queries
    found = _on_gpu if _walks(points, k) else _on_cpu
    distances, rows = found(points, int(k), queries)
    return like(distances, given), like(rows, given)


@eager
def mean_squared_distance(points: Any, k: int = 3) -> Any:
    """See `gscli.neighbors.mean_squared_distance`."""
    _require_few(k)
    if not _walks(points, k):
        found = _mean(points, k, squared=True)
        with np.errstate(over="ignore"):
            return like(found.astype(as_array(points, "points").dtype.newbyteorder("=")), points)
    distances, _ = knn(points, k)
    total = distances[:, 0] * distances[:, 0]
    for column in distances.T[1:]:  # in this order wherever it is added up
        total += column * column
    return (total / total.new_tensor([k])).to(points.dtype)  # CUDA multiplies to divide by a number


def mean_distance(points: npt.NDArray[Any], k: int) -> Distances:
    """See `gscli.neighbors.mean_distance`."""
    _require_few(k)
    return _mean(points, k, squared=False)


def _mean(points: Any, k: int, *, squared: bool) -> Distances:
    """(N,) the mean distance, or squared distance, from each point to its k nearest others."""
    targets = as_array(points, "points")
    _require_enough(len(targets), k, others=True)
    tree = tree_of(targets)
    if tree is not None:
        return tree.mean(int(k), squared=squared)
    means = np.empty(len(targets))

    def keep(part: slice, distances: Distances, _: Rows) -> None:
        with np.errstate(over="ignore"):
            if squared:
                distances *= distances
            total = distances[:, 0].copy()
            for column in distances.T[1:]:  # in this order wherever it is added up
                total += column
            means[part] = total / k

    _try_all(targets, targets, int(k), True, keep)
    return means


def _require_few(k: Any) -> None:
    if not is_whole(k) or not 1 <= k <= MOST:
        raise UsageError(f"`k` must be an integer from 1 to {MOST}, not {k!r}")


def _require_enough(there: int, k: int, others: bool) -> None:
    if there - others < k:
        there = max(0, there - others)
        raise InputError(
            f"there are {counted(there, 'other point' if others else 'point')}, fewer than `k={k}`"
        )


def _walks(points: Any, k: int) -> bool:
    """Whether points are where Triton's kernels run, and few enough neighbours are wanted."""
    return (
        is_torch(points)
        and k <= walk.SEVERAL
        and launches.trouble(points.device) is None
        and len(points) <= walk.MOST
    )


def _on_gpu(points: Any, k: int, queries: Any) -> tuple[Any, Any]:
    targets = as_tensor(points, "points", None, stored=True)
    asked = targets if queries is None else as_tensor(queries, "queries", targets.device, stored=True)
    _require_enough(len(targets), k, queries is None)
    found = walk.nearest(walk.build(targets), asked, k, others=queries is None)
    return square_roots(found.squared), found.rows.long()


def _on_cpu(points: Any, k: int, queries: Any) -> tuple[Distances, Rows]:
    targets = as_array(points, "points")
    asked = targets if queries is None else as_array(queries, "queries")
    _require_enough(len(targets), k, queries is None)
    tree = tree_of(targets)
    other = tree if queries is None else tree_of(asked)
    if tree is not None and other is not None:
        return tree.several(other, k, others=queries is None)
    distances, rows = np.empty((len(asked), k)), np.empty((len(asked), k), np.int64)

    def keep(part: slice, near: Distances, found: Rows) -> None:
        distances[part], rows[part] = near, found

    _try_all(targets, asked, k, queries is None, keep)
    return distances, rows


def _try_all(
    targets: npt.NDArray[Any],
    queries: npt.NDArray[Any],
    k: int,
    others: bool,
    keep: Callable[[slice, Distances, Rows], None],
) -> None:
    """Every pair tried, a piece of the queries at a time: what there is without compiled kernels."""
    columns = targets.astype(np.float64, order="F")

    def search(part: slice) -> None:
        squared = squared_distances(queries[part, None].astype(np.float64), columns)
        if others:
            squared[np.arange(len(squared)), np.arange(part.start, part.stop)] = np.inf
        limits = np.partition(squared, k - 1, axis=1)[:, k - 1]
        distances, rows = np.empty((len(squared), k)), np.empty((len(squared), k), np.int64)
        for at, (row, limit) in enumerate(zip(squared, limits, strict=True)):
            near = np.flatnonzero(row <= limit)
            near = near[np.argsort(row[near], kind="stable")][:k]
            distances[at], rows[at] = np.sqrt(row[near]), near
        keep(part, distances, rows)

    parallel.for_each(search, parallel.blocks(len(queries), max(1, PAIRS // len(targets))))
