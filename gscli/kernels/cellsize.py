"""A cell size for users who gave none: the round number whose cells hold about 20 points each.

Sizes come from a ladder of 20 steps a decade (0.05, 0.056, 0.063, ...), so that scenes of one kind get
the same size and a size can be read and typed. One step changes the occupancy of a surface by a quarter.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from . import parallel

_LADDER = (
    1.0,
    1.1,
    1.25,
    1.4,
    1.6,
    1.8,
    2.0,
    2.2,
    2.5,
    2.8,
    3.2,
    3.6,
    4.0,
    4.5,
    5.0,
    5.6,
    6.3,
    7.1,
    8.0,
    9.0,
)
_FINEST, _COARSEST = -20 * 45, 20 * 45  # rungs: 1e-45 to 1e45 scene units
_ROUGH = 1 << 18  # points that are enough for a first guess


def rung(i: int) -> float:
    """The i-th size of the ladder: 1 for 0, 10 for 20."""
    decade, step = divmod(i, len(_LADDER))
    return float(f"{_LADDER[step]}e{decade}")


def choose(xyz: npt.NDArray[Any], points_per_cell: float, origin: npt.NDArray[Any]) -> float:
    """The size whose occupied cells hold most nearly `points_per_cell` points on average.

    Args:
        xyz: (3, N) finite positions.
        points_per_cell: the mean occupancy to aim at, above 0.
        origin: (3,) a corner of the lattice.

    Returns:
        A size of the ladder; 1 for no points, and for points all in one place unless that is far away.
    """
    n = xyz.shape[1]
    if n == 0:
        return 1.0
    low_corner, high_corner = xyz.min(1).astype(np.float64), xyz.max(1).astype(np.float64)
    extent = float((high_corner - low_corner).max())
    reach = float(max(np.abs(low_corner - origin).max(), np.abs(high_corner - origin).max()))
    finest = _rung_below(reach) - 20 * 15  # cell numbers stay near 1e15, well below 2^53
    if extent == 0.0:
        return rung(max(0, finest))
    sample = np.ascontiguousarray(xyz[:, :: max(1, n // _ROUGH)])
    center = np.median(sample[:, :: max(1, sample.shape[1] // 4096)].astype(np.float64), axis=1)
    low = max(_FINEST, finest, _rung_below(extent) - 20 * 12)  # finer than 1e-12 of the extent is noise
    high = min(_COARSEST, _rung_below(extent) + 2)
    start = _rung_below(_middle_spread(sample) * math.sqrt(points_per_cell / n))
    if sample.shape[1] < n:
        # Cells of a thinned cloud hold proportionally fewer points, as long as few run empty.
        aim = max(1.5, points_per_cell * sample.shape[1] / n)
        start = _closest_rung(sample, aim, start, low, high, center, origin)
    return rung(_closest_rung(xyz, points_per_cell, start, low, high, center, origin))


def _closest_rung(
    xyz: npt.NDArray[Any],
    points_per_cell: float,
    start: int,
    low: int,
    high: int,
    center: npt.NDArray[Any],
    origin: npt.NDArray[Any],
) -> int:
    """Search [low, high] from `start` for two neighbouring rungs that bracket the occupancy."""
    n = int(xyz.shape[1])
    cells_wanted = min(1 << 21, math.ceil(n / max(points_per_cell, 1e-9)))
    table = np.empty(1 << max(12, (8 * cells_wanted).bit_length()), bool)

    def occupancy(i: int) -> float:
        return n / _count_cells(xyz, rung(i), center, origin, table)

    below, above = low - 1, high + 1  # the best rungs known with too few and with enough points a cell
    few, enough = 0.0, math.inf
    i, stride = min(max(start, low), high), 1
    while above - below > 1:
        found = occupancy(i)
        if found < points_per_cell:
            below, few = i, found
        else:
            above, enough = i, found
        # Occupancy grows by a factor of 10 over 10 rungs of a surface: step to where that leads, and
        # by twice as much each time, lest a flat stretch be walked rung by rung.
        step = round(10 * math.log10(points_per_cell / found))
        step = max(step, stride) if found < points_per_cell else min(step, -stride)
        if low <= below and above <= high and not below < i + step < above:
            step = (below + above) // 2 - i
        i, stride = min(max(i + step, below + 1), above - 1), 2 * stride
    if below < low:
        return above
    if above > high:
        return below
    return above if enough / points_per_cell < points_per_cell / few else below


def _middle_spread(xyz: npt.NDArray[Any]) -> float:
    """The second longest side of the box around the middle four fifths of the points."""
    some = np.sort(xyz[:, :: max(1, xyz.shape[1] // 4096)].astype(np.float64), axis=1)
    last = some.shape[1] - 1
    spreads = np.sort(some[:, last * 9 // 10] - some[:, last // 10])
    return float(spreads[1])


def _rung_below(size: float) -> int:
    return math.floor(20 * math.log10(size)) if size > 0 else _FINEST


def _count_cells(
    xyz: npt.NDArray[Any],
    size: float,
    center: npt.NDArray[Any],
    origin: npt.NDArray[Any],
    table: npt.NDArray[Any],
) -> float:
    """Estimate how many cells are occupied, by linear counting (Whang et al. 1990): error about 0.1 %.

    Cells are found in float32 about the middle of the cloud: an estimate may misplace a point.
    """
    table[:] = False
    bits = len(table).bit_length() - 1
    shift = (center - origin) / size
    shift -= np.floor(shift)
    scale = np.float32(min(1.0 / size, 3e38))
    primes = (np.uint32(0x9E3779B1), np.uint32(0x85EBCA77), np.uint32(0xC2B2AE3D))

    def mark(part: slice) -> None:
        word = np.zeros(part.stop - part.start, np.uint32)
        for axis in range(3):
            x = (xyz[axis, part] - xyz.dtype.type(center[axis])).astype(np.float32, copy=False)
            with np.errstate(over="ignore"):
                x *= scale
            x += np.float32(shift[axis])
            np.floor(x, out=x)
            if max(-x.min(), x.max()) >= 2.0e9:
                np.clip(x, -2.0e9, 2.0e9, out=x)
            word = (word ^ (word >> np.uint32(15))) + x.astype(np.int32).view(np.uint32)
            word *= primes[axis]
        table[word >> np.uint32(32 - bits)] = True

    parallel.for_each(mark, parallel.blocks(xyz.shape[1]))
    free = max(1, len(table) - int(np.count_nonzero(table)))
    return float(len(table) * math.log(len(table) / free))
