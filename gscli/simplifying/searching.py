"""The fewest rows with which a scene still looks as much like itself as was asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

from ..errors import GateMissed
from .judging import Judged
from .result import Searched

OCTAVE = 3.0  # dB that half as many rows lose, before two counts tell
FIRST = 4  # the first count that is tried is this part of all
CLOSE = 100  # parts of a count: what is found is less than one of them above what falls short
LEAST = 0.05  # octaves that a step beyond what is known takes, and twice as many each time
MOST = 64.0  # octaves to anywhere
INWARD = 0.1  # of the logarithms between two counts, which the next one is from either

Made = TypeVar("Made")


def figure(judged: Judged) -> float:
    """The PSNR that counts: of the pixels that show anything, the less of that on black and that on white."""
    both = (judged.psnr.foreground, judged.on_white.foreground)
    return min((number for number in both if number is not None), default=math.inf)


def fewest(
    total: int, wanted: float, make: Callable[[int], tuple[Made, Judged]], name: str
) -> tuple[Made, Judged, Searched]:
    """The fewest rows that look so much like all of them, by bisection.

    PSNR falls about as the logarithm of the count does, so that is where lines are drawn to guess at the
    next. It need not fall everywhere: what is found is one count that will do, less than a hundredth above
    one that will not.

    Args:
        total: how many rows there are. wanted: PSNR in dB, see `figure`.
        make: what is made of so many rows, and how it looks.
        name: what messages call the scene.

    Returns:
        What was made of so many, how it looks, and how it was found.

    Raises:
        GateMissed: none fewer than all.
    """
    low, below = 0, -math.inf  # falls short
    high, above = total, math.inf  # will do
    best: tuple[Made, Judged] | None = None
    tried = in_a_row = 0
    while high - low > max(1, low // CLOSE):
        count = _guess(low, below, high, above, wanted, in_a_row)
        made = make(count)
        tried += 1
        reached = figure(made[1])
        if reached >= wanted:
            in_a_row = max(in_a_row, 0) + 1
            high, above, best = count, reached, made
        else:
            in_a_row = min(in_a_row, 0) - 1
            low, below = count, reached
        del made  # before the next one is
    if best is None:
        tells = f"with {low:,} of {total:,} left it is {below:.1f} dB" if tried else f"there is {total:,}"
        raise GateMissed(
            f"looks less like itself than `min_psnr` {wanted:g} with any fewer Gaussians: {tells}",
            path=name,
            remedy="ask for less",
        )
    told = (low, below) if low else (None, None)
    return *best, Searched(wanted, above if math.isfinite(above) else None, tried, *told)


def _guess(low: int, below: float, high: int, above: float, wanted: float, in_a_row: int) -> int:
    """A count between two, the first of which falls short (0 if none is known to) and the second will do.

    Args:
        below, above: their PSNR; infinite where it is not known, or nothing differs.
        in_a_row: how many counts in a row would do, or, below 0, fell short.
    """
    if math.isinf(below) and math.isinf(above):
        count = high / FIRST if in_a_row == 0 else math.sqrt(max(low, 1) * high)
    elif math.isinf(below):
        count = high / 2 ** min(max((above - wanted) / OCTAVE, LEAST * 2**in_a_row), MOST)
    elif math.isinf(above):
        count = low * 2 ** min(max((wanted - below) / OCTAVE, LEAST * 2**-in_a_row), MOST)
    else:
        part = 0.5 if abs(in_a_row) > 2 else (wanted - below) / (above - below)
        part = min(max(part, INWARD), 1 - INWARD)
        count = low * (high / low) ** part
    return min(max(round(count), low + 1), high - 1)
