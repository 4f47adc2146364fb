"""Which cell of a lattice each point is in, and the points of each cell side by side.

The lattice cell of a point is ``floor((x - origin) / size)`` per axis in float64. Only true division
and floor are used, in that order, so that NumPy and torch agree to the last point. A torch divisor is
a one-element tensor: CUDA multiplies by a reciprocal when it divides by a Python number, and that
moves points across cell walls.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import UsageError
from . import parallel
from .axis import Axis, GappedAxis

MAX_INDEX = 2**53  # beyond this, neighbouring cells are the same float64


class Groups(NamedTuple):
    """Rows grouped by cell: cell c holds rows ``order[offsets[c]:offsets[c + 1]]``, ascending.

    order is (N,) int32 (int64 from 2^31 rows on), offsets (C + 1,) int64, cells (C, 3) int64 lattice
    coordinates in lexicographic order, or (C,) int64 ids in ascending order.
    """

    order: Any
    offsets: Any
    cells: Any


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
    with np.errstate(over="ignore"):
        first = np.floor((low.astype(np.float64) - origin) / size)
        last = np.floor((high.astype(np.float64) - origin) / size)
    if not max(np.abs(first).max(), np.abs(last).max()) < MAX_INDEX:
        raise UsageError(
            f"cells of {size:g} are too small for coordinates this far from the origin: "
            "a cell number would reach 2^53",
            remedy="choose a larger `voxel_size` or another `origin`",
        )
    lows, lasts = [int(v) for v in first], [int(v) for v in last]
    counts = [b - a + 1 for a, b in zip(lows, lasts, strict=True)]
    return Span((lows[0], lows[1], lows[2]), (counts[0], counts[1], counts[2]))


def cells_of(xyz: npt.NDArray[Any], size: float, origin: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """(N, 3) lattice coordinates of (3, N) positions that `lattice_span` accepted."""
    return np.stack([_lattice(x, size, corner) for x, corner in zip(xyz, origin, strict=True)]).T


def group_lattice(xyz: Any, size: float, origin: npt.NDArray[Any], span: Span) -> Groups:
    """Group points by lattice cell.

    Args:
        xyz: (3, N) finite positions; a NumPy array or a torch tensor.
        span: the box from `lattice_span` that holds them all.
    """
    if isinstance(xyz, np.ndarray):
        return _group_numpy(xyz, size, origin, span)
    return _group_torch(xyz, size, origin, span)


def group_ids(ids: Any) -> Groups:
    """Group rows by a given cell id.

    Args:
        ids: (N,) int64, gaps allowed; rows with a negative id belong to no cell and are left out.

    Returns:
        Groups whose `order` has one entry per row that has an id.
    """
    if not isinstance(ids, np.ndarray):
        return _group_ids_torch(ids)
    rows = np.flatnonzero(ids >= 0)
    order = rows[np.argsort(ids[rows], kind="stable")].astype(_row_type(len(ids)))
    sorted_ids = ids[order]
    starts = _starts(sorted_ids)
    return Groups(order, _offsets(starts, len(order)), sorted_ids[starts].astype(np.int64))


def _group_ids_torch(ids: Any) -> Groups:
    import torch

    rows = torch.nonzero(ids >= 0).squeeze(1)
    sorted_ids, position = torch.sort(ids[rows], stable=True)
    cells, counts = torch.unique_consecutive(sorted_ids, return_counts=True)
    order = rows[position]
    return Groups(order.int() if len(ids) < 2**31 else order, _torch_offsets(counts), cells)


def _group_numpy(xyz: npt.NDArray[Any], size: float, origin: npt.NDArray[Any], span: Span) -> Groups:
    n = xyz.shape[1]
    row_bits = max(1, (n - 1).bit_length())
    axes = [Axis(low, number) for low, number in zip(*span, strict=True)]
    if not _fits(axes, row_bits):
        axes = [
            GappedAxis(
                span.low[axis],
                span.number[axis],
                (_lattice(xyz[axis, part], size, origin[axis]) for part in parallel.blocks(n)),
            )
            for axis in range(3)
        ]
    if _fits(axes, row_bits):
        words = np.empty(n, np.uint64)

        def pack(part: slice) -> None:
            key = np.zeros(part.stop - part.start, np.uint64)
            for x, axis, corner in zip(xyz, axes, origin, strict=True):
                key = key * np.uint64(axis.number) + axis.rank(_lattice(x[part], size, corner))
            words[part] = (key << np.uint64(row_bits)) | np.arange(part.start, part.stop, dtype=np.uint64)

        parallel.for_each(pack, parallel.blocks(n))
        parallel.sort(words)
        return _split_words(words, row_bits, axes)
    indices = [_lattice(xyz[axis], size, origin[axis]) for axis in range(3)]
    keys, decode = _compress(indices)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    starts = _starts(keys)
    return Groups(order.astype(_row_type(n)), _offsets(starts, n), decode(keys[starts]))


def _fits(axes: list[Axis], row_bits: int) -> bool:
    """Whether a cell and a row fit in one 64-bit word."""
    return math.prod(axis.number for axis in axes) << row_bits <= 1 << 64


def _split_words(words: npt.NDArray[Any], row_bits: int, axes: list[Axis]) -> Groups:
    """Take sorted words apart into row (low bits) and cell (high bits)."""
    n = len(words)
    order = np.empty(n, _row_type(n))
    changes = np.empty(n, bool)
    shift, mask = np.uint64(row_bits), np.uint64((1 << row_bits) - 1)

    def split(part: slice) -> None:
        order[part] = words[part] & mask
        cell = words[max(part.start - 1, 0) : part.stop] >> shift
        changes[part.start or 1 : part.stop] = cell[1:] != cell[:-1]

    parallel.for_each(split, parallel.blocks(n))
    changes[:1] = True
    starts = np.flatnonzero(changes)
    key = words[starts] >> shift
    cells = np.empty((len(starts), 3), np.int64)
    for column, axis in reversed(list(enumerate(axes))):
        cells[:, column] = axis.index(key % np.uint64(axis.number))
        key //= np.uint64(axis.number)
    return Groups(order, _offsets(starts, n), cells)


def _compress(indices: list[npt.NDArray[Any]]) -> tuple[npt.NDArray[Any], Any]:
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


def _lattice(x: npt.NDArray[Any], size: float, origin: float) -> npt.NDArray[Any]:
    scaled = x.astype(np.float64)
    scaled -= origin
    scaled /= size
    return np.floor(scaled, out=scaled).astype(np.int64)


def _group_torch(xyz: Any, size: float, origin: npt.NDArray[Any], span: Span) -> Groups:
    import torch

    divisor = torch.tensor([size], dtype=torch.float64, device=xyz.device)
    corner = torch.tensor(origin, dtype=torch.float64, device=xyz.device)
    n = xyz.shape[1]
    if math.prod(span.number) < 1 << 63:
        key = torch.zeros(n, dtype=torch.int64, device=xyz.device)
        for axis in range(3):
            index = torch.floor((xyz[axis].double() - corner[axis]) / divisor).long()
            key = key * span.number[axis] + (index - span.low[axis])
        key, order = torch.sort(key, stable=True)
        key, counts = torch.unique_consecutive(key, return_counts=True)
        columns = []
        for axis in (2, 1, 0):
            columns.append(key % span.number[axis] + span.low[axis])
            key = torch.div(key, span.number[axis], rounding_mode="floor")
        cells = torch.stack(columns[::-1], dim=1)
    else:
        index = torch.floor((xyz.T.double() - corner) / divisor).long()
        cells, inverse, counts = torch.unique(index, dim=0, return_inverse=True, return_counts=True)
        order = torch.sort(inverse, stable=True).indices
    return Groups(order.int() if n < 2**31 else order, _torch_offsets(counts), cells)


def _torch_offsets(counts: Any) -> Any:
    import torch

    return torch.cat([torch.zeros(1, dtype=torch.int64, device=counts.device), torch.cumsum(counts, 0)])


def _starts(keys: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Where each run of equal values in a sorted array begins."""
    changes = np.ones(len(keys), bool)
    np.not_equal(keys[1:], keys[:-1], out=changes[1:])
    return np.flatnonzero(changes)


def _offsets(starts: npt.NDArray[Any], n: int) -> npt.NDArray[Any]:
    return np.append(starts, n).astype(np.int64)


def _row_type(n: int) -> type[np.signedinteger[Any]]:
    return np.int32 if n < 2**31 else np.int64
