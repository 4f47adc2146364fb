"""Gaussians merged two at a time, always the pair next whose loss is least, until so many are left.

What a merge of i and j loses, with p and q the shares of their weights, C the covariance of both together and
dc the difference of their colours:

    (max(0, log det C - p log det Ci - q log det Cj) / 2 + 2 p q |dc|^2) W^(3/8) + loss of i + loss of j

The first term is how much more room both take as one Gaussian than as two (the Kullback-Leibler divergence of
the mixture from it is bounded by it), the second how far a colour is off. What was lost before is carried
along: without it tiny Gaussians would be swallowed one after the other for nothing. Partners are the
nearest, and of what is merged those of either.

Sums, products, quotients and square roots in float64 alone decide, one rounded after the other, so that every
machine merges the same pairs; the loop in C is that in Python, to the last bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import _core
from .._core import Kernel
from . import parallel
from .elementary import log

Array = npt.NDArray[Any]

LANES = 4  # sums over colours are of so many interleaved ones
COLOR = 2.0  # what a squared difference of harmonics counts beside a logarithm
SMALLEST = 1e-42  # a determinant at least
MOST = 16  # partners of a row
ROWS = 1 << 14  # that a thread finds first partners of at a time
BUCKETS, ROOM = 1 << 16, 16  # of core.h

BLOB = np.dtype(
    [("mean", "f8", 3), ("covariance", "f8", 6), ("spread", "f8"), ("weight", "f8"), ("lost", "f8")]
)
HELD = np.dtype([("loss", "f8"), ("row", "i8")])
PARTNER = np.dtype([("loss", "f8"), ("row", "i4"), ("version", "i4")])
MERGE = np.dtype([("gone", "i4"), ("kept", "i4"), ("loss", "f8")])
FATE = np.dtype([("root", "i4"), ("version", "i4")])

_BEGIN = Kernel("merge_begin", BLOB, np.float32, int, np.int32, int, int, int, PARTNER)
_MERGE = Kernel(
    "merge_pairs",
    *(BLOB, np.float32, int, PARTNER, int, int, int, FATE, HELD, np.int32, np.int32, MERGE, np.int64),
)


@dataclass(frozen=True)
class Blobs:
    """Gaussians to be merged.

    Attributes:
        rows: (N,) of `BLOB`: mean and covariance (xx, xy, xz, yy, yz, zz), in units of the scene's size;
            spread, the logarithm of its determinant; weight, positive; lost, what it has lost already.
        colors: (N, C) float32, C a multiple of `LANES`.
    """

    rows: Array
    colors: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.rows)


def empty(count: int, colors: int) -> Blobs:
    """Room for so many, of so many numbers of colour."""
    return Blobs(np.zeros(count, BLOB), np.zeros((count, -(-colors // LANES) * LANES), np.float32))


def blobs(means: Array, covariances: Array, weights: Array, colors: Array) -> Blobs:
    """Gaussians that nothing was merged into yet.

    Args:
        means: (N, 3). covariances: (N, 6), as of `Blobs`. weights: (N,). colors: (N, C) of any C.
    """
    found = empty(len(means), colors.shape[1])
    found.rows["mean"], found.rows["covariance"], found.rows["weight"] = means, covariances, weights
    found.rows["spread"] = log(np.maximum(_determinant(covariances.T), SMALLEST))
    found.colors[:, : colors.shape[1]] = colors
    return found


def merge(given: Blobs, neighbors: Array, count: int) -> Array:
    """Merge until `count` are left, or none has a partner.

    Args:
        given: what they become is written to it.
        neighbors: (N, K) int32, K <= `MOST`, partners of each row, none twice; -1 ends a list.
        count: how many are to be left, at least 1.

    Returns:
        (M,) of `MERGE`: M times, one after the other, one row became both, the other was gone, and so much
        was lost.

    Raises:
        ValueError: arrays that do not go together.
    """
    n, k = neighbors.shape
    if len(given) != n or len(given.colors) != n or not 1 <= k <= MOST or given.colors.shape[1] % LANES:
        raise ValueError("neighbours that are not those of the rows")
    if n and not -1 <= int(neighbors.min()) <= int(neighbors.max()) < n:
        raise ValueError("neighbours that are not there")
    if n >= 1 << 30:
        raise ValueError("too many rows")
    wanted = max(0, n - max(1, count))
    nearby = np.ascontiguousarray(neighbors, np.int32)
    if not _core.available():
        return _merge(given, nearby, wanted)
    partners, merges = np.empty((n, k), PARTNER), np.empty(wanted, MERGE)
    width = given.colors.shape[1]
    parallel.for_each(
        lambda part: _BEGIN(given.rows, given.colors, width, nearby, k, part.start, part.stop, partners),
        parallel.blocks(n, ROWS),
    )
    done, fates = np.zeros(1, np.int64), np.zeros(n, FATE)
    fates["root"] = np.arange(n)
    rooms = np.empty(
        (n // (ROOM - 1) + min(n, BUCKETS) + 1, ROOM), np.int32
    )  # full ones, and one not so of each
    state = (fates, np.empty(2 * n, HELD), rooms, np.empty(BUCKETS, np.int32))
    _MERGE(given.rows, given.colors, width, partners, k, n, wanted, *state, merges, done)
    return merges[: int(done[0])]


# ---- the same in Python


class _Partner(NamedTuple):
    """How much would be lost by merging with a row, which had been merged so many times then."""

    loss: float
    row: int
    version: int


def _merge(given: Blobs, neighbors: npt.NDArray[np.int32], wanted: int) -> Array:
    n, k = neighbors.shape
    state = _State(given)
    partners = [state.ranked(row, [j for j in neighbors[row].tolist() if j >= 0])[:k] for row in range(n)]
    heap = [(found[0].loss, row) for row, found in enumerate(partners) if found]
    heapify(heap)
    merges: list[tuple[int, int, float]] = []
    while heap and len(merges) < wanted:
        loss, row = heappop(heap)
        if state.parent[row] != row:
            continue
        best = partners[row][0]
        candidates = [each.row for each in partners[row]]
        if state.parent[best.row] == best.row and state.version[best.row] == best.version:
            state.join(row, best.row, loss)
            merges.append((best.row, row, loss))
            candidates += [each.row for each in partners[best.row]]
        partners[row] = state.ranked(row, candidates)[:k]
        if partners[row]:
            heappush(heap, (partners[row][0].loss, row))
    return np.array(merges, MERGE)


class _State:
    """Gaussians that are being merged."""

    def __init__(self, given: Blobs) -> None:
        self.given = given
        self.parent, self.version = list(range(len(given))), [0] * len(given)

    def root(self, row: int) -> int:
        """What a row is part of by now."""
        while self.parent[row] != row:
            self.parent[row] = self.parent[self.parent[row]]
            row = self.parent[row]
        return row

    def ranked(self, row: int, candidates: list[int]) -> list[_Partner]:
        """What candidates are part of, other than the row itself, the one first that would lose least."""
        there = dict.fromkeys(self.root(other) for other in candidates)
        found = [
            _Partner(self.loss(row, other), other, self.version[other]) for other in there if other != row
        ]
        return sorted(found)

    def loss(self, i: int, j: int) -> float:
        a, b = self.given.rows[i], self.given.rows[j]
        weight = float(a["weight"] + b["weight"])
        p, q = float(a["weight"]) / weight, float(b["weight"]) / weight
        spread = float(log(max(_determinant(_together(a, b, p, q)), SMALLEST)))
        room = max(0.5 * (spread - (p * float(a["spread"]) + q * float(b["spread"]))), 0.0)
        difference = (self.given.colors[i].astype(np.float64) - self.given.colors[j]).reshape(-1, LANES)
        lanes = [0.0] * LANES
        for four in (difference * difference).tolist():
            lanes = [total + square for total, square in zip(lanes, four, strict=True)]
        color = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
        eighths = math.sqrt(math.sqrt(weight * math.sqrt(weight)))
        return (room + COLOR * (p * q) * color) * eighths + (float(a["lost"]) + float(b["lost"]))

    def join(self, i: int, j: int, loss: float) -> None:
        """Merge row j into row i."""
        a, b, colors = self.given.rows[i], self.given.rows[j], self.given.colors
        weight = float(a["weight"] + b["weight"])
        p, q = float(a["weight"]) / weight, float(b["weight"]) / weight
        covariance = _together(a, b, p, q)
        a["mean"] = p * a["mean"] + q * b["mean"]
        a["covariance"], a["weight"], a["lost"] = covariance, weight, loss
        a["spread"] = log(max(_determinant(covariance), SMALLEST))
        colors[i] = p * colors[i].astype(np.float64) + q * colors[j].astype(np.float64)
        self.parent[j] = i
        self.version[i] += 1


def _together(a: Any, b: Any, p: float, q: float) -> list[float]:
    """The covariance of two, of whose weights p and q are the shares."""
    x, y, z = (a["mean"] - b["mean"]).tolist()
    pq = p * q
    between = (x * x, x * y, x * z, y * y, y * z, z * z)
    pairs = zip(a["covariance"].tolist(), b["covariance"].tolist(), between, strict=True)
    return [p * one + q * other + pq * d for one, other, d in pairs]


def _determinant(covariance: Any) -> Any:
    a, b, c, d, e, f = covariance
    return a * (d * f - e * e) - b * (b * f - e * c) + c * (b * e - d * c)
