"""Which cell of a lattice each point is in, and the points of each cell side by side.

The lattice cell of a point is ``floor((x - origin) / size)`` per axis in float64. Only true division
and floor are used, in that order, so that NumPy and torch agree to the last point. A torch divisor is
a one-element tensor: CUDA multiplies by a reciprocal when it divides by a Python number, and that
moves points across cell walls.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import _core
from ..errors import UsageError
from . import marks, parallel, radix
from .axis import Axis
from .cell_keys import MAX_INDEX, cells_in, compress, fits, gapped, lattice_index, pack, unpacked

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
    return np.stack([lattice_index(x, size, corner) for x, corner in zip(xyz, origin, strict=True)]).T


def group_lattice(
    xyz: Any, size: float, origin: npt.NDArray[Any], span: Span, ends: Sequence[int] | None = None
) -> Groups:
    """Group points by lattice cell.

    Args:
        xyz: (3, N) finite positions; a NumPy array or a torch tensor.
        span: the box from `lattice_span` that holds them all.
        ends: where each of several scenes ends, never descending, the last at N; no cell holds points of two.
            None for one scene, whose number is not in its cells.
    """
    if not isinstance(xyz, np.ndarray):
        return _group_torch(xyz, size, origin, span, ends)
    if ends is None:
        return _group_numpy(xyz, size, origin, span)
    return _scene_by_scene(lambda part: _group_numpy(xyz[:, part], size, origin, span), ends)


def group_ids(ids: Any, ends: Sequence[int] | None = None) -> Groups:
    """Group rows by a given cell id.

    Args:
        ids: (N,) int64, gaps allowed; rows with a negative id belong to no cell and are left out.
        ends: as of `group_lattice`.

    Returns:
        Groups whose `order` has one entry per row that has an id.
    """
    if not isinstance(ids, np.ndarray):
        return _group_ids_torch(ids, ends)
    if ends is None:
        return _group_ids_numpy(ids)
    return _scene_by_scene(lambda part: _group_ids_numpy(ids[part]), ends)


def _scene_by_scene(group: Callable[[slice], Groups], ends: Sequence[int]) -> Groups:
    """The groups of each scene, given its rows, one after the other."""
    starts = [0, *ends][:-1]
    parts = [group(slice(*rows)) for rows in zip(starts, ends, strict=True)]
    kind = _row_type(ends[-1])
    order = [
        part.order.astype(kind, copy=False) + kind(start) for part, start in zip(parts, starts, strict=True)
    ]
    counts = np.concatenate([np.diff(part.offsets) for part in parts])
    scene = np.repeat(np.arange(len(parts)), [len(part.cells) for part in parts])
    cells = np.column_stack([scene, np.concatenate([part.cells for part in parts])])
    return Groups(np.concatenate(order), np.append(0, np.cumsum(counts)), cells)


def _group_ids_numpy(ids: npt.NDArray[Any]) -> Groups:
    rows = np.flatnonzero(ids >= 0) if len(ids) and ids.min() < 0 else None
    words = np.ascontiguousarray(ids if rows is None else ids[rows]).view(np.uint64)
    order, words = radix.sorted_stably(words)
    order = (order if rows is None else rows[order]).astype(_row_type(len(ids)), copy=False)
    starts = _starts(words)
    return Groups(order, _offsets(starts, len(order)), words[starts].view(np.int64))


def _group_ids_torch(ids: Any, ends: Sequence[int] | None) -> Groups:
    import torch

    rows = torch.nonzero(ids >= 0).squeeze(1)
    names, position = torch.sort(ids[rows], stable=True)
    order = rows[position]
    if ends is not None:
        scene, by_scene = torch.sort(_scene_of_row(ends, ids.device)[order], stable=True)
        order, names = order[by_scene], torch.stack([scene, names[by_scene]], dim=1)
    cells, counts = torch.unique_consecutive(names, return_counts=True, dim=0)
    return Groups(order.int() if len(ids) < 2**31 else order, _torch_offsets(counts), cells)


def _scene_of_row(ends: Sequence[int], device: Any) -> Any:
    """(N,) int64, the number of the scene of each row."""
    import torch

    sizes = torch.tensor(ends, device=device).diff(prepend=torch.zeros(1, dtype=torch.int64, device=device))
    return torch.repeat_interleave(torch.arange(len(ends), device=device), sizes, output_size=ends[-1])


def _group_numpy(xyz: npt.NDArray[Any], size: float, origin: npt.NDArray[Any], span: Span) -> Groups:
    n = xyz.shape[1]
    compiled = _core.available() and n <= radix.MOST
    row_bits = max(1, (n - 1).bit_length())
    axes = [Axis(low, number) for low, number in zip(*span, strict=True)]
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
    return Groups(order.astype(_row_type(n)), _offsets(starts, n), decode(keys[starts]))


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
    order = np.empty(n, _row_type(n))
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


def _group_torch(
    xyz: Any, size: float, origin: npt.NDArray[Any], span: Span, ends: Sequence[int] | None
) -> Groups:
    import torch

    divisor = torch.tensor([size], dtype=torch.float64, device=xyz.device)
    corner = torch.tensor(origin, dtype=torch.float64, device=xyz.device)
    n, low, number = xyz.shape[1], tuple(span.low), tuple(span.number)
    index = torch.floor((xyz.T.double() - corner) / divisor).long()
    if ends is not None:
        index = torch.column_stack([_scene_of_row(ends, xyz.device), index])
        low, number = (0, *low), (len(ends), *number)
    most = math.prod(number)
    if most < 1 << 63:
        key = torch.zeros(n, dtype=torch.int64, device=xyz.device)
        for column in range(len(number)):
            key = key * number[column] + (index[:, column] - low[column])
        key, order = torch.sort(key.int() if most < 1 << 31 else key, stable=True)  # half the passes
        first = torch.ones(n, dtype=torch.bool, device=xyz.device)
        torch.ne(key[1:], key[:-1], out=first[1:])
        starts = torch.nonzero(first).squeeze(1)
        cells, offsets = index[order[starts]], torch.cat([starts, starts.new_tensor([n])])
    else:
        cells, inverse, counts = torch.unique(index, dim=0, return_inverse=True, return_counts=True)
        order, offsets = torch.sort(inverse, stable=True).indices, _torch_offsets(counts)
    return Groups(order.int() if n < 2**31 else order, offsets, cells)


def _torch_offsets(counts: Any) -> Any:
    import torch

    return torch.cat([torch.zeros(1, dtype=torch.int64, device=counts.device), torch.cumsum(counts, 0)])


def _starts(keys: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Where each run of equal values in a sorted array begins."""
    changes = np.ones(len(keys), bool)
    np.not_equal(keys[1:], keys[:-1], out=changes[1:])
    return marks.listed(changes)


def _offsets(starts: npt.NDArray[Any], n: int) -> npt.NDArray[Any]:
    return np.append(starts, n).astype(np.int64)


def _row_type(n: int) -> type[np.signedinteger[Any]]:
    return np.int32 if n < 2**31 else np.int64
