"""Numbers that describe many distances at once. Sums run block by block, in row order, in float64."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import hashing
from .parallel import blocks

Array = npt.NDArray[Any]

BORDER = 4 * np.finfo(np.float64).eps  # relative: a root this near a threshold does not settle its square


def power_sum(values: Array, power: int = 1) -> float:
    """Sum of values, or of their squares (`power` 2)."""
    parts = (values[block] for block in blocks(len(values)))
    return float(sum(float(np.sum(part if power == 1 else part * part, dtype=np.float64)) for part in parts))


def root_mean_square(values: Array) -> float | None:
    """Of (N,) values; None if there are none."""
    return math.sqrt(power_sum(values, 2) / len(values)) if len(values) else None


def quantiles(values: Array, shares: Sequence[float], *, reorder: bool = False) -> list[float]:
    """Quantiles, interpolated linearly between order statistics (type 7 of Hyndman and Fan 1996).

    Args:
        values: (N,), N > 0.
        shares: 0 to 1.
        reorder: whether `values` may be left in another order, which saves a copy.
    """
    return [float(q) for q in np.quantile(values, shares, overwrite_input=reorder)]


def within(distances: Array, threshold: float, squared_at: Callable[[Array], Array]) -> Array:
    """Which distances are less than a threshold, decided on squared distances: d^2 < t^2.

    A square root may round up to the threshold where the square is still below that of the
    threshold, so distances at the border are judged by their squares.

    Args:
        distances: (Q,) float64, square roots.
        threshold: t.
        squared_at: the (K,) squared distances of the queries at (K,) indices.

    Returns:
        (Q,) bool.
    """
    matched: Array = distances < threshold
    for block in blocks(len(distances)):
        border = block.start + np.flatnonzero(np.abs(distances[block] - threshold) <= BORDER * threshold)
        if len(border):
            matched[border] = squared_at(border) < threshold * threshold
    return matched


def sample(count: int, wanted: int, seed: int) -> Array:
    """A simple random sample of rows: the same for the same seed on every machine.

    Args:
        count: rows to choose among.
        wanted: rows to choose; all of them where there are no more.
        seed: 0 to 2^64 - 1.

    Returns:
        (min(count, wanted),) int64, ascending; every subset of that size is equally likely, up to
        32-bit keys that are equal (the lower row goes first).
    """
    if wanted >= count:
        return np.arange(count)
    word = hashing.stream(seed, 0, "sample", hashing.KEY)
    keys = np.empty(count, np.uint32)
    for block in blocks(count):
        keys[block] = hashing.row_keys(np.arange(block.start, block.stop, dtype=np.uint64), word)
    last = np.partition(keys, wanted - 1)[wanted - 1]
    below = np.flatnonzero(keys < last)
    return np.sort(np.concatenate((below, np.flatnonzero(keys == last)[: wanted - len(below)])))
