"""Cells of a lattice as 64-bit keys that sort as they do."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import _core
from ..errors import UsageError
from . import parallel
from .axis import Axis, GappedAxis, buckets

MAX_INDEX = 2**53  # beyond this, neighbouring cells are the same float64
_WORD = (1 << 64) - 1

_PACKS = _core.for_each_type("pack_cells", lambda kind: (*[kind] * 3, int, int, np.float64, int, np.uint64))
_BUCKETS = _core.for_each_type(
    "mark_buckets", lambda kind: (*[kind] * 3, int, int, np.float64, np.int64, *[np.uint8] * 3)
)
_RANKS = _core.for_each_type(
    "rank_cells",
    lambda kind: (*[kind] * 3, int, int, np.float64, np.int64, *[np.uint64] * 4, int, np.uint64),
)


class Span(NamedTuple):
    """The box of lattice cells that a cloud lies in: lowest index and number of indices per axis."""

    low: tuple[int, int, int]
    number: tuple[int, int, int]


def lattice_span(
    low: npt.NDArray[Any], high: npt.NDArray[Any], size: float, origin: npt.NDArray[Any]
) -> Span:
    """The lattice box between two corners; exact, because division and floor are monotone.

    Args:
        low, high: (3,) finite corners in scene units.

    Raises:
        UsageError: an index would reach 2^53.
    """
    first, number = [], []
    # in numbers of Python, of which so few take a tenth of NumPy's time
    for x, y, start in zip(low.tolist(), high.tolist(), origin.tolist(), strict=True):
        ends = (x - start) / size, (y - start) / size
        if not -MAX_INDEX + 1 <= ends[0] <= ends[1] < MAX_INDEX:
            raise UsageError(
                f"cells of {size:g} are too small for coordinates this far from the origin: "
                "a cell number would reach 2^53",
                remedy="choose a larger `voxel_size` or another `origin`",
            )
        first.append(math.floor(ends[0]))
        number.append(math.floor(ends[1]) - first[-1] + 1)
    return Span((first[0], first[1], first[2]), (number[0], number[1], number[2]))


def lattice_index(x: npt.NDArray[Any], size: float, origin: float) -> npt.NDArray[Any]:
    """(n,) int64 lattice numbers of (n,) coordinates on one axis."""
    scaled = x.astype(np.float64)
    scaled -= origin
    scaled /= size
    return np.floor(scaled, out=scaled).astype(np.int64)


def cut(size: float, origin: Any, low: Sequence[int], number: Sequence[int]) -> npt.NDArray[np.float64]:
    """A lattice as compiled kernels take it: cell size, and by axis the origin, the lowest and how many."""
    return np.array([size, *origin, *low, *number], np.float64)


def _short(axes: list[Axis]) -> bool:
    """Whether the lattice numbers of each axis, counted from the lowest, fit in 31 bits."""
    return all(axis.length <= 1 << 31 for axis in axes)


def cells_in(axes: list[Axis]) -> int:
    """How many cells have numbers."""
    return math.prod(axis.number for axis in axes)


def fits(axes: list[Axis], row_bits: int) -> bool:
    """Whether a cell and a row fit in one 64-bit word."""
    return cells_in(axes) << row_bits <= 1 << 64


def gapped(xyz: npt.NDArray[Any], size: float, origin: npt.NDArray[Any], axes: list[Axis]) -> list[Axis]:
    """The same axes without their buckets that hold none of (3, N) positions."""
    shifts, numbers = zip(*(buckets(axis.number) for axis in axes), strict=True)
    occupied = [np.zeros(number, bool) for number in numbers]
    compiled = _core.of_columns(_BUCKETS, xyz) if _short(axes) else None
    lattice = cut(size, origin, [axis.low for axis in axes], [axis.number for axis in axes])

    def mark(part: slice) -> None:
        if compiled is None:
            for x, corner, axis, shift, found in zip(xyz, origin, axes, shifts, occupied, strict=True):
                found[(lattice_index(x[part], size, corner) - axis.low) >> shift] = True
        else:
            tables = (found.view(np.uint8) for found in occupied)
            compiled(part.start, part.stop, lattice, np.array(shifts, np.int64), *tables)

    parallel.for_each(mark, parallel.blocks(xyz.shape[1]))
    return [
        GappedAxis(axis.low, shift, found) for axis, shift, found in zip(axes, shifts, occupied, strict=True)
    ]


def pack(
    xyz: npt.NDArray[Any],
    size: float,
    origin: npt.NDArray[Any],
    axes: list[Axis],
    row_bits: int,
    words: npt.NDArray[np.uint64],
) -> None:
    """Fill (N,) words: the cell of each point, above the row in the lowest bits; without rows for 0 of them.

    Args:
        axes: all of them `Axis`, or all of them `GappedAxis`; `fits` says whether that is possible.
    """
    compiled = _compiled_packing(xyz, size, origin, axes, row_bits)

    def fill(part: slice) -> None:
        if compiled is not None:
            compiled(part, words)
            return
        key = np.zeros(part.stop - part.start, np.uint64)
        for x, axis, corner in zip(xyz, axes, origin, strict=True):
            key = key * np.uint64(axis.number) + axis.rank(lattice_index(x[part], size, corner))
        if row_bits:
            key = (key << np.uint64(row_bits)) | np.arange(part.start, part.stop, dtype=np.uint64)
        words[part] = key

    parallel.for_each(fill, parallel.blocks(len(words)))


def _compiled_packing(
    xyz: npt.NDArray[Any], size: float, origin: npt.NDArray[Any], axes: list[Axis], row_bits: int
) -> Callable[[slice, npt.NDArray[np.uint64]], None] | None:
    """What puts the words of a part where they belong, if a compiled kernel can."""
    lattice = cut(size, origin, [axis.low for axis in axes], [axis.number for axis in axes])
    gaps = [axis for axis in axes if isinstance(axis, GappedAxis)]
    if not gaps:
        if (whole := _core.of_columns(_PACKS, xyz)) is None or cells_in(axes) >= MAX_INDEX:
            return None
        return lambda part, words: whole(part.start, part.stop, lattice, row_bits, words)
    if (rank := _core.of_columns(_RANKS, xyz)) is None or not _short(axes):
        return None
    shifts = np.array([axis.shift for axis in gaps], np.int64)
    weights = np.array([cells_in(axes[i + 1 :]) << row_bits & _WORD for i in range(3)], np.uint64)
    adds = [axis.starts.view(np.uint64) * weight for axis, weight in zip(gaps, weights, strict=True)]
    return lambda part, words: rank(
        part.start, part.stop, lattice, shifts, weights, *adds, row_bits > 0, words
    )


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
