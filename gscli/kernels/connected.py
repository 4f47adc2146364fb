"""Which cells of a lattice hang together: those that touch, by a face, an edge or a corner, and so on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_AHEAD = [
    step for step in product((-1, 0, 1), repeat=3) if step > (0, 0, 0)
]  # one of each pair of neighbours


def connected(cells: Array) -> npt.NDArray[np.int64]:
    """The group of each cell.

    Args:
        cells: (C, 3) int64 lattice coordinates, each cell once, in lexicographic order.

    Returns:
        (C,) the number of the first cell of its group: cells that touch have the same.
    """
    group = np.arange(len(cells))
    edges = [np.stack(pair) for pair in _touching(cells)]
    if not edges:
        return group
    one, other = np.concatenate(edges, axis=1)
    while True:
        a, b = group[one], group[other]
        apart = a != b
        if not apart.any():
            return group
        one, other, a, b = one[apart], other[apart], a[apart], b[apart]
        np.minimum.at(group, np.maximum(a, b), np.minimum(a, b))  # the first cell of a group joins another
        while not np.array_equal(further := group[group], group):
            group = further


def _touching(cells: Array) -> Iterator[tuple[Array, Array]]:
    """Pairs of cells that touch, each once: the rows of the ones and of the others.

    Coordinates become places among those of their axis, which fit in a word however far apart they are.
    """
    axes = [np.unique(column) for column in cells.T]
    places = [np.searchsorted(axis, column) for axis, column in zip(axes, cells.T, strict=True)]
    pair = places[0] * len(axes[1]) + places[1]
    pairs = np.unique(pair)
    keys = np.searchsorted(pairs, pair) * len(axes[2]) + places[2]
    steps = [
        [_beside(axis, place, step) for step in (-1, 0, 1)] for axis, place in zip(axes, places, strict=True)
    ]
    for dx, dy, dz in _AHEAD:
        x, y, z = steps[0][dx + 1], steps[1][dy + 1], steps[2][dz + 1]
        wanted = np.where((x < 0) | (y < 0), -1, x * len(axes[1]) + y)
        at = _found(pairs, wanted)
        target = _found(keys, np.where((at < 0) | (z < 0), -1, at * len(axes[2]) + z))
        rows = np.flatnonzero(target >= 0)
        if len(rows):
            yield rows, target[rows]


def _beside(axis: Array, place: Array, step: int) -> Array:
    """The place of the coordinate a step further on, -1 where there is none."""
    return place if step == 0 else _found(axis, axis + step)[place]


def _found(values: Array, wanted: Array) -> Array:
    """Where among ascending values some are, -1 where they are not."""
    at = np.minimum(np.searchsorted(values, wanted), len(values) - 1)
    found: Array = np.where(values[at] == wanted, at, -1)
    return found
