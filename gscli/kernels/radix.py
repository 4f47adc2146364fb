"""Integers in ascending order, by a stable radix sort of compiled kernels, on several threads.

Each digit takes two passes over the words: how many of each thread's words have which digit, which says where
they go, and there they go. So the order never depends on how many threads there are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from . import parallel

BITS = 9  # of a digit at most: a processor writes fast to no more places than it keeps at hand
MOST = (1 << 31) - 1  # rows, which are int32

_COUNT = _core.Kernel("radix_count", np.uint64, int, int, int, int, np.int64)
_MOVE = _core.Kernel("radix_move", np.uint64, int, int, int, int, np.int64, np.uint64)
_MOVE_ROWS = _core.Kernel(
    "radix_move_rows", np.uint64, np.int32, int, int, int, int, np.int64, np.uint64, np.int32
)


def sorted_stably(keys: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint64]]:
    """As `sort_rows`, for any number of keys, which stay as they are, and without compiled kernels too."""
    if _core.available() and len(keys) <= MOST:
        return sort_rows(keys.copy(), int(keys.max()) if len(keys) else 0)
    rows = np.argsort(keys, kind="stable")
    return rows, keys[rows]


def sort_rows(
    keys: npt.NDArray[np.uint64], largest: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint64]]:
    """The rows in ascending order of their keys, equal keys by row, and the keys in that order.

    Args:
        keys: (N,) uint64, N <= `MOST`; they may be overwritten.
        largest: no key is larger.

    Returns:
        (N,) int32 rows; (N,) uint64 keys.
    """
    rows = np.arange(len(keys), dtype=np.int32)
    spare_keys, spare_rows = np.empty_like(keys), np.empty_like(rows)

    def move(part: slice, shift: int, bits: int, places: npt.NDArray[np.int64]) -> None:
        _MOVE_ROWS(keys, rows, part.start, part.stop, shift, bits, places, spare_keys, spare_rows)

    for shift, bits in _digits(0, largest.bit_length()):
        if _sort_by_digit(keys, shift, bits, move):
            keys, spare_keys = spare_keys, keys
            rows, spare_rows = spare_rows, rows
    return rows, keys


def sort_words(
    words: npt.NDArray[np.uint64], spare: npt.NDArray[np.uint64], low: int, high: int
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Words in ascending order of their bits from `low` to `high` - 1, equal ones as they came.

    Args:
        words, spare: (N,) uint64; both may be overwritten.

    Returns:
        The array of the two that holds the sorted words, and the other.
    """
    both = [words, spare]

    def move(part: slice, shift: int, bits: int, places: npt.NDArray[np.int64]) -> None:
        _MOVE(both[0], part.start, part.stop, shift, bits, places, both[1])

    for shift, bits in _digits(low, high):
        if _sort_by_digit(both[0], shift, bits, move):
            both.reverse()
    return both[0], both[1]


def passes(bits: int) -> int:
    """By how many digits numbers of so many bits are sorted."""
    return -(-bits // BITS)


def _digits(low: int, high: int) -> list[tuple[int, int]]:
    """The first bit and the number of bits of each digit, all of about one size."""
    count = passes(high - low)
    edges = [low + (high - low) * i // count for i in range(count)] + [high]
    return [(a, b - a) for a, b in zip(edges, edges[1:], strict=False)]


def _sort_by_digit(
    words: npt.NDArray[np.uint64],
    shift: int,
    bits: int,
    move: Callable[[slice, int, int, npt.NDArray[np.int64]], None],
) -> bool:
    """Sort by the digit of `bits` from `shift` on, unless all have the same there; whether that was done."""
    n = len(words)
    parts = parallel.shares(n)
    counts = np.zeros((len(parts), 1 << bits), np.int64)

    def count(i: int) -> None:
        _COUNT(words, parts[i].start, parts[i].stop, shift, bits, counts[i])

    parallel.for_each(count, range(len(parts)))
    if (counts.sum(axis=0) == n).any():
        return False
    places = np.ascontiguousarray(np.cumsum(counts.T).reshape(-1, len(parts)).T - counts)
    parallel.for_each(lambda i: move(parts[i], shift, bits, places[i]), range(len(parts)))
    return True
