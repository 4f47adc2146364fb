"""Cells of a lattice as 64-bit keys that sort as they do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from . import parallel
from .axis import Axis

MAX_INDEX = 2**53  # beyond this, neighbouring cells are the same float64

_KEYS = _core.for_each_type("cell_keys", lambda kind: (*[kind] * 3, int, int, np.float64, np.uint64))


def lattice_index(x: npt.NDArray[Any], size: float, origin: float) -> npt.NDArray[Any]:
    """(n,) int64 lattice numbers of (n,) coordinates on one axis."""
    scaled = x.astype(np.float64)
    scaled -= origin
    scaled /= size
    return np.floor(scaled, out=scaled).astype(np.int64)


def cut(size: float, origin: Any, low: Sequence[int], number: Sequence[int]) -> npt.NDArray[np.float64]:
    """A lattice as compiled kernels take it: cell size, and by axis the origin, the lowest and how many."""
    return np.array([size, *origin, *low, *number], np.float64)


def fits(axes: list[Axis], row_bits: int) -> bool:
    """Whether a cell and a row fit in one 64-bit word."""
    return math.prod(axis.number for axis in axes) << row_bits <= 1 << 64


def keys_of(
    xyz: npt.NDArray[Any], size: float, origin: npt.NDArray[Any], axes: list[Axis]
) -> npt.NDArray[np.uint64]:
    """(N,) `packed` cells without rows, by a compiled kernel where it knows the axes."""
    compiled = _core.of_columns(_KEYS, xyz)
    small = math.prod(axis.number for axis in axes) < MAX_INDEX
    if compiled is None or not small or any(type(axis) is not Axis for axis in axes):
        return packed(xyz, size, origin, axes, 0)
    keys = np.empty(xyz.shape[1], np.uint64)
    lattice = cut(size, origin, [axis.low for axis in axes], [axis.number for axis in axes])

    def fill(part: slice) -> None:
        compiled(part.start, part.stop, lattice, keys)

    parallel.for_each(fill, parallel.blocks(len(keys)))
    return keys


def packed(
    xyz: npt.NDArray[Any], size: float, origin: npt.NDArray[Any], axes: list[Axis], row_bits: int
) -> npt.NDArray[np.uint64]:
    """(N,) words: the cell of each point, above the row in the lowest bits."""
    words = np.empty(xyz.shape[1], np.uint64)

    def pack(part: slice) -> None:
        key = np.zeros(part.stop - part.start, np.uint64)
        for x, axis, corner in zip(xyz, axes, origin, strict=True):
            key = key * np.uint64(axis.number) + axis.rank(lattice_index(x[part], size, corner))
        if row_bits:
            key = (key << np.uint64(row_bits)) | np.arange(part.start, part.stop, dtype=np.uint64)
        words[part] = key

    parallel.for_each(pack, parallel.blocks(len(words)))
    return words


def unpacked(key: npt.NDArray[np.uint64], axes: list[Axis]) -> npt.NDArray[np.int64]:
    """(C, 3) lattice coordinates of (C,) packed cells."""
    cells = np.empty((len(key), 3), np.int64)
    for column, axis in reversed(list(enumerate(axes))):
        cells[:, column] = axis.index(key % np.uint64(axis.number))
        key = key // np.uint64(axis.number)
    return cells


def compress(indices: list[npt.NDArray[Any]]) -> tuple[npt.NDArray[Any], Any]:
    """Number the occupied cells of a cloud too scattered to pack, keeping lexicographic order.

    Axis ranks are below N, and so are ranks of pairs: every product stays below 2^63.
    """
    tables = [np.unique(index) for index in indices]
    ranks = [np.searchsorted(t, index) for t, index in zip(tables, indices, strict=True)]
    pairs = ranks[0] * len(tables[1]) + ranks[1]
    pair_table = np.unique(pairs)
    keys = np.searchsorted(pair_table, pairs) * len(tables[2]) + ranks[2]

    def decode(keys: npt.NDArray[Any]) -> npt.NDArray[Any]:
        pair, last = np.divmod(keys, len(tables[2]))
        first, second = np.divmod(pair_table[pair], len(tables[1]))
        return np.stack([tables[0][first], tables[1][second], tables[2][last]], axis=1)

    return keys, decode
