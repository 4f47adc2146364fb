"""Does a sampler draw uniformly, without replacement, independently? Tests on what it drew.

Every test is conditional on how many rows each cell kept, so that methods whose counts are random
need no special case. A draw of k of n rows without replacement has, with p = k / n,
Var(x_i) = p (1 - p) and Cov(x_i, x_j) = -p (1 - p) / (n - 1): sums of such variances make the
statistics below exactly standardised, whatever mix of n and k the cells have.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

LARGEST_PAIRED = 64  # larger cells are left out of the tests of pairs and subsets: n^2 counters, n bits
LEAST_VARIANCE = 5.0  # a counter must vary by more than this for its chi-square to be one


@dataclass(frozen=True)
class Uniformity:
    """One test.

    Attributes:
        name: ``inclusion``, ``pairs``, ``subsets``, ``neighbours`` or ``epochs``.
        statistic: a chi-square with `freedom` degrees, or a standard normal where `freedom` is 0.
        freedom: degrees of freedom.
        p: how often an ideal sampler is as far from the middle, on either side: a chi-square that
            is too small tells of a sampler that is too even. 1 where there was nothing to test.
    """

    name: str
    statistic: float
    freedom: int
    p: float


def uniformity(offsets: npt.NDArray[Any], kept: npt.NDArray[Any]) -> list[Uniformity]:
    """Every test on E draws from one grid.

    Args:
        offsets: (C + 1,) int64; cell c holds sorted rows offsets[c] to offsets[c + 1].
        kept: (E, N) bool in sorted-row order: what each draw kept.
    """
    counts = np.diff(offsets)
    taken = np.stack([np.add.reduceat(draw, offsets[:-1], dtype=np.int64) for draw in kept])
    return [
        _inclusion(offsets, counts, kept, taken),
        _pairs(offsets, counts, kept),
        _subsets(offsets, counts, kept, taken),
        _neighbours(offsets, counts, kept, taken),
        _epochs(counts, kept, taken),
    ]


def _inclusion(offsets: Any, counts: Any, kept: Any, taken: Any) -> Uniformity:
    """Is the first row of a cell kept as often as the last? By place, over cells of equal size."""
    total, freedom = 0.0, 0
    for n, cells in _sizes(counts):
        if n < 2:
            continue
        share = taken[:, cells] / n
        variance = float((share * (1 - share)).sum())
        if variance < LEAST_VARIANCE:
            continue
        places = offsets[cells, None] + np.arange(n)
        excess = kept[:, places].sum((0, 1)) - share.sum()
        total += float((excess**2).sum()) / variance * (n - 1) / n
        freedom += n - 1
    return Uniformity("inclusion", total, freedom, _both_tails(total, freedom))


def _pairs(offsets: Any, counts: Any, kept: Any) -> Uniformity:
    """Are two rows of a cell kept together as often as any other two? By places, as `_inclusion`.

    How often pairs occur is a symmetric table. What remains of it after the mean and one effect per
    place are taken out has n (n - 3) / 2 degrees of freedom, each with the variance
    q2 - 2 q3 + q4, where q_m is the probability that m given rows are all kept (Johnson scheme J(n, 2)).
    """
    total, freedom = 0.0, 0
    for n, cells in _sizes(counts):
        if not 4 <= n <= LARGEST_PAIRED:
            continue
        places = offsets[cells, None] + np.arange(n)
        table, variance = np.zeros((n, n)), 0.0
        for draw in kept:
            x = draw[places].astype(np.float32)  # sums stay below 2^24, so float32 counts exactly
            table += x.T @ x
            k = x.sum(1, dtype=np.float64)
            q2 = k * (k - 1) / (n * (n - 1))
            q3 = q2 * (k - 2) / (n - 2)
            variance += float((q2 - 2 * q3 + q3 * (k - 3) / (n - 3)).sum())
        if variance < LEAST_VARIANCE:
            continue
        np.fill_diagonal(table, 0.0)
        mean = table.sum() / (n * (n - 1))
        effect = (table.sum(1) / (n - 1) - mean) * (n - 1) / (n - 2)
        rest = table - mean - effect[:, None] - effect
        total += float((rest[np.triu_indices(n, 1)] ** 2).sum()) / variance
        freedom += n * (n - 3) // 2
    return Uniformity("pairs", total, freedom, _both_tails(total, freedom))


def _subsets(offsets: Any, counts: Any, kept: Any, taken: Any) -> Uniformity:
    """Is every set of k rows kept as often as any other? By places, over cells of equal size and k.

    With fewer sets than draws this is a chi-square over sets. With more, it counts how often two
    draws agree, which is nearly Poisson: a scheme with few permutations repeats itself. It sees what
    `_pairs` cannot, such as affine permutations of a prime number of rows, uniform pair by pair.
    """
    total, freedom, agreeing, expected = 0.0, 0, 0, 0.0
    for n, cells in _sizes(counts):
        if not 2 <= n <= LARGEST_PAIRED:
            continue
        words = np.zeros((len(kept), len(cells)), np.uint64)
        for place in range(n):
            words |= kept[:, offsets[cells] + place].astype(np.uint64) << np.uint64(place)
        k = taken[:, cells]
        for some in np.unique(k).tolist():
            times = np.unique(words[k == some], return_counts=True)[1].astype(np.float64)
            sets, draws = math.comb(n, some), float(times.sum())
            if 1 < sets < draws / LEAST_VARIANCE:
                total += float((times**2).sum()) * sets / draws - draws
                freedom += sets - 1
            elif sets > draws:
                agreeing += int((times * (times - 1)).sum()) // 2
                expected += draws * (draws - 1) / 2 / sets
    # P(Poisson(m) >= a) = P(a, m), the lower incomplete gamma function.
    repeated = 1 - chi_square_survival(2 * expected, 2 * agreeing) if agreeing else 1.0
    p = min(1.0, 2 * min(_both_tails(total, freedom), repeated))
    return Uniformity("subsets", total, freedom, p)


def _neighbours(offsets: Any, counts: Any, kept: Any, taken: Any) -> Uniformity:
    """Does what one cell keeps tell, place by place, what the next one keeps?"""
    first = np.minimum(counts[:-1], counts[1:])  # only so many places can be compared
    n, other = counts[:-1], counts[1:]
    pair = np.repeat(np.arange(len(first)), first)
    place = np.arange(len(pair)) - np.repeat(np.cumsum(first) - first, first)
    left, right = offsets[:-2][pair] + place, offsets[1:-1][pair] + place
    product = variance = 0.0
    for draw, k in zip(kept, taken, strict=True):
        share = k / counts
        product += float(((draw[left] - share[:-1][pair]) * (draw[right] - share[1:][pair])).sum())
        v = share * (1 - share)
        among = np.divide(
            first * (first - 1), (n - 1) * (other - 1), out=np.zeros(len(first)), where=first > 1
        )
        variance += float((v[:-1] * v[1:] * (first + among)).sum())
    return _normal("neighbours", product, variance)


def _epochs(counts: Any, kept: Any, taken: Any) -> Uniformity:
    """Does what one draw keeps tell what another draw keeps? Over all pairs of draws."""
    row_sum, row_squares = np.zeros(kept.shape[1]), np.zeros(kept.shape[1])
    v_sum, v_squares = np.zeros(len(counts)), np.zeros(len(counts))
    for draw, k in zip(kept, taken, strict=True):
        share = k / counts
        excess = draw - np.repeat(share, counts)
        row_sum += excess
        row_squares += excess**2
        v = share * (1 - share)
        v_sum += v
        v_squares += v**2
    product = float((row_sum**2 - row_squares).sum()) / 2  # the sum over pairs of draws
    scale = np.divide(counts.astype(np.float64) ** 2, counts - 1, out=np.zeros(len(counts)), where=counts > 1)
    variance = float(((v_sum**2 - v_squares) * scale).sum()) / 2
    return _normal("epochs", product, variance)


def _sizes(counts: Any) -> list[tuple[int, Any]]:
    """Each cell size with the cells of that size."""
    order = np.argsort(counts, kind="stable")
    sizes, starts = np.unique(counts[order], return_index=True)
    return list(zip(sizes.tolist(), np.split(order, starts[1:]), strict=True))


def _normal(name: str, total: float, variance: float) -> Uniformity:
    if variance < LEAST_VARIANCE:
        return Uniformity(name, 0.0, 0, 1.0)
    z = total / math.sqrt(variance)
    return Uniformity(name, z, 0, math.erfc(abs(z) / math.sqrt(2)))


def _both_tails(chi_square: float, freedom: int) -> float:
    if not freedom:
        return 1.0
    upper = chi_square_survival(chi_square, freedom)
    return min(1.0, 2 * min(upper, 1 - upper))


def chi_square_survival(x: float, freedom: int) -> float:
    """The probability that a chi-square variable exceeds x: Q(freedom / 2, x / 2).

    The regularised incomplete gamma function by its power series below the mean and by its continued
    fraction above (DLMF 8.11.4 and 8.9.2), to about 1e-12.
    """
    a, half = freedom / 2, x / 2
    if half <= 0:
        return 1.0
    scale = math.exp(a * math.log(half) - half - math.lgamma(a))
    if half < a + 1:
        term = total = 1 / a
        n = a
        while term > total * 1e-17:
            n += 1
            term *= half / n
            total += term
        return max(0.0, 1 - total * scale)
    # Lentz's method on 1 / (x + 1 - a - 1 (1 - a) / (x + 3 - a - ...)).
    b = half + 1 - a
    c, d = math.inf, 1 / b
    fraction = d
    for i in range(1, 1_000_000):
        step = -i * (i - a)
        b += 2
        d = 1 / (b + step * d)
        c = b + step / c
        fraction *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return min(1.0, fraction * scale)
