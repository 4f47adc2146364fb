"""Rows that stand for others which were left out: for how many, and what becomes of their opacity."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .elementary import exp, log

Array = npt.NDArray[Any]

SMALL = 1e-5  # below it a few terms of a series are exact, and differences of numbers near 1 are not


def weights(
    kept: npt.NDArray[np.bool_], order: npt.NDArray[Any], offsets: npt.NDArray[np.int64], out: Array
) -> int:
    """Write how many rows of its cell each kept row stands for, itself included: n / k where k of n are kept.

    In survey sampling these are the design weights. They add up to the rows of the cells that keep any.

    Args:
        kept: (rows,) whether a row is.
        order: (M,) rows in sorted-row order. offsets: (C + 1,) where cells begin in it.
        out: (rows,) floats, of which those of kept rows are written.

    Returns:
        How many rows none stands for.
    """
    if not len(order):
        return 0
    chosen = kept[order]
    counts = np.add.reduceat(chosen, offsets[:-1], dtype=np.int64)
    sizes = np.diff(offsets)
    each = (sizes / np.maximum(counts, 1)).astype(out.dtype)
    out[order[np.flatnonzero(chosen)]] = np.repeat(each, counts)
    return int(sizes[counts == 0].sum())


def raised(logits: Array, weights: Array) -> Array:
    """The opacity of one Gaussian that lets through as little as several on top of each other.

    With w of opacity a that is 1 - (1 - a)^w: the inverse of how 3DGS-MCMC shares an opacity out among
    clones (Kheradmand et al. 2024).

    Args:
        logits: (N,) opacities before the sigmoid, of any float type.
        weights: (N,) how many each stands for, 1 at least.

    Returns:
        (N,) float64 logits, which depend on no machine. Infinities and NaN stay.
    """
    x = np.asarray(logits, np.float64)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        small = exp(-np.abs(x))
        depth = np.where(small < SMALL, small * (1 - small * (0.5 - small / 3)), log(1 + small))
        depth = weights * (np.maximum(x, 0.0) + depth)  # -log of what is let through
        thin = np.minimum(depth, SMALL)
        hidden = np.where(depth < SMALL, thin * (1 - thin * (0.5 - thin / 6)), 1 - exp(-depth))
        found: Array = np.where(np.isfinite(x), depth + log(hidden), x)
    return found
