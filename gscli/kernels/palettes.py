"""Few vectors for many: palettes by k-means; of numbers alone see `gscli.kernels.books`.

S. Lloyd, "Least squares quantization in PCM", 1982. A palette of thousands is found in parts: rows are
divided, 16 ways at a time, until few are together, entries are shared out among the parts by what each is
off, and k-means runs within each; then a row takes the nearest entry of the parts about its own. On
harmonics that is as close as k-means over all rows at once, for a small part of the time.

Distances are sums of products of whole numbers that float64 holds exactly, whatever adds them up in whatever
order: every processor and number of threads finds the same.

One module: each step is a few lines on the same exact distances.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count as counting
from typing import Any

import numpy as np
import numpy.typing as npt

from ..progress import nothing
from . import parallel

Array = npt.NDArray[Any]

STEPS = 1 << 20  # whole numbers on either side of zero that vectors are rounded to
USUAL, MEASURED = 0.999, 1 << 16  # the share of numbers, in so many rows, by which others are far out
FARTHEST = 1 << 12  # times as large as those, that is: what is farther counts as that
WAYS = 16  # that rows are divided at a time
LEAF = 4096  # rows that are not divided further
PARTED = 32  # entries a part, at least
DEPTH = 12  # divisions of divisions
SAMPLE = 4096  # rows by which rows are divided
DIVIDING, REFINING = 8, 4  # rounds of k-means in each
NEAR = 8  # parts among whose entries a row's is
TILE = (
    64  # rows and entries of a product: larger ones BLAS shares out among threads, at several times the cost
)
SCORES = 1 << 18  # distances held at a time
LARGEST = 1 << 28  # distances in a round of a part


def palette(
    points: npt.NDArray[np.float32], count: int, *, advance: Callable[[int], object] = nothing
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """At most `count` vectors, and which of them stands for each row.

    If the rows are no more than that, apart from those that are equal, it is they.

    Args:
        points: (N, D) finite, N > 0, D <= 64.
        count: at least 1.
        advance: told of each number of rows that are done with.

    Returns:
        (K, D) vectors and (N,) places among them.
    """
    whole = _Whole.of(points)
    few = _all_different(whole, count)
    if few is not None:
        rows, labels = few
        advance(len(points))
        return points[rows], labels
    leaves = _divided(whole, count // PARTED)
    centres = np.array([np.rint(_sum(whole, rows) / len(rows)) for rows in leaves])
    shares = _shares(whole, leaves, centres, count)
    found: list[Array] = [centres[:0]] * len(leaves)

    def refine(part: int) -> None:
        one = shares[part] == 1
        found[part] = centres[part, None] if one else _means(whole.at(leaves[part]), shares[part], REFINING)

    parallel.for_each(refine, range(len(leaves)))
    starts = np.concatenate([[0], np.cumsum([len(each) for each in found])])
    entries, labels = np.concatenate(found), np.empty(len(points), np.int32)

    def choose(part: int) -> None:
        apart = _squares(centres - centres[part])
        near = np.argsort(apart, kind="stable")[:NEAR]
        among = np.concatenate([np.arange(starts[i], starts[i + 1]) for i in near])
        rows = leaves[part]
        for some in parallel.blocks(len(rows), LEAF):
            labels[rows[some]] = among[_nearest(whole.at(rows[some]), entries[among])]

    parallel.for_each(choose, range(len(leaves)), done=lambda part: advance(len(leaves[part])))
    return whole.means_of(labels, entries), labels


@dataclass(frozen=True)
class _Whole:
    """Rows as whole numbers within `STEPS` of zero, in float64, a few at a time.

    Attributes:
        points: (N, D) as given. steps: how many of them one is, a power of two.
    """

    points: npt.NDArray[np.float32]
    steps: float

    @classmethod
    def of(cls, points: npt.NDArray[np.float32]) -> _Whole:
        most = max(float(np.abs(points[part]).max()) for part in parallel.blocks(len(points), LEAF))
        sizes = np.abs(points[:: -(-len(points) // MEASURED)]).reshape(-1)
        sizes = sizes[sizes > 0]
        usual = float(np.partition(sizes, at := int(len(sizes) * USUAL))[at]) if len(sizes) else most
        reach = min(most, FARTHEST * usual)
        exponent = int(np.frexp(reach)[1]) if reach > 0 else 0  # 2^exponent is not less
        return cls(points, float(np.ldexp(STEPS, -exponent)))

    def at(self, rows: Array | slice) -> Array:
        found: Array = self.points[rows].astype(np.float64)
        np.rint(np.clip(found * self.steps, -STEPS, STEPS), out=found)
        return found

    def means_of(self, labels: Array, entries: Array) -> npt.NDArray[np.float32]:
        """(K, D) the means of the rows of each entry, those of no row as they are."""
        sums, counts = np.zeros(entries.shape), np.zeros(len(entries), np.int64)
        for part in parallel.blocks(len(labels), LEAF):
            _gather(self.at(part), labels[part], sums, counts)
        sums /= np.maximum(counts, 1)[:, None]
        sums[counts == 0] = entries[counts == 0]
        sums /= self.steps
        return sums.astype(np.float32)


def _all_different(whole: _Whole, count: int) -> tuple[Array, npt.NDArray[np.int32]] | None:
    """The first of each kind of equal rows, and which kind each row is; None if there are more than `count`.

    Rows are told apart by a product that overflows at random, and then looked at.
    """
    points = whole.points
    odd = np.random.default_rng(0).integers(0, 1 << 63, points.shape[1], np.uint64) * 2 + 1
    keys = np.empty(len(points), np.uint64)

    def mix(part: slice) -> None:
        bits = (points[part] + np.float32(0)).view(np.uint32).astype(np.uint64)  # of zero, one kind
        keys[part] = (bits * odd).sum(axis=1, dtype=np.uint64)

    parallel.for_each(mix, parallel.blocks(len(points), LEAF))
    unique, first, kinds = np.unique(keys, return_index=True, return_inverse=True)
    if len(unique) > count:
        return None
    labels = kinds.reshape(-1).astype(np.int32)
    for part in parallel.blocks(len(points), LEAF):
        if (points[first[labels[part]]] != points[part]).any():
            return None
    return first, labels


def _divided(whole: _Whole, most: int) -> list[Array]:
    """Rows in at most so many parts of those that are alike, ascending, of `LEAF` rows where they differ."""
    serial = counting()
    todo = [(-len(whole.points), next(serial), np.arange(len(whole.points)), 0)]
    leaves: list[Array] = []
    while todo:
        size, _, rows, depth = heappop(todo)  # the largest
        parts = [rows]
        if -size > LEAF and depth < DEPTH and len(todo) + len(leaves) + WAYS <= most:
            centres = _means(whole.at(rows[:: -(size // SAMPLE)]), WAYS, DIVIDING)
            labels = np.empty(len(rows), np.int64)

            def assign(some: slice, rows: Array = rows, centres: Array = centres, to: Array = labels) -> None:
                to[some] = _nearest(whole.at(rows[some]), centres)

            parallel.for_each(assign, parallel.blocks(len(rows), LEAF))
            parts = [part for way in range(len(centres)) if len(part := rows[labels == way])]
        if len(parts) == 1:
            leaves.append(rows)
        else:
            for part in parts:
                heappush(todo, (-len(part), next(serial), part, depth + 1))
    return leaves


def _shares(whole: _Whole, leaves: list[Array], centres: Array, count: int) -> list[int]:
    """How many entries each part gets: by the power 7/8 of what it is off in all, one at least.

    The more dimensions there are, the closer to 1 is the power with which the sum is least.
    """
    off = np.zeros(len(leaves))

    def measure(part: int) -> None:
        for some in parallel.blocks(len(leaves[part]), LEAF):
            off[part] += _total(_squares(whole.at(leaves[part][some]) - centres[part]))

    parallel.for_each(measure, range(len(leaves)))
    weights = np.sqrt(off * np.sqrt(off * np.sqrt(off)))
    sizes = np.array([len(rows) for rows in leaves])
    most = np.minimum(sizes, np.maximum(1, LARGEST // sizes)) - 1.0  # beyond the first
    left = float(count - len(leaves))
    found, hungry = np.zeros(len(leaves)), weights > 0
    while hungry.any():  # what is full hands on the rest
        wanted = weights / _total(weights[hungry]) * max(left, 0.0)
        full = hungry & (wanted >= most)
        found[hungry] = np.minimum(wanted, most)[hungry]
        if not full.any():
            break
        left -= _total(most[full])
        hungry &= ~full
    whole_ones = np.floor(found)
    rest = np.argsort(whole_ones - found, kind="stable")[: count - len(leaves) - int(_total(whole_ones))]
    whole_ones[rest] += found[rest] > whole_ones[rest]
    return [1 + int(share) for share in whole_ones]


def _means(points: Array, count: int, rounds: int) -> Array:
    """(K, D) centres of (n, D) whole numbers: themselves where they are no more than `count`."""
    n = len(points)
    if count >= n:
        return points
    centres = points[(np.arange(count) * n + n // 2) // count]
    for _ in range(rounds):
        labels = _nearest(points, centres)
        sums, counts = np.zeros(centres.shape), np.zeros(len(centres), np.int64)
        _gather(points, labels, sums, counts)
        held = counts > 0
        moved = np.where(held[:, None], np.rint(sums / np.maximum(counts, 1)[:, None]), centres)
        if not held.all():  # those of no row go where rows are off most
            far = np.argsort(-_squares(points - centres[labels]), kind="stable")
            moved[~held] = points[far[: len(held) - int(held.sum())]]
        if (moved == centres).all():
            break
        centres = moved
    return centres


def _gather(points: Array, labels: Array, sums: Array, counts: Array) -> None:
    """Add (n, D) whole numbers to the sums of their labels, and count them."""
    order = np.argsort(labels, kind="stable")
    ordered = labels[order]
    first = np.flatnonzero(np.diff(ordered, prepend=-1))
    sums[ordered[first]] += np.add.reduceat(points[order], first, axis=0)
    counts[ordered[first]] += np.diff(first, append=len(ordered))


def _nearest(points: Array, centres: Array) -> Array:
    """(n,) the place of the nearest centre of each, the first of equally near ones."""
    half, turned = _squares(centres) / 2, np.ascontiguousarray(centres.T)
    found = np.empty(len(points), np.int64)
    whole = len(points) // TILE * TILE
    size = max(1, SCORES // (TILE * len(centres))) * TILE
    for part in [*parallel.blocks(whole, size), *[slice(whole, len(points))] * (whole < len(points))]:
        height = min(TILE, part.stop - part.start)
        tiles = points[part].reshape(-1, height, points.shape[1])
        scores = np.empty((len(tiles), height, len(centres)))
        for some in parallel.blocks(len(centres), TILE):
            np.matmul(tiles, turned[:, some], out=scores[:, :, some])
        found[part] = np.subtract(half, scores, out=scores).argmin(axis=2).reshape(-1)
    return found


def _squares(vectors: Array) -> Array:
    """(n,) squared lengths of whole vectors, exact."""
    found: Array = np.square(vectors).sum(axis=1)
    return found


def _sum(whole: _Whole, rows: Array) -> Array:
    """(D,) of rows, exact."""
    total = np.zeros(whole.points.shape[1])
    for some in parallel.blocks(len(rows), LEAF):
        total += whole.at(rows[some]).sum(axis=0)
    return total


def _total(values: Array) -> float:
    """Their sum, one after the other: NumPy's own order depends on the processor."""
    return float(np.cumsum(values)[-1]) if len(values) else 0.0
