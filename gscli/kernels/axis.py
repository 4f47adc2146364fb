"""Lattice numbers of one axis made small: gaps that hold no point are left out, order is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

MOST_BUCKETS = 1 << 20


class Axis:
    """Numbers the lattice indices low to low + length - 1 of one axis from 0 on.

    Attributes:
        number: how many numbers there are.
    """

    def __init__(self, low: int, length: int) -> None:
        self.low = low
        self.length = self.number = length

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
        occupied: of each bucket from `low` on, whether any point is in it; `buckets` says how many there are.

    Attributes:
        shift: of `buckets`.
        starts: (number of buckets,) int64, the number of the first index of each that is occupied.
    """

    def __init__(self, low: int, shift: int, occupied: npt.NDArray[np.bool_]) -> None:
        super().__init__(low, len(occupied) << shift)
        self.shift = shift
        self._occupied = np.flatnonzero(occupied)
        self.number = len(self._occupied) << shift
        self.starts = np.zeros(len(occupied), np.int64)
        self.starts[self._occupied] = np.arange(len(self._occupied)) << shift
        self._within = (1 << shift) - 1

    def rank(self, index: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
        """The numbers of (n,) int64 lattice indices, all of which lie in occupied buckets."""
        offset = index - self.low
        number: npt.NDArray[np.int64] = self.starts[offset >> self.shift] + (offset & self._within)
        return number.astype(np.uint64)

    def index(self, rank: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        """The lattice indices of (n,) numbers."""
        number = rank.astype(np.int64)
        bucket: npt.NDArray[np.int64] = self._occupied[number >> self.shift]
        return (bucket << self.shift) + (number & self._within) + self.low


def buckets(count: int) -> tuple[int, int]:
    """The shift of the buckets that so many lattice indices fall into, and how many buckets that are."""
    shift = max(0, (count - 1).bit_length() - MOST_BUCKETS.bit_length() + 1)
    return shift, ((count - 1) >> shift) + 1
