"""Which rows become one: pairs merged one after the other, so that any number of rows can be left.

Large scenes are cut in boxes, and pairs are of one box until few rows are left in it. Their merges, done box
by box, are put in the order in which one queue of all boxes would have done them. So memory is that of a box,
whatever is merged, and few rows are near an edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import UsageError
from ..kernels import merging, morton, parallel, structured
from ..neighbors import knn
from ..runtime import memory
from . import boxes
from .gaussians import Gaussians

Array = npt.NDArray[Any]

PARTNERS = 6  # nearest rows that a row may be merged with
BOX = 1 << 18  # rows that are merged together, at most
LEFT = 1 << 12  # rows of a box from which on those of all boxes are merged


@dataclass(frozen=True)
class Hierarchy:
    """Rows merged two at a time, one after the other, so that any number of them can be left.

    Attributes:
        total: N rows. merges: (M, 2) int32: the second row became both, and the first was gone.
    """

    total: int
    merges: npt.NDArray[np.int32]

    def roots(self, count: int) -> npt.NDArray[np.int64]:
        """(N,) of each row one of those that it becomes one with: `count` different ones, N - M at least."""
        return _followed(self.merges[: self.total - count], self.total)


def hierarchy(gaussians: Gaussians, weights: Array, count: int, *, sparing: bool = False) -> Hierarchy:
    """The merges that leave `count` rows; the first of them are those that leave more.

    Args:
        weights: (N,) of the rows, see `gscli.simplifying.clusters`.
        sparing: whether one box is merged at a time; else as many as there are threads.

    Raises:
        UsageError: 2^31 rows or more.
    """
    total, xyz = len(gaussians.cloud), gaussians.cloud.xyz
    if total >= 1 << 31:  # rows are numbered in 32 bits
        raise UsageError(f"{total:,} Gaussians are too many to be merged at once")
    if total <= BOX:
        return Hierarchy(total, _pairs(_Rows.of(gaussians, weights, np.arange(total), xyz).merge(count)))
    pieces = boxes.rows_of(xyz, BOX)
    left: list[_Rows | None] = [None] * len(pieces)
    merges = [np.empty(0, merging.MERGE)] * len(pieces)

    def work(place: int) -> None:
        here = pieces[place]
        rows = left[place] = _Rows.of(gaussians, weights, here, xyz[here])
        merges[place] = rows.merge(LEFT)

    parallel.for_each(work, range(len(pieces)), at_once=1 if sparing else None)
    loss = np.concatenate([np.maximum.accumulate(each["loss"]) for each in merges])
    found = np.concatenate([_pairs(each) for each in merges])[np.argsort(loss, kind="stable")]
    if total - len(found) > count:
        rest = _Rows.together([rows for rows in left if rows is not None])
        found = np.concatenate([found, _pairs(rest.merge(count))])
    return Hierarchy(total, found)


class _Rows:
    """Rows of a scene that are merged, along a curve on which neighbours follow each other.

    Args:
        rows: (n,) their numbers. points: (n, 3) where they are, in any unit. blobs: they themselves.
    """

    def __init__(self, rows: Array, points: Array, blobs: merging.Blobs) -> None:
        self._rows, self._points, self._blobs = rows, points, blobs

    @classmethod
    def of(cls, gaussians: Gaussians, weights: Array, rows: Array, points: Array) -> _Rows:
        """Rows that nothing was merged into yet, ascending, as they are read fastest."""
        order = morton.order_of(points)  # neighbours lie side by side in memory
        places = np.empty(len(order), np.int64)
        places[order] = np.arange(len(order))
        found = cls(rows[order], points[order], gaussians.blobs(rows, weights[rows], places))
        structured.release_pages(gaussians.cloud.rows)
        memory.give_back()  # what they were gathered in
        return found

    @classmethod
    def together(cls, parts: list[_Rows]) -> _Rows:
        """What was left of several boxes."""
        points = np.concatenate([part._points for part in parts])
        order = morton.order_of(points)
        rows = np.concatenate([part._rows for part in parts])
        blobs = np.concatenate([part._blobs.rows for part in parts])
        colors = np.concatenate([part._blobs.colors for part in parts])
        return cls(rows[order], points[order], merging.Blobs(blobs[order], colors[order]))

    def merge(self, count: int) -> Array:
        """Merge until `count` are left, which alone are kept; (M,) of `merging.MERGE`, by rows' numbers."""
        done = [np.empty(0, merging.MERGE)]
        while len(self._rows) > count:
            self._blobs.rows["lost"] = 0  # with new neighbours, all begin anew
            merges = merging.merge(self._blobs, _partners(self._points), count)
            there = np.ones(len(self._rows), bool)
            there[merges["gone"]] = False
            for name in ("gone", "kept"):
                merges[name] = self._rows[merges[name]]
            done.append(merges)
            self._rows = self._rows[there]
            self._blobs = merging.Blobs(self._blobs.rows[there], self._blobs.colors[there])
            self._points = self._blobs.rows["mean"]
        return np.concatenate(done)


def _pairs(merges: Array) -> npt.NDArray[np.int32]:
    """(M, 2) of (M,) of `merging.MERGE`."""
    return np.stack([merges["gone"], merges["kept"]], axis=1)


def _partners(here: Array) -> npt.NDArray[np.int32]:
    """(n, k) the nearest of the other points, (n, 3) along a curve on which neighbours follow each other.

    Of more than k points in one place all would have the same few, of equal ones the lowest, which would have
    all of them for neighbours and be compared with each anew at every merge: so points have those of their
    place that come right before and after them.
    """
    count = min(PARTNERS, len(here) - 1)
    distances, rows = knn(here, count)
    partners: npt.NDArray[np.int32] = rows.astype(np.int32)
    tied = distances[:, -1] == 0
    if not tied.any():
        return partners
    edges = np.flatnonzero(np.append(True, (here[1:] != here[:-1]).any(axis=1)))
    sizes = np.diff(np.append(edges, len(here)))
    crowded = np.flatnonzero(tied & np.repeat(sizes > count, sizes))
    first, size = (np.repeat(of, sizes)[crowded] for of in (edges, sizes))
    window = np.clip(crowded - count // 2, first, first + size - count - 1)[:, None] + np.arange(count)
    partners[crowded] = window + (window >= crowded[:, None])
    return partners


def _followed(merges: Array, count: int) -> npt.NDArray[np.int64]:
    """(count,) what each row is part of in the end, after (M, 2) merges of one row into another."""
    into = np.arange(count)
    into[merges[:, 0]] = merges[:, 1]
    while True:
        further = into[into]
        if (further == into).all():
            return into
        into = further
