"""What a cloud looks like around places spread over it, however it is turned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

AROUND = 7.0  # cells: how far what is around a place reaches
FLAT = 3.0  # cells: how far the surface reaches that has its normal
SHELLS, BINS = 3, 6  # of distances, and of cosines
STEPS = 24  # of whole numbers up to 1: sums of their squares are exact in any order
COLORS = 4.0  # times a histogram's share: what a difference in colour weighs
CURVED = 2.0
ROWS = 256  # whose distances are held at a time


@dataclass(frozen=True)
class Landmarks:
    """Places spread over a cloud, one a cell, and what is around each.

    Attributes:
        places: (N, 3), the mean of the points of each cell.
        normals: (N, 3) of the surface there, either way round.
        features: (N, F) float32 whole numbers, alike where surroundings are, however those are turned.
    """

    places: Array
    normals: Array
    features: Array

    @classmethod
    def of(cls, xyz: Array, colors: Array | None, cell: float) -> Landmarks:
        """Those of a cloud.

        The angles between normals and what joins places, in shells around each place, after the fast point
        feature histograms of R. B. Rusu, N. Blodow and M. Beetz (2009), but by absolute cosines, so that it
        does not matter which way normals point; how flat it is there; and colours.

        Args:
            xyz: (N, 3). colors: (N, 3) from 0 to 1, or None. cell: the edge of cells.
        """
        number, counts = _cells(xyz, cell)
        places = _means(xyz, number, counts)
        one, other, away = _pairs(places, AROUND * cell)
        flat = away < FLAT * cell
        normals, spread = _surfaces(places, one[flat], other[flat])
        apart = away > 0
        one, other, away = one[apart], other[apart], away[apart]
        to = (places[other] - places[one]) / away[:, None]
        shell = np.minimum((away / (AROUND * cell) * SHELLS).astype(np.int64), SHELLS - 1)
        cosines = (
            np.abs((normals[one] * to).sum(1)),
            np.abs((normals[other] * to).sum(1)),
            np.abs((normals[one] * normals[other]).sum(1)),
        )
        parts = [np.sqrt(_histograms(len(places), one, shell, cosine)) for cosine in cosines]
        parts.append(CURVED * spread)
        if colors is not None:
            here = _means(colors, number, counts)
            parts += [COLORS * here, COLORS * _around(here, one, other)]
        return cls(places, normals, np.rint(STEPS * np.concatenate(parts, 1)).astype(np.float32))


def cell_of(xyz: Array, count: int) -> float:
    """The edge of cells of which (N, 3) positions, about 1 in size, occupy no more than so many."""
    low, high = 1e-4, 1e2
    for _ in range(24):
        middle = float(np.sqrt(low * high))
        if len(_cells(xyz, middle)[1]) > count:
            low = middle
        else:
            high = middle
    return high


def unlike(one: Landmarks, other: Landmarks) -> Array:
    """(N, M) float32, how unlike every two of them are: sums of squares, exact on every machine."""
    squares = [np.square(each.features).sum(1) for each in (one, other)]
    found: Array = squares[0][:, None] + squares[1] - 2 * (one.features @ other.features.T)
    return found


def _cells(xyz: Array, cell: float) -> tuple[Array, Array]:
    """(N,) the number of the cell of each position, and (C,) how many are in each."""
    steps = np.floor(xyz / cell).astype(np.int64)
    steps -= steps.min(0)
    x, y, z = steps.T
    _, sizes_y, sizes_z = (int(most) + 1 for most in steps.max(0))
    _, number, counts = np.unique((x * sizes_y + y) * sizes_z + z, return_inverse=True, return_counts=True)
    return number.ravel(), counts


def _means(values: Array, number: Array, counts: Array) -> Array:
    return np.stack([np.bincount(number, column, len(counts)) / counts for column in values.T], 1)


def _pairs(places: Array, reach: float) -> tuple[Array, Array, Array]:
    """(P,) rows of any two places within `reach`, each with itself too; (P,) how far they are apart."""
    parts = []
    for first in range(0, len(places), ROWS):
        squared = sum(np.square(axis[first : first + ROWS, None] - axis) for axis in places.T)
        one, other = np.nonzero(squared < reach * reach)
        parts.append((one + first, other, np.sqrt(squared[one, other])))
    one, other, away = (np.concatenate(each) for each in zip(*parts, strict=True))
    return one, other, away


def _around(values: Array, one: Array, other: Array) -> Array:
    """(N, K) the mean over the others of each place, 0 where it has none."""
    counts = np.bincount(one, minlength=len(values))
    sums = [np.bincount(one, column[other], len(values)) for column in values.T]
    return np.stack(sums, 1) / np.maximum(counts, 1)[:, None]


def _surfaces(places: Array, one: Array, other: Array) -> tuple[Array, Array]:
    """(N, 3) normals, and (N, 3) the shares of the spread along the normal and across it."""
    apart = places[other] - places[one]
    middle = _around_pairs(apart, one, len(places))
    products = _around_pairs((apart[:, :, None] * apart[:, None]).reshape(-1, 9), one, len(places))
    spread = products.reshape(-1, 3, 3) - middle[:, :, None] * middle[:, None]
    values, vectors = np.linalg.eigh(spread)
    values = values.clip(0)
    return vectors[:, :, 0], values / np.maximum(values.sum(1, keepdims=True), 1e-30)


def _around_pairs(values: Array, one: Array, count: int) -> Array:
    counts = np.bincount(one, minlength=count)
    return np.stack([np.bincount(one, column, count) for column in values.T], 1) / counts[:, None]


def _histograms(count: int, one: Array, shell: Array, cosine: Array) -> Array:
    """(N, SHELLS * BINS) shares of what is around each place, shell by shell; each falls into two bins."""
    at = cosine.clip(0, 1) * (BINS - 1)
    low = np.minimum(at.astype(np.int64), BINS - 2)
    bins = (one * SHELLS + shell) * BINS + low
    size = count * SHELLS * BINS
    found = np.bincount(bins, low + 1 - at, size) + np.bincount(bins + 1, at - low, size)
    shells = found.reshape(count, SHELLS, BINS)
    shares: Array = shells / np.maximum(shells.sum(2, keepdims=True), 1)
    return shares.reshape(count, SHELLS * BINS)
