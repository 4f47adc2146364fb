"""The k-d tree of compiled kernels, in float32 where that holds the points; see `gscli.kernels.kd_tree`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import _core
from ..kernels import kd_tree, parallel, radix
from ..kernels.cell_names import name_positions
from ..progress import shared

_SAMPLE = 1024  # points that tell whether most are repeated
_FEWEST = 6  # copies of each position: from here on the distinct are found sooner than all are searched


class _Copies(NamedTuple):
    """Points of which some are at one place.

    rows (D,) int64, the lowest row at each place, ascending; places (N,) int32, which of those each is at.
    """

    rows: npt.NDArray[np.int64]
    places: npt.NDArray[np.int32]


class Tree:
    """A k-d tree over (N, 3) finite points, of which it keeps nothing else.

    Memory: 20 to 40 bytes per point, 16 more while it is built; 35 to 70 and 32 in float64.

    Args:
        points: (N, 3).
        stands_for: of which points they are all that are distinct, if they are.
    """

    def __init__(self, points: npt.NDArray[Any], stands_for: _Copies | None = None) -> None:
        self._tree = kd_tree.build(points, "f4" if _is_narrow(points) else "f8")
        self._copies = stands_for

    def nearest(
        self, queries: Tree, advance: Callable[[int], object] | None
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """The distance and the row of the nearest point to each of the points of another tree."""
        asked = queries._copies
        if asked is not None and advance is not None:
            advance = shared(advance, len(asked.places), len(asked.rows))
        found = kd_tree.nearest(*self._alike(queries), advance=advance)
        distances, rows = found.distances, found.rows
        if self._copies is not None:
            rows = self._copies.rows[rows]
        return (distances, rows) if asked is None else (distances[asked.places], rows[asked.places])

    def nearest_to(
        self, points: npt.NDArray[Any], advance: Callable[[int], object] | None
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """As `nearest`, of any number of points."""
        parts = [points[at : at + kd_tree.MOST] for at in range(0, len(points), kd_tree.MOST)]
        found = [self.nearest(Tree(part), advance) for part in parts]
        if len(found) == 1:
            return found[0]
        return np.concatenate([d for d, _ in found]), np.concatenate([rows for _, rows in found])

    def spacing(self, queries: Tree) -> npt.NDArray[np.float64]:
        """The distance from each of the points of another tree to the nearest point elsewhere."""
        return kd_tree.nearest(*self._alike(queries), elsewhere=True).distances

    def several(
        self, queries: Tree, k: int, *, others: bool
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """The k nearest points to each of the points of another tree; see `gscli.kernels.kd_tree.several`."""
        return kd_tree.several(*self._alike(queries), k, others=others)

    def mean(self, k: int, *, squared: bool) -> npt.NDArray[np.float64]:
        """The mean distance of each point to its k nearest others; see `gscli.kernels.kd_tree.mean`."""
        return kd_tree.mean(self._tree, k, squared=squared)

    def _alike(self, queries: Tree) -> tuple[kd_tree.Tree, kd_tree.Tree]:
        """Both trees in the type that holds the points of both, in which they then stay."""
        for one, other in ((self, queries), (queries, self)):
            if (one._tree.kind, other._tree.kind) == ("f4", "f8"):
                one._tree = kd_tree.widened(one._tree)
        return self._tree, queries._tree


def tree_of(points: npt.NDArray[Any]) -> Tree | None:
    """A tree of (N, 3) finite points, where there are compiled kernels and not too many points for them."""
    return Tree(points) if _core.available() and len(points) <= kd_tree.MOST else None


def tree_of_distinct(points: npt.NDArray[Any]) -> Tree | None:
    """As `tree_of`, but where that pays points at one place are in it once: not for `Tree.several`."""
    if _core.available() and len(points) <= kd_tree.MOST and _are_repeated(points):
        copies = _copies(points)
        if copies is not None:
            return Tree(points[copies.rows], copies)
    return tree_of(points)


def _are_repeated(points: npt.NDArray[Any]) -> bool:
    """Whether each position is likely to be there `_FEWEST` times, by how many are in a sample."""
    words = np.sort(name_positions(points[:: max(1, len(points) // _SAMPLE)].T))
    distinct = 1 + int(np.count_nonzero(words[1:] != words[:-1]))
    most = len(points) / _FEWEST
    return len(words) >= _SAMPLE and distinct <= -most * math.expm1(-len(words) / most)


def _copies(points: npt.NDArray[Any]) -> _Copies | None:
    """Which of (N, 3) points are at one place; None where two places have one name."""
    order, words = radix.sorted_stably(name_positions(points.T))
    changes = np.zeros(len(words), bool)
    for axis in range(3):
        ordered = points[:, axis].take(order)
        changes[1:] |= ordered[1:] != ordered[:-1]
    if (changes[1:] != (words[1:] != words[:-1])).any():
        return None
    lowest = order[np.append(0, np.flatnonzero(changes))]  # the sort is stable
    by_row = np.argsort(lowest)
    rank = np.empty(len(lowest), np.int32)
    rank[by_row] = np.arange(len(lowest), dtype=np.int32)
    places = np.empty(len(points), np.int32)
    places[order] = rank[np.cumsum(changes)]
    return _Copies(lowest[by_row].astype(np.int64), places)


def _is_narrow(points: npt.NDArray[Any]) -> bool:
    """Whether float32 holds every coordinate."""
    if points.dtype.itemsize == 4:
        return True
    with np.errstate(over="ignore", under="ignore"):
        return all(
            (points[part].astype(np.float32) == points[part]).all() for part in parallel.blocks(len(points))
        )
