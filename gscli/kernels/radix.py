"""Rows in the order of integers, by a stable radix sort of compiled kernels, on several threads.

Each digit takes two passes over the keys: how many of each thread's keys have which digit, which says where
they go, and there they go. So the order never depends on how many threads there are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from . import parallel

BITS = 11  # of a digit
MOST = (1 << 31) - 1  # rows, which are int32

_COUNT = _core.Kernel("radix_count", np.uint64, int, int, int, np.int64)
_MOVE = _core.Kernel("radix_move", np.uint64, np.int32, int, int, int, np.int64, np.uint64, np.int32)


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
    for shift in range(0, largest.bit_length(), BITS):
        if _sort_by_digit(keys, rows, shift, spare_keys, spare_rows):
            keys, spare_keys = spare_keys, keys
            rows, spare_rows = spare_rows, rows
    return rows, keys


def _sort_by_digit(
    keys: npt.NDArray[np.uint64],
    rows: npt.NDArray[np.int32],
    shift: int,
    sorted_keys: npt.NDArray[np.uint64],
    sorted_rows: npt.NDArray[np.int32],
) -> bool:
    """Sort by the `BITS` from `shift` on, unless all have the same there; whether that was done."""
    n = len(keys)
    parts = parallel.blocks(n, max(parallel.BLOCK, -(-n // parallel.threads())))
    counts = np.zeros((len(parts), 1 << BITS), np.int64)

    def count(i: int) -> None:
        _COUNT(keys, parts[i].start, parts[i].stop, shift, counts[i])

    parallel.for_each(count, range(len(parts)))
    if (counts.sum(axis=0) == n).any():
        return False
    places = np.ascontiguousarray(np.cumsum(counts.T).reshape(-1, len(parts)).T - counts)

    def move(i: int) -> None:
        _MOVE(keys, rows, parts[i].start, parts[i].stop, shift, places[i], sorted_keys, sorted_rows)

    parallel.for_each(move, range(len(parts)))
    return True
