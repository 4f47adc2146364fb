"""A cell size for users who gave none: the round number whose cells hold about 20 points each.

Larger cells may be more: a floor that lies on a wall of the lattice is cut in two, and at the next size it
is not. So cells are counted at every size that could be the nearest, and every other is ruled out: each
cell of a multiple of a size holds whole cells of that size, so that multiples never have more.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import cells, occupancy
from .ladder import LARGEST, SIZES, SMALLEST, divides, rung, rungs
from .occupancy import Points

_MANY = 1 << 18  # points of which one in `_PART` is looked at first
_PART = 8
_MARGIN = 1.15  # a part of the points may be wrong by this factor
_SURFACE = 2.0  # cells grow in number by this power of their fineness, roughly


@dataclass(frozen=True)
class Extent:
    """What the search for a size knows of a cloud before any cell is counted.

    Attributes:
        count: points, all of them finite.
        low, high: (3,) float64 corners of their box; anything for no points.
        some: (3, M) every `stride`-th point, from the first on.
    """

    count: int
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    some: npt.NDArray[Any]


def stride(count: int) -> int:
    """One point in so many is enough to tell where most are."""
    return max(1, count // 4096)


def extent_of(xyz: npt.NDArray[Any]) -> Extent:
    """The extent of (3, N) finite positions."""
    n = xyz.shape[1]
    low, high = (xyz.min(1), xyz.max(1)) if n else (np.zeros(3), np.zeros(3))
    return Extent(n, low.astype(np.float64), high.astype(np.float64), xyz[:, :: stride(n)])


def search(
    extent: Extent, points: Points, points_per_cell: float, origin: npt.NDArray[Any]
) -> tuple[float, bool]:
    """The size whose occupied cells hold most nearly `points_per_cell` points on average.

    Nearest is the mean occupancy that has to be multiplied or divided by least. Of sizes that are equally
    near the largest is taken; where no cells hold as many points as are asked for, the smallest that is
    as large as the cloud.

    Args:
        points: those that `extent` is of.
        points_per_cell: the mean occupancy to aim at, at least 1.
        origin: (3,) a corner of the lattice.

    Returns:
        A size of the ladder; 1 for no points, and for points all in one place unless that is far away.
        And whether smaller cells were wanted, but would have had numbers of more than 51 bits.
    """
    if extent.count == 0:
        return 1.0, False
    reach = float(max(np.abs(extent.low - origin).max(), np.abs(extent.high - origin).max()))
    finest = max(math.ceil(rungs(math.frexp(reach)[1] - 50)), SMALLEST)
    if (extent.low == extent.high).all():
        return rung(max(0, finest)), False
    # From here on all cells have the numbers 0 and -1.
    coarsest = min(max(math.ceil(rungs(math.frexp(reach)[1])) + 1, finest + 1), LARGEST)
    counts = _Counts(extent, points, origin, finest, coarsest, extent.count / points_per_cell)
    wanted = counts.wanted
    if wanted <= 8 and counts.exactly(coarsest) >= wanted:  # as many as corners meet
        fewest = counts.exactly(coarsest)
        half = max(float((extent.high / 2 - extent.low / 2).max()), 1e-307)  # the whole may be infinite
        counts.finest = min(max(finest, math.ceil(rungs(math.log2(half) + 1))), coarsest)
        low, high = counts.crossing(fewest + 1, coarsest)
        return rung(_nearest(counts, fewest, low, high, largest=False)), False
    low, high = counts.crossing(wanted, counts.guess())
    if low < finest:
        wanted = counts.exactly(finest)
        if points.distinct(occupancy.name_positions) > wanted:
            return rung(finest), True
        low, high = counts.crossing(wanted, high)
    return rung(_nearest(counts, wanted, low, high, largest=True)), False


class _Counts:
    """How many cells are occupied at each rung, counted as exactly as need be and once.

    Attributes:
        wanted: how many there should be.
        finest, coarsest: rungs to look at.
    """

    def __init__(
        self,
        extent: Extent,
        points: Points,
        origin: npt.NDArray[Any],
        finest: int,
        coarsest: int,
        wanted: float,
    ) -> None:
        self.wanted, self.finest, self.coarsest = wanted, finest, coarsest
        self.every = _PART if extent.count > _MANY else 1
        self._extent, self._points, self._origin = extent, points, origin
        room = extent.count // 8 + (4 << 20)
        self._slots = 1 << min(max(16, math.ceil(math.log2(8 * wanted))), room.bit_length() - 1)
        self._bounds: dict[int, tuple[int, int]] = {}
        self._in_part: dict[int, int] = {}

    def bounds(self, i: int) -> tuple[int, int]:
        """The least and the most that there may be at a rung."""
        if i not in self._bounds:
            self._bounds[i] = occupancy.roughly_distinct(self._points, self._name(i), self._slots)
        return self._bounds[i]

    def exactly(self, i: int) -> int:
        least, most = self._bounds.get(i, (0, 1))
        if least < most:
            least = self._points.distinct(self._name(i))
            self._bounds[i] = least, least
        return least

    def in_part(self, i: int) -> int:
        """How many a part of the points is known to be in; all points are in no fewer."""
        if i not in self._in_part:
            found = occupancy.roughly_distinct(self._points, self._name(i), self._slots, self.every)
            self._in_part[i] = found[0]
        return self._in_part[i]

    def crossing(self, number: float, guess: int) -> tuple[int, int]:
        """A rung with at least so many and the next, which has fewer.

        The first is below the finest rung where that has fewer already; the coarsest always has.
        """

        def excess(i: int) -> float:
            least, most = self.bounds(i)
            if least < number <= most:
                least = most = self.exactly(i)
            return math.log2(max(least, 1) / number)

        return _crossing(excess, guess, self.finest - 1, self.coarsest)

    def guess(self) -> int:
        """The rung that some of the points suggest."""
        some = self._extent.some
        if self.every > 1:
            some = some[:, ::4]
        ends = self.finest - 1, self.coarsest

        def excess(i: int, number: float) -> float:
            return math.log2(occupancy.count_distinct([self._name(i)(some)]) / number)

        settled = min(self.wanted, some.shape[1] / 8)  # in cells of so many points few were overlooked
        if some.shape[1] == self._extent.count:
            settled = self.wanted
        i = _crossing(lambda i: excess(i, settled), self.coarsest - 40, *ends)[0]
        if i < self.finest or settled == self.wanted:
            return i
        octave = round(rungs(1))
        power = min(max(excess(i, 1) - excess(i + octave, 1), 1.0), 3.0)
        i -= round(rungs(math.log2(self.wanted / settled) / power))
        if self.every == 1:
            return i
        seen = -math.expm1(-0.4 * self._extent.count / self.every / self.wanted)
        return _crossing(lambda i: math.log2(self.in_part(i) / (seen * self.wanted)), i, *ends)[0]

    def _name(self, i: int) -> occupancy.Naming:
        size = rung(i)
        span = cells.lattice_span(self._extent.low, self._extent.high, size, self._origin)
        return occupancy.name_cells(size, self._origin, span)


def _crossing(excess: Callable[[int], float], guess: int, low: int, high: int) -> tuple[int, int]:
    """Neighbouring rungs, of which the first exceeds something and the next does not.

    Args:
        excess: by how many doublings a rung does, from 0 on; below 0 it does not.
        guess: where to look first.
        low, high: rungs that are taken to be such, and not asked.
    """
    at, run = guess, 0
    while high - low > 1:
        at = min(max(at, low + 1), high - 1)
        found = excess(at)
        low, high = (at, high) if found >= 0 else (low, at)
        run = max(run, 0) + 1 if found >= 0 else min(run, 0) - 1
        step = max(1, round(rungs(abs(found) / _SURFACE)), 2 ** abs(run) // 4)
        at += step if found >= 0 else -step
        if not low < at < high:
            at = (low + high) // 2
    return low, high


def _nearest(counts: _Counts, wanted: float, low: int, high: int, *, largest: bool) -> int:
    """The rung with the number of cells nearest to one, looked for from neighbouring rungs on."""

    def missed(number: int) -> float:
        return abs(math.log(number / wanted))

    def most_missed(i: int) -> float:
        return max(missed(bound) for bound in counts.bounds(i))

    def least_missed(i: int) -> float:
        least, most = counts.bounds(i)
        return 0.0 if least <= wanted <= most else min(missed(least), missed(most))

    def too_far(i: int, *, finer: bool) -> bool:
        """Whether a rung misses by too much, and therefore its divisors or its multiples too."""
        bound = counts.bounds(i)[0 if finer else 1]
        if bound < wanted if finer else bound > wanted:
            return False
        off = missed(bound)
        return off > best or (off == best and finer == largest)

    def too_far_in_part(i: int, *, finer: bool) -> bool:
        # The smaller the cells, the fewer of them a part of the points is in.
        likely: float = counts.in_part(i) / share
        if finer:
            return likely > wanted * math.exp(best) * _MARGIN
        return likely * _MARGIN < wanted * math.exp(-best)

    def look_at(i: int) -> float:
        least, most = counts.bounds(i)
        if least <= wanted <= most:
            counts.exactly(i)
        looked_at.add(i)
        return min(best, most_missed(i))

    looked_at: set[int] = set()
    best = math.inf  # the nearest misses by no more
    for i in (low, high):
        if i >= counts.finest:
            best = look_at(i)
    share = counts.in_part(high) / counts.bounds(high)[0] if counts.every > 1 else 1.0
    for start, step in ((low, -1), (high, 1)):
        out: set[int] = set()
        i, in_a_row, finer = start, 0, step < 0
        while in_a_row < len(SIZES) and counts.finest <= i <= counts.coarsest:
            ruled_out = any(divides(*sorted((i, j))) for j in out)
            if not ruled_out and counts.every > 1 and i not in looked_at:
                ruled_out = too_far_in_part(i, finer=finer)
            if not ruled_out:
                best = look_at(i)
                ruled_out = too_far(i, finer=finer)
            if ruled_out:
                out.add(i)
            in_a_row = in_a_row + 1 if ruled_out else 0
            i += step
    near = [i for i in looked_at if least_missed(i) <= best]
    if len(near) > 1:
        off = {i: missed(counts.exactly(i)) for i in near}
        near = [i for i in near if off[i] == min(off.values())]
    return max(near) if largest else min(near)
