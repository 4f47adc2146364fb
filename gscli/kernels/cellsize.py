"""A cell size for users who gave none: the round number whose cells hold about 20 points each.

Sizes come from a ladder of 20 steps a decade (0.05, 0.056, 0.063, ...), so that scenes of one kind get
the same size and a size can be read and typed. One step changes the occupancy of a surface by a quarter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
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
_LEVELS = 21  # powers of two counted at once: three axes of 21 bits fill a word


def rung(i: int) -> float:
    """The i-th size of the ladder: 1 for 0, 10 for 20."""
    decade, step = divmod(i, len(_LADDER))
    return float(f"{_LADDER[step]}e{decade}")


@dataclass(frozen=True)
class Extent:
    """What the search for a size knows of a cloud besides how many cells it occupies.

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
    extent: Extent,
    count: Callable[[int], npt.NDArray[np.float64]],
    points_per_cell: float,
    origin: npt.NDArray[Any],
) -> tuple[float, bool]:
    """The size whose occupied cells hold most nearly `points_per_cell` points on average.

    Cells are counted at sizes that are powers of two, and the occupancy in between is interpolated on
    logarithmic axes.

    Args:
        count: gives `count_cells` of the cloud's `codes` for an exponent.
        points_per_cell: the mean occupancy to aim at, at least 1.
        origin: (3,) a corner of the lattice.

    Returns:
        A size of the ladder; 1 for no points, and for points all in one place unless that is far away.
        And whether smaller cells were wanted, but would have had numbers of more than 51 bits.
    """
    if extent.count == 0:
        return 1.0, False
    reach = float(max(np.abs(extent.low - origin).max(), np.abs(extent.high - origin).max()))
    side = float((extent.high - extent.low).max())
    finest = _exponent(reach) - 50  # cell numbers stay below 2^51
    if side == 0.0:
        return rung(max(0, _nearest_rung(finest))), False
    coarsest = max(finest, _exponent(side) + 1)
    start = max(finest, _exponent(_middle_spread(extent.some)) - 11)
    while True:
        occupancy = extent.count / count(start)
        level = int(np.searchsorted(occupancy, points_per_cell, side="right")) - 1
        if level < 0 and start > finest:
            start = max(finest, start - _LEVELS + 1)
        elif level == _LEVELS - 1 and start + level < coarsest:
            start += _LEVELS - 1
        else:
            break
    if level < 0:
        return rung(_nearest_rung(start)), True
    if start + level >= coarsest:
        return rung(_nearest_rung(coarsest)), False
    below, above = np.log(occupancy[level : level + 2])
    exponent = start + level + (math.log(points_per_cell) - below) / (above - below)
    return rung(_nearest_rung(exponent)), False


def codes(xyz: npt.NDArray[Any], exponent: int, origin: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """The Morton codes of the cells of size 2^exponent that (3, N) positions are in.

    Cell numbers wrap around at 2^21, so that a few points far away cannot spoil the count.
    """
    n = xyz.shape[1]
    out = np.empty(n, np.uint64)
    size = math.ldexp(1.0, exponent)

    def encode(part: slice) -> None:
        code = np.zeros(part.stop - part.start, np.uint64)
        for axis in range(3):
            cell = np.floor((xyz[axis, part].astype(np.float64) - origin[axis]) / size)
            code |= _spread(cell.astype(np.int64).view(np.uint64)) << np.uint64(axis)
        out[part] = code

    parallel.for_each(encode, parallel.blocks(n))
    return out


def count_cells(ranges: Iterable[npt.NDArray[np.uint64]]) -> npt.NDArray[np.float64]:
    """How many cells of 21 sizes are occupied, each twice as large as the one before.

    Where the sorted codes of neighbours first differ tells at which sizes they part.

    Args:
        ranges: the `codes` of all points at the first size: in one array, or in several, each of whose
            codes lie above those of the one before. Within an array they may be reordered.

    Returns:
        (21,) float64 counts, falling.
    """
    parting = np.zeros(3 * _LEVELS + 2, np.int64)
    last = np.empty(0, np.uint64)
    for found in ranges:
        ordered = parallel.sort(found)
        parting += _partings(np.concatenate([last, ordered[:1]]))
        for part in parallel.blocks(len(ordered) - 1):
            parting += _partings(ordered[part.start : part.stop + 1])
        last = ordered[-1:].copy()
    at_least = parting[::-1].cumsum()[::-1]
    counts: npt.NDArray[Any] = 1.0 + at_least[1 : 3 * _LEVELS : 3]
    return counts


def _partings(ordered: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """How many neighbours differ in no bit, in the lowest bit at most, in the lowest two, ..."""
    differing = ordered[:-1] ^ ordered[1:]
    # The exponent of a float is the number of bits of an integer.
    bits = np.frexp(differing.astype(np.float64))[1]
    return np.bincount(bits, minlength=3 * _LEVELS + 2)


def _spread(cells: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The low 21 bits with two zero bits between any two."""
    bits = cells & np.uint64(0x1FFFFF)
    for shift, mask in (
        (32, 0x1F00000000FFFF),
        (16, 0x1F0000FF0000FF),
        (8, 0x100F00F00F00F00F),
        (4, 0x10C30C30C30C30C3),
        (2, 0x1249249249249249),
    ):
        bits = (bits | (bits << np.uint64(shift))) & np.uint64(mask)
    return bits


def _middle_spread(some: npt.NDArray[Any]) -> float:
    """The second longest side of the box around the middle four fifths of some points."""
    some = np.sort(some.astype(np.float64), axis=1)
    last = some.shape[1] - 1
    spreads = np.sort(some[:, last * 9 // 10] - some[:, last // 10])
    return float(spreads[1] or spreads[2])


def _exponent(length: float) -> int:
    """The power of two just above a length."""
    return math.frexp(length)[1] if length > 0 else -1021


def _nearest_rung(exponent: float) -> int:
    """The rung nearest to 2^exponent."""
    return round(exponent * len(_LADDER) * math.log10(2.0))
