"""Few numbers for many: books of values, each of which stands for those that are nearest to it.

They are the same on every machine: sums are of sorted values, one after the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from . import parallel

Array = npt.NDArray[Any]

ROUNDS = 3  # of a book
TICKS = 64  # for each value of a book, between which it is found how dense values are
PER_GAP, ROUNDS_OF_GAPS = 4, 64  # values of a book between two ticks at most; how often that is seen to


def book(values: Array, count: int) -> npt.NDArray[np.float32]:
    """At most `count` values, ascending, that stand for many; if these are no more than that, it is they.

    They are as dense as the fourth root of how dense the values are, and then moved to the means of those
    nearest to them. The cube root has the least mean of squares, but it is the few that are far out,
    large Gaussians and bright ones, that show: the fourth root made real scenes look more alike, in less
    bytes.

    Args:
        values: (N,) finite float32, N > 0; reordered.
    """
    ordered = parallel.sort(values)
    first = np.flatnonzero(np.diff(ordered, prepend=np.nan) != 0)
    if len(first) <= count:
        return np.asarray(ordered[first], np.float32)
    total = np.concatenate([[0.0], np.cumsum(ordered, dtype=np.float64)])
    found = _spread(ordered, count)
    ends = np.empty(count + 1, np.int64)
    ends[0], ends[-1] = 0, len(ordered)
    for _ in range(ROUNDS):
        ends[1:-1] = np.searchsorted(ordered, (found[1:] + found[:-1]) / 2)
        held = np.diff(ends)
        means = np.diff(total[ends]) / np.maximum(held, 1)
        found = np.where(held > 0, means, found)
    return np.unique(found.astype(np.float32))


def _spread(ordered: Array, count: int) -> Array:
    """Where a book starts from."""
    places = np.linspace(0, len(ordered) - 1, TICKS * count + 1).astype(np.int64)
    ticks = ordered[places].astype(np.float64)
    gaps = np.diff(ticks)
    steps = np.sqrt(gaps * np.sqrt(gaps))
    for _ in range(ROUNDS_OF_GAPS):
        steps = np.minimum(steps, float(np.cumsum(steps)[-1]) * PER_GAP / count)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    found: Array = np.interp((np.arange(count) + 0.5) * (along[-1] / count), along, ticks)
    return found


def places(book: Array, values: Array) -> npt.NDArray[np.uint8]:
    """The place of the nearest of at most 256 ascending values, for each of any shape."""
    middles = (book[1:].astype(np.float64) + book[:-1]) / 2
    return np.searchsorted(middles, values).astype(np.uint8)
