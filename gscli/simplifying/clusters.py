"""Which rows become one: pairs merged until so many are left, and what each row weighs in that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..kernels import merging, morton
from ..neighbors import knn
from .gaussians import Gaussians

Array = npt.NDArray[Any]

PARTNERS = 6  # nearest rows that a row may be merged with
NO_PIXEL = 1e-3  # pixels that a row fills where none shows it
PLAINEST, CLEAREST = 1.0, 50.0  # how much a row counts for how well it is seen, over the mean


@dataclass(frozen=True)
class Clusters:
    """Rows of a scene, put together.

    Attributes:
        chosen: (n,) int64 ascending, the rows at whose places the new rows stand: of each cluster the one
            that weighs most, of equal ones the lowest.
        new: (N,) int64, the new row that each row is part of.
        members: (M,) int64, the rows of all clusters of more than one, cluster by cluster, each ascending.
        starts: (t,) int64, where in `members` each of these begins. merged: (t,) int64, their new rows.
    """

    chosen: npt.NDArray[np.int64]
    new: npt.NDArray[np.int64]
    members: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    merged: npt.NDArray[np.int64]

    @classmethod
    def of(cls, roots: Array, weights: Array) -> Clusters:
        """The clusters of rows that have one root, (N,) each that of its own, with (N,) weights."""
        order = np.lexsort((-weights, roots))
        heads = np.flatnonzero(np.diff(roots[order], prepend=-1))
        chosen = np.sort(order[heads])
        place = np.empty(len(roots), np.int64)  # of a root's cluster among the new rows
        place[roots[chosen]] = np.arange(len(chosen))
        new = place[roots]
        sizes = np.bincount(new, minlength=len(chosen))
        merged = np.flatnonzero(sizes > 1)
        members = np.flatnonzero(sizes[new] > 1)
        members = members[np.argsort(new[members], kind="stable")]
        starts = np.cumsum(sizes[merged]) - sizes[merged]
        return cls(chosen, new, members, starts, merged)


def weights(gaussians: Gaussians, seen: Array | None) -> Array:
    """(N,) what each row weighs: its mass, more where it is seen well; see `gscli.simplifying.look`."""
    mass = gaussians.mass
    if seen is None:
        return mass
    clear = (seen + NO_PIXEL) / mass
    mean = float((clear * mass).sum() / mass.sum())
    found: Array = mass * np.clip(clear / mean, PLAINEST, CLEAREST)
    return found


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


def hierarchy(gaussians: Gaussians, weights: Array, count: int) -> Hierarchy:
    """The merges that leave `count` rows; the first of them are those that leave more."""
    total = len(gaussians.cloud)
    points = gaussians.cloud.xyz
    rows = morton.order_of(points)  # neighbours lie side by side in memory
    points = points[rows]
    blobs = gaussians.blobs(rows, weights[rows])
    alive, done = np.arange(total), [np.empty((0, 2), np.int32)]
    while len(alive) > count:
        whole = len(alive) == total
        here = points if whole else blobs.rows["mean"][alive]
        partners = _partners(here)
        part = blobs if whole else merging.Blobs(blobs.rows[alive], blobs.colors[alive])
        part.rows["lost"] = 0  # with new neighbours, all begin anew
        merges = merging.merge(part, partners, count)
        if not whole:
            blobs.rows[alive], blobs.colors[alive] = part.rows, part.colors
        done.append(rows[alive[merges]].astype(np.int32))
        alive = np.delete(alive, merges[:, 0])
    return Hierarchy(total, np.concatenate(done))


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
