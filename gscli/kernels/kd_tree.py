"""A k-d tree in C: exact nearest neighbours on a CPU, several times faster than without it.

The points are cut at their median along the widest side of their box until at most `LEAF` are left, so the
tree is implied by their number. Queries get a tree of their own, and the queries of one leaf go down
together. Over float32 the search runs in float32 and proves its answer by the second nearest; what lacks that
proof, and all of float64, is searched in float64, in which distances are defined (`gscli.kernels.distances`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .._core import for_each_type
from . import parallel

LEAF = 16  # points in a leaf at most
SEVERAL = 100  # neighbours of a query at most
MOST = 1 << 31  # points: what a leaf's number times LEAF has room for in an int32
PACKETS = 1 << 10  # searched at a time, by one thread
SPLITS = 6  # levels at most that are cut by one node a task: below are subtrees enough for 64 threads
ALONE = 8  # levels that a task grows at least: to hand out less takes longer than to do it

POINT = {
    kind: np.dtype([("x", kind), ("y", kind), ("z", kind), ("row", rows)], align=True)
    for kind, rows in (("f4", "u4"), ("f8", "u8"))
}
BOX = {
    kind: np.dtype([("low", kind, 3), ("high", kind, 3), ("row", "u4"), ("unused", "u4")], align=True)
    for kind in ("f4", "f8")
}
LEAVES = {
    kind: np.dtype([(axis, kind, LEAF) for axis in "xyz"] + [("row", "u4", LEAF)], align=True)
    for kind in ("f4", "f8")
}
_SPLIT = for_each_type("kd_split", lambda kind: (POINT[kind], BOX[kind], int, int, int))
_GROW = for_each_type("kd_grow", lambda kind: (POINT[kind], BOX[kind], LEAVES[kind], int, int, int, int))
_NEAREST = for_each_type(
    "kd_nearest",
    lambda kind: (
        *(BOX[kind], LEAVES[kind], int, int, BOX[kind], LEAVES[kind], int, int),
        *(int, int, int, np.float64, np.int64, np.int64),
    ),
)
_SEVERAL = for_each_type(
    "kd_several",
    lambda kind: (
        *(BOX[kind], LEAVES[kind], int, int, LEAVES[kind], int, int),
        *(int, int, int, int, np.float64, np.int64),
    ),
)
_MEAN = for_each_type(
    "kd_mean", lambda kind: (BOX[kind], LEAVES[kind], int, int, int, int, int, int, np.float64)
)


@dataclass(frozen=True)
class Tree:
    """Points in a k-d tree.

    Attributes:
        count: how many there are.
        depth: how many levels of nodes are above the leaves.
        boxes: (2^(depth + 1) - 1,) records ``low``, ``high``, (3,) each, and the lowest ``row``: of all
            nodes, level by level.
        leaves: (2^depth,) records ``x``, ``y``, ``z`` and ``row``, (`LEAF`,) each; what is left of one is
            filled up with its last point.
    """

    count: int
    depth: int
    boxes: npt.NDArray[Any]
    leaves: npt.NDArray[Any]

    @property
    def kind(self) -> str:
        """The type of the coordinates, ``f4`` or ``f8``."""
        return self.leaves.dtype["x"].base.str[1:]


@dataclass(frozen=True)
class Found:
    """The nearest point of each query.

    Attributes:
        distances: (Q,) float64; infinite where there is none.
        rows: (Q,) int64, the lowest row at that distance; -1 where there is none.
        box_tests: distances between boxes that were computed.
        evaluations: leaves whose points were compared with the queries of a leaf.
        exact: leaves of queries that were searched in float64.
    """

    distances: npt.NDArray[np.float64]
    rows: npt.NDArray[np.int64]
    box_tests: int
    evaluations: int
    exact: int


def build(points: npt.NDArray[Any], kind: str) -> Tree:
    """Put points in a tree.

    Args:
        points: (N, 3) floats, finite, 0 < N <= `MOST`.
        kind: how to hold them: ``f4``, where float32 holds every coordinate, or ``f8``.
    """
    count = len(points)
    depth = max(0, (-(-count // LEAF) - 1).bit_length())
    records = np.empty(count, POINT[kind])

    def fill(part: slice) -> None:
        for axis, name in enumerate("xyz"):
            records[name][part] = points[part, axis]
        records["row"][part] = np.arange(part.start, part.stop)

    parallel.for_each(fill, parallel.blocks(count))
    boxes, leaves = np.empty((2 << depth) - 1, BOX[kind]), np.empty(1 << depth, LEAVES[kind])
    top = max(0, min(depth - ALONE, SPLITS))
    for level in range(top):
        parallel.for_each(
            lambda node, level=level: _SPLIT[kind](records, boxes, count, level, node),  # type: ignore[misc]
            range(1 << level),
        )
    parallel.for_each(
        lambda node: _GROW[kind](records, boxes, leaves, count, depth, top, node), range(1 << top)
    )
    return Tree(count, depth, boxes, leaves)


def widened(tree: Tree) -> Tree:
    """The same points in float64."""
    sizes = np.diff(np.arange((1 << tree.depth) + 1) * tree.count >> tree.depth)
    there = np.arange(LEAF) < sizes[:, None]
    points = np.empty((tree.count, 3))
    rows = tree.leaves["row"][there]
    for axis, name in enumerate("xyz"):
        points[rows, axis] = tree.leaves[name][there]
    return build(points, "f8")


def nearest(
    tree: Tree,
    queries: Tree,
    *,
    elsewhere: bool = False,
    advance: Callable[[int], object] | None = None,
) -> Found:
    """The nearest point of `tree` to each point of `queries`.

    Args:
        tree, queries: of one kind.
        elsewhere: leave out points at a query's own position.
        advance: told of each number of queries that are answered.
    """
    _require_alike(tree, queries)
    distances, rows = np.empty(queries.count), np.empty(queries.count, np.int64)
    work = np.zeros(3, np.int64)

    def search(packets: slice) -> tuple[int, npt.NDArray[np.int64]]:
        own = np.zeros(3, np.int64)
        _NEAREST[tree.kind](
            *(tree.boxes, tree.leaves, tree.count, tree.depth),
            *(queries.boxes, queries.leaves, queries.count, queries.depth),
            *(packets.start, packets.stop, elsewhere, distances, rows, own),
        )
        first, last = (edge * queries.count >> queries.depth for edge in (packets.start, packets.stop))
        return last - first, own

    for answered, own in parallel.in_order(search, parallel.blocks(1 << queries.depth, PACKETS)):
        work += own
        if advance is not None:
            advance(answered)
    return Found(distances, rows, *work.tolist())


def _require_alike(tree: Tree, queries: Tree) -> None:
    if tree.kind != queries.kind:
        raise TypeError(f"a tree of {tree.kind} cannot be asked by one of {queries.kind}")


def several(
    tree: Tree, queries: Tree, k: int, *, others: bool = False
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """The k nearest points of `tree` to each point of `queries`, nearest first, of equal ones the lowest row.

    Args:
        tree, queries: of one kind.
        k: 1 to `SEVERAL`.
        others: leave out the point that has a query's own row: both trees are over the same points.

    Returns:
        (Q, k) float64 distances, infinite where there are not so many points; (Q, k) int64 rows, -1 there.
    """
    _require_alike(tree, queries)
    _require_few(k)
    distances, rows = np.empty((queries.count, k)), np.empty((queries.count, k), np.int64)

    def search(packets: slice) -> None:
        _SEVERAL[tree.kind](
            *(tree.boxes, tree.leaves, tree.count, tree.depth),
            *(queries.leaves, queries.count, queries.depth),
            *(packets.start, packets.stop, k, others, distances, rows),
        )

    parallel.for_each(search, parallel.blocks(1 << queries.depth, PACKETS))
    return distances, rows


def mean(tree: Tree, k: int, *, squared: bool = False) -> npt.NDArray[np.float64]:
    """The mean distance of each point to its k nearest others, or the mean of squared distances.

    Args:
        k: 1 to `SEVERAL`, and fewer than there are points.

    Returns:
        (N,) float64: of what `several` finds, added up nearest first, without room for all of that.
    """
    _require_few(k)
    means = np.empty(tree.count)

    def search(packets: slice) -> None:
        _MEAN[tree.kind](
            *(tree.boxes, tree.leaves, tree.count, tree.depth),
            *(packets.start, packets.stop, k, squared, means),
        )

    parallel.for_each(search, parallel.blocks(1 << tree.depth, PACKETS))
    return means


def _require_few(k: int) -> None:
    if not 1 <= k <= SEVERAL:
        raise ValueError(f"between 1 and {SEVERAL} neighbours are found, not {k}")
