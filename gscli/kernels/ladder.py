"""Round sizes: a ladder of 20 steps a decade (0.05, 0.056, 0.063, ...), each an eighth above the last.

Scenes of one kind get the same size from it, and a size can be read and typed. One step changes the
number of points in a cell of a surface by a quarter.
"""

from __future__ import annotations

import math

SIZES = (
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
SMALLEST, LARGEST = -6140, 6160  # rungs that float64 holds, 1e-307 and 1e308


def rung(i: int) -> float:
    """The i-th size of the ladder: 1 for 0, 10 for 20."""
    decade, step = divmod(i, len(SIZES))
    return float(f"{SIZES[step]}e{decade}")


def below(size: float) -> float:
    """The size of the ladder that comes before one of its sizes."""
    return rung(round(len(SIZES) * math.log10(size)) - 1)


def divides(i: int, j: int) -> bool:
    """Whether the size of rung j is a multiple of that of rung i."""
    (decade, step), (finer, part) = divmod(j, len(SIZES)), divmod(i, len(SIZES))
    larger = round(100 * SIZES[step]) * int(10 ** (decade - finer))
    return larger % round(100 * SIZES[part]) == 0


def rungs(octaves: float) -> float:
    """How many rungs so many doublings climb."""
    return octaves * len(SIZES) * math.log10(2.0)
