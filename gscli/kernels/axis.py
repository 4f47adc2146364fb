"""Lattice numbers of one axis made small: gaps that hold no point are left out, order is kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

MOST_BUCKETS = 1 << 20


class Axis:
    """Numbers the lattice indices low to low + count - 1 of one axis from 0 on.

    Attributes:
        number: how many numbers there are.
    """

    def __init__(self, low: int, count: int) -> None:
        self.low = low
        self.number = count

    def rank(self, index: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
        """The numbers of (n,) int64 lattice indices."""
        return (index - self.low).astype(np.uint64)

    def index(self, rank: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        """The lattice indices of (n,) numbers."""
        return rank.astype(np.int64) + self.low


class GappedAxis(Axis):
    """As `Axis`, leaving out buckets of 2^shift indices that hold no point.

    One splat far away stretches an axis a thousandfold and fills one bucket.

    Args:
        blocks: all (n,) int64 lattice indices that there are, in pieces.
    """

    def __init__(self, low: int, count: int, blocks: Iterable[npt.NDArray[Any]]) -> None:
        super().__init__(low, count)
        self.shift = max(0, (count - 1).bit_length() - MOST_BUCKETS.bit_length() + 1)
        occupied = np.zeros(((count - 1) >> self.shift) + 1, bool)
        for block in blocks:
            occupied[(block - low) >> self.shift] = True
        self.buckets = np.flatnonzero(occupied)
        self.number = len(self.buckets) << self.shift
        self._first = (np.cumsum(occupied) - 1) << self.shift
        self._mask = (1 << self.shift) - 1

    def rank(self, index: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
        """The numbers of (n,) int64 lattice indices, all of which lie in occupied buckets."""
        offset = index - self.low
        number: npt.NDArray[np.int64] = self._first[offset >> self.shift] + (offset & self._mask)
        return number.astype(np.uint64)

    def index(self, rank: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        """The lattice indices of (n,) numbers."""
        number = rank.astype(np.int64)
        bucket: npt.NDArray[np.int64] = self.buckets[number >> self.shift]
        return (bucket << self.shift) + (number & self._mask) + self.low
