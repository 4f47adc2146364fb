"""How numbers are spread: moments, quantiles and a histogram, from one sort."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

PERCENTS = (1, 5, 25, 50, 75, 95, 99)
BINS = 16
LARGE = 500  # powers of two whose squares leave little room to be added up


@dataclass(frozen=True)
class Distribution:
    """Numbers, in the unit that they have; None where none is finite.

    Attributes:
        count: how many are finite. nan, infinite: how many are not, and count for nothing else.
        deviation: root of the mean squared distance to the mean, over all of them, not over one less.
        quantiles: those of `PERCENTS`, linear between the two nearest: type 7 of Hyndman and Fan, "Sample
            quantiles in statistical packages", The American Statistician 50, 1996.
        edges: from the first quantile to the last, or where these are equal from the least number to the
            largest. histogram: how many are in each of `BINS` equal bins between the edges; the outer ones
            also hold what lies beyond.
    """

    count: int
    nan: int
    infinite: int
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    deviation: float | None = None
    quantiles: tuple[float, ...] | None = None
    edges: tuple[float, float] | None = None
    histogram: tuple[int, ...] | None = None

    @property
    def by_percent(self) -> dict[int, float]:
        """The quantiles by their percents; none where there are none."""
        return dict(zip(PERCENTS, self.quantiles or (), strict=self.quantiles is not None))

    def to_dict(self) -> dict[str, Any]:
        """Its part of a JSON document."""
        quantiles = {str(percent): value for percent, value in self.by_percent.items()}
        return {**asdict(self), "quantiles": quantiles or None}


def distribution(values: Array) -> Distribution:
    """How numbers are spread.

    Args:
        values: (N,) of any type of numbers, which are taken as float64.
    """
    finite = np.isfinite(values)
    nan, count = int(np.count_nonzero(np.isnan(values))), int(np.count_nonzero(finite))
    beyond = len(values) - count - nan
    if not count:
        return Distribution(0, nan, beyond)
    ordered = np.sort(values if count == len(values) else values[finite]).astype(np.float64)
    shift = max(0, math.frexp(max(-ordered[0], ordered[-1]))[1] - LARGE)
    ordered = np.ldexp(ordered, -shift)
    mean = ordered[0] + (ordered - ordered[0]).mean()  # which is exact where all are equal
    most_apart = (ordered[-1] - ordered[0]) / 2  # Popoviciu's bound, which rounding may pass
    deviation = min(math.sqrt(float(np.square(ordered - mean).mean())), most_apart)
    quantiles = [_at(ordered, (count - 1) * percent / 100) for percent in PERCENTS]
    low, high = quantiles[0], quantiles[-1]
    if low == high:
        low, high = float(ordered[0]), float(ordered[-1])
    cuts = np.searchsorted(ordered, np.linspace(low, high, BINS + 1)[1:-1])
    told = (ordered[0], ordered[-1], mean, deviation, *quantiles, low, high)
    least, most, mean, deviation, *quantiles, low, high = np.ldexp(told, shift).tolist()
    return Distribution(
        count,
        nan,
        beyond,
        least,
        most,
        mean,
        deviation,
        tuple(quantiles),
        (low, high),
        tuple(np.diff(cuts, prepend=0, append=count).tolist()),
    )


def _at(ordered: Array, place: float) -> float:
    """The number at a place between two rows."""
    row = int(place)
    here, next_one = float(ordered[row]), float(ordered[min(row + 1, len(ordered) - 1)])
    return here + (next_one - here) * (place - row)
