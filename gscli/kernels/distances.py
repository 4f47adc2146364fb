"""Squared distances between points, taken directly: no expansion, no loss by cancellation.

The one definition of distance in gscli. NumPy arrays and torch tensors go through the same source;
each operation rounds once, so that both give the same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..device import is_torch


def squared_distances(a: Any, b: Any) -> Any:
    """Return dx * dx + dy * dy + dz * dz in float64, added in that order.

    Args:
        a: (..., 3) float64.
        b: (..., 3) float64, of a shape that broadcasts with that of `a`.

    Returns:
        (...) float64.
    """
    total = a[..., 0] - b[..., 0]
    total *= total
    for axis in (1, 2):
        step = a[..., axis] - b[..., axis]
        step *= step
        total += step
    return total


def square_roots(squared: Any) -> Any:
    """The correctly rounded square root of each of (N,) float64, in kind.

    torch takes roots on a CPU by a vector library that may be off by one unit in the last place.
    """
    if is_torch(squared):
        import torch

        return torch.from_numpy(np.sqrt(squared.numpy())) if squared.is_cpu else squared.sqrt()
    return np.sqrt(squared)


def nearest_by_trial(queries: Any, targets: Any, tile: int = 1 << 12) -> tuple[Any, Any]:
    """Try every pair: the definition that every other search is held to.

    Args:
        queries: (Q, 3) float64; the caller bounds Q * `tile`, the pairs held at a time.
        targets: (T, 3) float64, T > 0.
        tile: how many targets to try at a time.

    Returns:
        (Q,) float64, the least squared distance of each query; (Q,) int64, the lowest row of
        `targets` at that distance.
    """
    best: Any = None
    rows: Any = None
    for left in range(0, len(targets), tile):
        part = targets[left : left + tile]
        row = squared_distances(queries[:, None], part[None]).argmin(axis=1)
        squared = squared_distances(queries, part[row])
        if best is None:
            best, rows = squared, row
        else:
            better = squared < best  # strictly: an earlier tile has the lower rows
            best[better] = squared[better]
            rows[better] = row[better] + left
    return best, rows
