"""The k nearest of each query, and the distance to neighbours by which Gaussians are first sized."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError, UsageError
from ..kernels import kd_tree, parallel
from ..kernels.distances import squared_distances
from ..kernels.hashing import is_whole
from ..positions import as_array
from ._answers import like
from ._compiled import tree_of

MOST = kd_tree.LEAF
PAIRS = 1 << 22  # held at a time where every pair is tried


def knn(points: Any, k: int = 1, *, queries: Any = None) -> tuple[Any, Any]:
    """See `gscli.neighbors.knn`."""
    targets = as_array(points, "targets")
    asked = targets if queries is None else as_array(queries, "queries")
    if not is_whole(k) or not 1 <= k <= MOST:
        raise UsageError(f"`k` must be an integer from 1 to {MOST}, not {k!r}")
    there = len(targets) - (queries is None)
    if there < k:
        raise InputError(f"of {len(targets):,} points each has {there:,} others, fewer than `k={k}`")
    tree = tree_of(targets)
    other = tree if queries is None else tree_of(asked)
    if tree is not None and other is not None:
        distances, rows = tree.several(other, int(k), others=queries is None)
    else:
        distances, rows = _by_trial(targets, asked, int(k), queries is None)
    given = points if queries is None else queries
    return like(distances, given), like(rows, given)


def mean_squared_distance(points: Any, k: int = 3) -> Any:
    """See `gscli.neighbors.mean_squared_distance`."""
    array = as_array(points, "targets")
    distances, _ = knn(array, k)
    with np.errstate(over="ignore"):
        mean = (distances * distances).mean(axis=1).astype(array.dtype.newbyteorder("="))
    return like(mean, points)


def _by_trial(
    targets: npt.NDArray[Any], queries: npt.NDArray[Any], k: int, others: bool
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Every pair tried: what there is without compiled kernels."""
    columns = targets.astype(np.float64, order="F")
    distances, rows = np.empty((len(queries), k)), np.empty((len(queries), k), np.int64)

    def search(part: slice) -> None:
        squared = squared_distances(queries[part, None].astype(np.float64), columns)
        if others:
            squared[np.arange(len(squared)), np.arange(part.start, part.stop)] = np.inf
        limits = np.partition(squared, k - 1, axis=1)[:, k - 1]
        for at, (row, limit) in enumerate(zip(squared, limits, strict=True), part.start):
            near = np.flatnonzero(row <= limit)
            near = near[np.argsort(row[near], kind="stable")][:k]
            distances[at], rows[at] = np.sqrt(row[near]), near

    parallel.for_each(search, parallel.blocks(len(queries), max(1, PAIRS // len(targets))))
    return distances, rows
