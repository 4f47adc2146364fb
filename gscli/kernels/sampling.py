"""How far off estimates from a random sample are: standard errors, drawn without replacement.

By W. G. Cochran, Sampling Techniques (1977), chapter 2; that of a share after E. B. Wilson (1927), and
that of a quantile after R. S. Woodruff (1952), both for one standard error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from .metrics import power_sum, quantiles, root_mean_square

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Sample:
    """How many were asked of how many."""

    asked: int
    of: int

    @property
    def left(self) -> float:
        """The share that was not asked, which all errors are due to."""
        return 1.0 - self.asked / self.of


def of_mean(values: Array, sample: Sample) -> float | None:
    """Of the mean of (N,) values that were asked, all or some of a sample; None for fewer than 2."""
    if len(values) < 2:
        return None
    spread = power_sum(values - power_sum(values) / len(values), 2) / (len(values) - 1)
    return math.sqrt(spread * sample.left / len(values))


def of_rms(values: Array, sample: Sample) -> float | None:
    """Of their root mean square, as of its square; None for fewer than 2."""
    rms, error = root_mean_square(values), of_mean(values**2, sample)
    if rms is None or error is None:
        return None
    return error / (2 * rms) if rms > 0 else 0.0


def of_share(number: int, sample: Sample) -> float:
    """Of the share of a sample that so many are.

    Half of Wilson's interval for one standard error. While any were not asked, it is not 0 where none are or
    all.
    """
    if not sample.left:
        return 0.0
    share, effective = number / sample.asked, sample.asked * (sample.of - 1) / (sample.of - sample.asked)
    return math.sqrt(share * (1 - share) / effective + 0.25 / effective**2) / (1 + 1 / effective)


def of_quantile(values: Array, share: float, sample: Sample) -> float | None:
    """Of a quantile of (N,) values: half of what lies within one standard error of its share.

    None where that goes beyond what was asked.
    """
    error = math.sqrt(share * (1 - share) * sample.left / len(values))
    if len(values) < 2 or not error <= share <= 1 - error:
        return None
    low, high = quantiles(values, (share - error, share + error))
    return (high - low) / 2
