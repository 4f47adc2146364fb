"""The points of each cell side by side, on a CPU: words of cell and row, sorted and taken apart."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import _core
from ..errors import InputError
from . import marks, parallel, radix
from .axis import Axis
from .cell_keys import cells_in, compress, fits, gapped, lattice_index, pack, unpacked

_SPLIT = _core.Kernel("split_words", np.uint64, int, int, int, np.int32, np.uint8)
_PASSES = 3  # over words cost what it does to look for gaps, which spare some


class Groups(NamedTuple):
    """Rows grouped by cell: cell c holds rows ``order[offsets[c]:offsets[c + 1]]``, ascending.

    order is (N,) int32 (int64 from 2^31 rows on), offsets (C + 1,) int64, cells (C, 3) int64 lattice
    coordinates in lexicographic order, or (C,) int64 ids in ascending order. Of several scenes cells are
    (C, 4) or (C, 2), ordered by scene first: its number goes before the coordinates or the id.
    """

    order: Any
    offsets: Any
    cells: Any


def by_lattice(xyz: npt.NDArray[Any], size: float, origin: npt.NDArray[Any], axes: list[Axis]) -> Groups:
    """Group (3, N) positions by the cells of a lattice that has these axes."""
    n = xyz.shape[1]
    compiled = _core.available() and n <= radix.MOST
    row_bits = max(1, (n - 1).bit_length())
    if not fits(axes, row_bits) or (compiled and radix.passes(_bits_of(axes)) > _PASSES):
        axes = gapped(xyz, size, origin, axes)
    if fits(axes, row_bits):
        words = np.empty((2 if compiled else 1, n), np.uint64)  # in one piece, which is had faster than two
        pack(xyz, size, origin, axes, row_bits, words[0])
        if not compiled:
            return _split_words(parallel.sort(words[0]), np.empty(n, bool), row_bits, axes)
        ordered, spare = radix.sort_words(words[0], words[1], row_bits, row_bits + _bits_of(axes))
        return _split_words(ordered, spare.view(bool)[:n], row_bits, axes)
    if compiled and fits(axes, 0):
        keys = np.empty(n, np.uint64)
        pack(xyz, size, origin, axes, 0, keys)
        rows, keys = radix.sort_rows(keys, cells_in(axes) - 1)
        starts = _starts(keys)
        return Groups(rows, _offsets(starts, n), unpacked(keys[starts], axes))
    indices = [lattice_index(xyz[axis], size, origin[axis]) for axis in range(3)]
    keys, decode = compress(indices)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    starts = _starts(keys)
    return Groups(order.astype(row_type(n)), _offsets(starts, n), decode(keys[starts]))


def require_ids(lowest: int, highest: int) -> None:
    """Refuse cell ids by the least and the greatest of them.

    Raises:
        InputError: one is below -1, or 2^63 or more.
    """
    for end in (lowest, highest):
        if not -1 <= end < 2**63:
            raise InputError(f"a row has the cell id {end}", remedy="ids are -1 (no cell) to 2^63 - 1")


def by_ids(ids: npt.NDArray[Any]) -> Groups:
    """Group rows by (N,) int64 ids, but for those whose id is negative."""
    rows = np.flatnonzero(ids >= 0) if len(ids) and ids.min() < 0 else None
    words = np.ascontiguousarray(ids if rows is None else ids[rows]).view(np.uint64)
    order, words = radix.sorted_stably(words)
    order = (order if rows is None else rows[order]).astype(row_type(len(ids)), copy=False)
    starts = _starts(words)
    return Groups(order, _offsets(starts, len(order)), words[starts].view(np.int64))


def _bits_of(axes: list[Axis]) -> int:
    return (cells_in(axes) - 1).bit_length()


def _split_words(
    words: npt.NDArray[Any], changes: npt.NDArray[np.bool_], row_bits: int, axes: list[Axis]
) -> Groups:
    """Take sorted words apart into row (low bits) and cell (high bits).

    Args:
        changes: (N,) to be overwritten.
    """
    n = len(words)
    order = np.empty(n, row_type(n))
    shift, mask = np.uint64(row_bits), np.uint64((1 << row_bits) - 1)
    compiled = _core.available() and order.dtype == np.int32

    def split(part: slice) -> None:
        if compiled:
            _SPLIT(words, part.start, part.stop, row_bits, order, changes.view(np.uint8))
            return
        order[part] = words[part] & mask
        cell = words[max(part.start - 1, 0) : part.stop] >> shift
        changes[part.start or 1 : part.stop] = cell[1:] != cell[:-1]

    parallel.for_each(split, parallel.blocks(n))
    changes[:1] = True
    starts = marks.listed(changes)
    return Groups(order, _offsets(starts, n), unpacked(words[starts] >> shift, axes))


def _starts(keys: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Where each run of equal values in a sorted array begins."""
    changes = np.ones(len(keys), bool)
    np.not_equal(keys[1:], keys[:-1], out=changes[1:])
    return marks.listed(changes)


def _offsets(starts: npt.NDArray[Any], n: int) -> npt.NDArray[Any]:
    return np.append(starts, n).astype(np.int64)


def row_type(n: int) -> type[np.signedinteger[Any]]:
    """What numbers of so many rows are stored as."""
    return np.int32 if n < 2**31 else np.int64
