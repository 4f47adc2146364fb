"""A cell size for users who gave none: the round number whose cells hold about 20 points each.

Larger cells may be more: a floor that lies on a wall of the lattice is cut in two, and at the next size it
is not. So cells are counted at every size that could be the nearest, and every other is ruled out: each
cell of a multiple of a size holds whole cells of that size, so that multiples never have more.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from .cell_names import name_positions
from .extent import Extent
from .ladder import LARGEST, SIZES, SMALLEST, divides, rung, rungs
from .occupancy import Points
from .rung_counts import RungCounts

_MARGIN = 1.15  # a part of the points may be wrong by this factor


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
    counts = RungCounts(extent, points, origin, finest, coarsest, extent.count / points_per_cell)
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
        if points.distinct([name_positions])[0] > wanted:
            return rung(finest), True
        low, high = counts.crossing(wanted, high)
    return rung(_nearest(counts, wanted, low, high, largest=True)), False


def _nearest(counts: RungCounts, wanted: float, low: int, high: int, *, largest: bool) -> int:
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
        counts.look_at(near)
        off = {i: missed(counts.exactly(i)) for i in near}
        near = [i for i in near if off[i] == min(off.values())]
    return max(near) if largest else min(near)
