"""Cells of a lattice on a device: what `cells`, `cell_names` and `occupancy` are of arrays, of tensors.

By kernels in Triton where they run, else in operations of torch, of some of the points at a time. The CPU
waits for how many there are, and sends what it knows without waiting.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import device
from . import cell_groups, launches
from .cell_groups import Groups
from .cell_keys import Span, cut
from .cell_names import CellNames, words_in_torch

if TYPE_CHECKING:
    from torch import Tensor

PIECE = (
    1 << 22
)  # points of which temporaries are made at a time, some 100 bytes each; fewer without the memory
LEAST = 1 << 12  # where these are too many, fewer would not help
_POINTS = 1024  # taken by one program


def by_lattice(
    xyz: Tensor, size: float, origin: npt.NDArray[Any], span: Span, ends: Sequence[int] | None
) -> Groups:
    """As `cells.group_lattice` of (3, N) positions."""
    import torch

    scene = None if ends is None else _scene_of_row(ends, xyz.device)
    lattice = device.sent(cut(size, origin, *span), xyz.device)
    scenes = 1 if ends is None else len(ends)
    most = scenes * math.prod(span.number)
    if most < 1 << 63:
        columns = [_keys(xyz, lattice, span, torch.int32 if most < 1 << 31 else torch.int64)]
        if scene is not None:
            columns[0] += scene * math.prod(span.number)
    else:
        columns = [*([] if scene is None else [scene]), *_indices(xyz, lattice)]
    order, first = _sorted(columns)
    offsets = torch.nonzero(first).squeeze(1)
    rows = order[offsets[:-1]]
    cells = _index(xyz[:, rows], lattice).T
    cells = cells.contiguous() if scene is None else torch.column_stack([scene[rows], cells])
    return Groups(order.int() if xyz.shape[1] < 2**31 else order, offsets, cells)


def by_ids(ids: Tensor, ends: Sequence[int] | None) -> Groups:
    """As `cells.group_ids` of (N,) int64, with one wait: for how many cells and rows, and what ids there are.

    Raises:
        InputError: ids below -1.
    """
    import torch

    if not len(ids):
        nothing = ids.new_zeros(1)
        return Groups(ids.int(), nothing, ids if ends is None else ids.new_zeros((0, 2)))
    columns = [ids]
    if ends is not None:  # what has no cell comes first, whatever its scene
        columns.insert(0, _scene_of_row(ends, ids.device).where(ids >= 0, -1))
    order, first = _sorted(columns)
    place = first.cumsum(0)
    told = torch.stack([*torch.aminmax(ids), (ids < 0).sum(), place[-1]])
    lowest, highest, left_out, number = told.cpu().tolist()
    cell_groups.require_ids(lowest, highest)
    begin = torch.arange(1 + (left_out > 0), number + 1, device=ids.device)
    offsets = torch.searchsorted(place, begin) - left_out
    order = order[left_out:]
    rows = order[offsets[:-1]]
    names = [column[rows] for column in columns]
    cells = names[0] if ends is None else torch.stack(names, dim=1)
    return Groups(order.int() if len(ids) < 2**31 else order, offsets, cells)


def marked(xyz: Tensor, names: Sequence[CellNames], slots: int) -> list[int]:
    """How many of so many slots the upper bits of the words of (3, N) points tell, by each of some names.

    The tables of all of them are there at once, or of some, where a GPU's memory does not do.
    """
    found: list[int] = []
    for part in device.pieces(lambda part: _marked(xyz, names[part], slots), len(names), len(names), 1):
        found += part
    return found


def distinct(xyz: Tensor, names: Sequence[Any]) -> list[int]:
    """How many different words each of some functions gives to (3, N) points."""
    import torch

    counts = []
    for name in names:
        if isinstance(name, CellNames) and (most := math.prod(name.span.number)) < 1 << 63:
            lattice = device.sent(name.cut, xyz.device)
            words = _keys(xyz, lattice, name.span, torch.int32 if most < 1 << 31 else torch.int64)
        else:
            words = name(xyz)
        ordered = torch.sort(words).values
        counts.append((ordered[1:] != ordered[:-1]).sum())
    return [int(count) + min(1, xyz.shape[1]) for count in torch.stack(counts).cpu()]


def _scene_of_row(ends: Sequence[int], where: Any) -> Tensor:
    """(N,) int64, the number of the scene of each row."""
    import torch

    sizes = device.sent(np.diff(ends, prepend=0), where)
    return torch.repeat_interleave(torch.arange(len(ends), device=where), sizes, output_size=ends[-1])


def _index(xyz: Tensor, lattice: Tensor) -> Tensor:
    """(3, n) int64 lattice numbers; a divisor that is no tensor would become a reciprocal on a GPU."""
    import torch

    return torch.floor((xyz.double() - lattice[1:4, None]) / lattice[:1]).long()


def _indices(xyz: Tensor, lattice: Tensor) -> Tensor:
    """`_index` of many points."""
    import torch

    found = torch.empty(xyz.shape, dtype=torch.int64, device=xyz.device)
    device.in_pieces(
        lambda part: found[:, part].copy_(_index(xyz[:, part], lattice)), xyz.shape[1], PIECE, LEAST
    )
    return found


def _keys(xyz: Tensor, lattice: Tensor, span: Span, kind: Any) -> Tensor:
    """(N,) numbers of the cells of a box, in lexicographic order, of an integer type that holds them."""
    import torch

    from_low = [-low for low in span.low]
    found = torch.empty(xyz.shape[1], dtype=kind, device=xyz.device)

    def fill(part: slice) -> None:
        key, *others = _index(xyz[:, part], lattice).unbind()
        key = key + from_low[0]
        for low, number, index in zip(from_low[1:], span.number[1:], others, strict=True):
            key = key * number + (index + low)
        found[part] = key

    if not len(found):
        return found
    if launches.trouble(xyz.device) is None:
        from .gpu import cells

        launches.launch(cells.number_cells, _programs(xyz), xyz, lattice, found, *_strides(xyz), B=_POINTS)
        return found
    device.in_pieces(fill, len(found), PIECE, LEAST)
    return found


def _sorted(columns: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """(N,) int64 places by which columns ascend, the first foremost; (N + 1,) bool, where other values begin.

    They do at the end, too.
    """
    import torch

    order = None
    for column in reversed(columns):
        ordered, by = torch.sort(column if order is None else column[order], stable=True)
        order = by if order is None else order[by]
    assert order is not None
    first = torch.ones(len(order) + 1, dtype=torch.bool, device=order.device)
    torch.ne(ordered[1:], ordered[:-1], out=first[1:-1])
    for column in columns[1:]:
        ordered = column[order]
        first[1:-1] |= ordered[1:] != ordered[:-1]
    return order, first


def _marked(xyz: Tensor, names: Sequence[CellNames], slots: int) -> list[int]:
    import torch

    shift = 64 - (slots.bit_length() - 1)
    table = torch.zeros((len(names), slots), dtype=torch.int8, device=xyz.device)
    if launches.trouble(xyz.device) is None:
        from .gpu import cells

        rows = [(name.size, *name.origin, *name.span.low, *name.span.number, name.packs) for name in names]
        lattices = device.sent(np.array(rows, np.float64), xyz.device)
        launches.launch(
            cells.mark_cells,
            (*_programs(xyz), len(names)),
            *(xyz, lattices, table, *_strides(xyz), shift, slots),
            B=_POINTS,
        )
    else:
        each = max(LEAST, PIECE // len(names))
        device.in_pieces(lambda part: _mark(xyz[:, part], names, table, shift), xyz.shape[1], each, LEAST)
    found: list[int] = table.sum(1, dtype=torch.int64).cpu().tolist()
    return found


def _mark(xyz: Tensor, names: Sequence[CellNames], table: Tensor, shift: int) -> None:
    import torch

    first = 0
    for _, some in groupby(names, key=lambda name: name.packs):
        words = words_in_torch(xyz, same := list(some))
        slot = (words >> shift) & (table.shape[1] - 1)
        which = torch.arange(first, first + len(same), device=xyz.device)[:, None]
        table[which, slot] = 1
        first += len(same)


def _programs(xyz: Tensor) -> tuple[int]:
    return (-(-xyz.shape[1] // _POINTS),)


def _strides(xyz: Tensor) -> tuple[int, int, int]:
    """How many points, and what leads to the next coordinate of one and to the next point."""
    return xyz.shape[1], xyz.stride(0), xyz.stride(1)
