"""The k-d tree without compiled kernels: pykdtree in float64 on the stored coordinates.

Queries go in Morton order, a block at a time, and targets are made distinct first: pykdtree cannot
split equal points and tries them all.

pykdtree adds up box distances step by step and may be compiled with fused multiplication, so what it
returns is nearest up to rounding. So it is asked for two neighbours, and where the second is as near
as the first, within that rounding, for as many as it takes to choose among them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from ..kernels import morton
from ..kernels.distances import squared_distances
from ..runtime import libraries
from ._after_fork import safe_after_fork

WAITING = "OMP_WAIT_POLICY"  # read by OpenMP as it is loaded
BLOCK = 1 << 16  # queries at a time; about 130 bytes of temporaries each
LEAF = 16  # points per leaf
CANDIDATES = 1 << 18  # how many to hold at a time where ties are settled
MOST_TIED = 128  # beyond this many equally near targets, try them all
ROUNDING = 1e-12  # relative, of a squared box distance: at most 10 * 2^-53 per level, here for 900 levels
TINY = 1e-300  # below this, squares lose digits to underflow


@contextmanager
def _idle_threads_asleep() -> Iterator[None]:
    """For the import of pykdtree: idle threads of its OpenMP would use a core up between small searches.

    Threads that import it at a time may each find that it is to be set, and one of them that it is gone.
    """
    if "pykdtree.kdtree" in sys.modules or WAITING in os.environ:
        yield
        return
    os.environ[WAITING] = "PASSIVE"
    try:
        yield
    finally:
        os.environ.pop(WAITING, None)


class Tree:
    """A k-d tree over the distinct ones of (N, 3) finite points.

    Memory: 24 bytes per distinct target for its position, 8 for rows, about 12 for nodes.
    """

    @safe_after_fork
    def __init__(self, points: npt.NDArray[Any]) -> None:
        with _idle_threads_asleep():
            libraries.require("pykdtree.kdtree", "the kdtree engine", instead="choose another engine")
            from pykdtree.kdtree import KDTree

        self._points, self._rows = morton.distinct(points)
        self._tree = KDTree(self._points, leafsize=LEAF)

    @safe_after_fork
    def nearest(
        self, queries: npt.NDArray[Any], advance: Callable[[int], object] | None
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """The distance and the row of the nearest point to each of (Q, 3) queries."""
        distances, rows = np.empty(len(queries)), np.empty(len(queries), np.int64)
        order = morton.order_of(queries)
        queries = np.ascontiguousarray(queries)
        for start in range(0, len(queries), BLOCK):
            block = order[start : start + BLOCK]
            squared, rows[block] = self._nearest_in_block(queries.take(block, axis=0).astype(np.float64))
            distances[block] = np.sqrt(squared)
            if advance is not None:
                advance(len(block))
        return distances, rows

    @safe_after_fork
    def spacing(self, queries: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """The distance from each of (Q, 3) queries to the nearest point elsewhere; infinite without one."""
        return np.sqrt(self._settle(queries.astype(np.float64), 3, elsewhere=True)[0])

    def _nearest_in_block(
        self, queries: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint32]]:
        """Squared distance and row of the nearest target of each of (Q, 3) queries."""
        if len(self._points) == 1:
            return squared_distances(queries, self._points), np.full(len(queries), self._rows[0])
        near, found = self._tree.query(queries, k=2, sqr_dists=True)
        first = found[:, 0]
        squared, rows = squared_distances(queries, self._points[first]), self._rows[first]
        tied = np.flatnonzero(near[:, 1] <= near[:, 0] * (1 + ROUNDING) + TINY)
        if len(tied):
            squared[tied], rows[tied] = self._settle(queries[tied], 8)
        return squared, rows

    def _settle(
        self, queries: npt.NDArray[np.float64], k: int, *, elsewhere: bool = False
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint32]]:
        """As `_nearest_in_block`, among ever more candidates until none beyond them can be as near.

        Args:
            queries: (Q, 3) float64.
            k: how many candidates to begin with.
            elsewhere: leave out targets at a query's own position.
        """
        squared, rows = np.empty(len(queries)), np.empty(len(queries), np.uint32)
        pending = np.arange(len(queries))
        while len(pending) and k <= MOST_TIED:
            k = min(k, len(self._points))
            unsettled = []
            for start in range(0, len(pending), max(1, CANDIDATES // k)):
                part = pending[start : start + max(1, CANDIDATES // k)]
                near, found = self._tree.query(queries[part], k=k, sqr_dists=True)
                near, found = near.reshape(-1, k), found.reshape(-1, k)
                exact = squared_distances(queries[part, None], self._points[found])
                if elsewhere:
                    exact[exact == 0] = np.inf
                best = exact.min(axis=1)
                equal = np.where(exact == best[:, None], self._rows[found], np.uint32(0xFFFFFFFF))
                squared[part], rows[part] = best, equal.min(axis=1)
                if k < len(self._points):
                    unsettled.append(part[near[:, -1] <= best * (1 + ROUNDING) + TINY])
            pending = np.concatenate(unsettled) if unsettled else pending[:0]
            k *= 4
        positions, same = np.unique(queries[pending], axis=0, return_inverse=True)
        for number, position in enumerate(positions):
            exact = squared_distances(position, self._points)
            if elsewhere:
                exact[exact == 0] = np.inf
            at = pending[same.ravel() == number]
            squared[at], rows[at] = exact.min(), self._rows[exact == exact.min()].min()
        return squared, rows
