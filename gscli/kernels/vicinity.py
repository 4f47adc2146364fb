"""The points near each of many places: in spheres, or in cylinders about axes. Exact, a block at a time.

Points lie sorted by the cells of a lattice, those of a column of cells side by side: what a column can hold
of a body is one run of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from . import radix

Array = npt.NDArray[Any]

PAIRS = 1 << 17  # of place and point at a time: what is made of them stays in the cache
MOST = 1 << 20  # cells on an axis, three of which fit in a word
SLACK = 1e-6  # of a cell: far above what rounding moves a wall by, far below what costs


class Lattice:
    """Points in the order of their cells.

    Args:
        xyz: (3, N) finite float64, N > 0.
        size: the edge of a cell, in scene units; larger ones are taken where there would be too many.
        along: the axis in which columns of cells run.

    Attributes:
        xyz: (3, N) the points as they were sorted.
        order: (N,) the row that each of them had.
    """

    def __init__(self, xyz: Array, size: float, along: int = 2) -> None:
        self.low = xyz.min(axis=1)
        self.size = max(size, float((xyz.max(axis=1) - self.low).max()) / (MOST - 2))
        self.axes = (*(axis for axis in range(3) if axis != along), along)
        cells = [np.floor((xyz[axis] - self.low[axis]) / self.size).astype(np.int64) for axis in range(3)]
        self.numbers = [int(cell.max()) + 1 for cell in cells]
        u, v, w = (cells[axis] for axis in self.axes)
        self.order, self.words = radix.sorted_stably(self._words(u, v, w))
        self.xyz = xyz[:, self.order]

    def near(self, places: Array, reach: Array, extent: Array) -> Iterator[tuple[Array, Array]]:
        """What may lie in bodies around places, and all that does.

        A body is a stretch from ``place - reach`` to ``place + reach``, along which a box slides.

        Args:
            places: (3, Q). reach: (3, Q), zeros for a box alone. extent: (3, Q) half the edges of the box.

        Yields:
            (K,) which place, ascending throughout, and (K,) which point of `xyz`; a place is in one block.
        """
        body, first, count = self._runs(places, reach, extent)
        runs = np.append(0, np.cumsum(np.bincount(body, minlength=places.shape[1])))
        total = np.append(0, np.cumsum(count))[runs]
        start = 0
        while start < places.shape[1]:
            stop = max(start + 1, int(np.searchsorted(total, total[start] + PAIRS, "right")) - 1)
            part = slice(runs[start], runs[stop])
            ahead = np.cumsum(count[part]) - count[part]
            points = np.repeat(first[part] - ahead, count[part])
            points += np.arange(len(points))
            yield np.repeat(body[part], count[part]), points
            start = stop

    def _runs(self, places: Array, reach: Array, extent: Array) -> tuple[Array, Array, Array]:
        """Of which place, where it begins and how long it is: the points of each column that bodies touch."""
        u, v, w = self.axes
        center = (places - self.low[:, None]) / self.size
        reach, extent = reach / self.size, extent / self.size + SLACK
        body = np.arange(places.shape[1])
        begin, end = np.full(len(body), -1.0), np.full(len(body), 1.0)
        columns: list[Array] = []
        for axis in (u, v):
            first, last = self._cells(axis, center[:, body], reach[:, body], extent[:, body], begin, end)
            rows, cell = _spread(first, last)
            columns = [*(column[rows] for column in columns), cell]
            body, begin, end = body[rows], begin[rows], end[rows]
            begin, end = _narrowed(
                cell - center[axis, body], reach[axis, body], extent[axis, body], begin, end
            )
        first, last = self._cells(w, center[:, body], reach[:, body], extent[:, body], begin, end)
        some = np.flatnonzero(first <= last)
        columns, body, first, last = [column[some] for column in columns], body[some], first[some], last[some]
        start = np.searchsorted(self.words, self._words(columns[0], columns[1], first), "left")
        count = np.searchsorted(self.words, self._words(columns[0], columns[1], last), "right") - start
        held = np.flatnonzero(count)
        return body[held], start[held], count[held]

    def _cells(
        self, axis: int, center: Array, reach: Array, extent: Array, begin: Array, end: Array
    ) -> tuple[Array, Array]:
        """The first and the last cell on an axis that the part of each body from `begin` to `end` touches."""
        one, other = begin * reach[axis], end * reach[axis]
        low = center[axis] + np.minimum(one, other) - extent[axis]
        high = center[axis] + np.maximum(one, other) + extent[axis]
        most = self.numbers[axis]
        first = np.clip(np.floor(low), 0, most).astype(np.int64)
        last = np.clip(np.floor(high), -1, most - 1).astype(np.int64)
        return first, np.where(begin <= end, last, -1)

    def _words(self, u: Array, v: Array, w: Array) -> Array:
        _, number_v, number_w = (self.numbers[axis] for axis in self.axes)
        words: Array = ((u * number_v + v) * number_w + w).astype(np.uint64)
        return words


def _spread(first: Array, last: Array) -> tuple[Array, Array]:
    """Every whole number from `first` to `last`, and of which row it is."""
    count = np.maximum(last - first + 1, 0)
    rows = np.repeat(np.arange(len(first)), count)
    ahead = np.cumsum(count) - count
    return rows, np.arange(len(rows)) - ahead[rows] + first[rows]


def _narrowed(ahead: Array, reach: Array, extent: Array, begin: Array, end: Array) -> tuple[Array, Array]:
    """The part of each stretch whose box touches a cell that begins so far ahead of its middle."""
    with np.errstate(all="ignore"):
        one, other = (ahead - extent) / reach, (ahead + 1 + extent) / reach
    still = reach == 0
    return (
        np.where(still, begin, np.maximum(begin, np.minimum(one, other))),
        np.where(still, end, np.minimum(end, np.maximum(one, other))),
    )
