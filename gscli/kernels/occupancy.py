"""How many cells of a lattice hold a point, counted in little memory: roughly, or exactly.

The cell of a point makes a 64-bit word, and what is counted is different words. A rough count marks one
slot of a table for each word. Words that share a slot are counted once, and how many do is known to
within what chance allows (linear counting: Whang, Vander-Zanden and Taylor, 1990).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from . import parallel
from .cell_names import CellNames, Naming, Words

_CHUNK = 1 << 15  # points at a time: the temporaries stay in the processor's cache
_ROOM = 1 << 26  # bytes of tables on a GPU
_SIGMAS = 6.0  # how far chance may lead


@dataclass(frozen=True)
class Points:
    """Points that can be gone through again and again.

    Attributes:
        marked: by each of some names, how many of so many slots the upper bits of their words tell, looking
            at one point in so many from the first on, and how many points that is; slots are a power of two.
        distinct: how many different words each of some functions gives to all of them.
        room: for how many slots there is room at a time, where many names take little longer than one, or 0.
    """

    marked: Callable[[Sequence[CellNames], int, int], tuple[list[int], int]]
    distinct: Callable[[Sequence[Naming]], list[int]]
    room: int = 0


def in_memory(xyz: Any) -> Points:
    """(3, N) positions, NumPy's or a torch tensor's, which stays on its device."""
    if not isinstance(xyz, np.ndarray):
        from . import torch_cells

        return Points(
            lambda names, slots, every: (
                torch_cells.marked(some := xyz[:, ::every], names, slots),
                int(some.shape[1]),
            ),
            lambda names: torch_cells.distinct(xyz, names),
            _ROOM,
        )
    thinned = cache(lambda every: [np.ascontiguousarray(xyz[:, ::every])])
    return Points(marked_in(thinned), lambda names: [count_distinct([named(name, xyz)]) for name in names])


def marked_in(
    blocks: Callable[[int], Iterable[npt.NDArray[Any]]],
) -> Callable[[Sequence[CellNames], int, int], tuple[list[int], int]]:
    """`Points.marked` of points that come in (3, n) blocks.

    Args:
        blocks: gives one in so many of them, from the first on.
    """

    def marked(names: Sequence[CellNames], slots: int, every: int) -> tuple[list[int], int]:
        tables = np.zeros((len(names), slots), bool)
        shift = 64 - (slots.bit_length() - 1)
        seen = 0
        for xyz in blocks(every):
            seen += xyz.shape[1]

            def mark(part: slice, xyz: npt.NDArray[Any] = xyz) -> None:
                for name, table in zip(names, tables, strict=True):
                    name.mark(xyz[:, part], shift, table)

            if _core.available():
                parallel.for_each(mark, parallel.shares(xyz.shape[1]))
            else:
                parallel.for_each(mark, parallel.blocks(xyz.shape[1], _CHUNK))
        return [int(np.count_nonzero(table)) for table in tables], seen

    return marked


def named(name: Naming, xyz: npt.NDArray[Any]) -> Words:
    """(N,) words of (3, N) points."""
    out = np.empty(xyz.shape[1], np.uint64)

    def fill(part: slice) -> None:
        out[part] = name(xyz[:, part])

    parallel.for_each(fill, parallel.blocks(len(out), _CHUNK))
    return out


def count_distinct(ranges: Iterable[Words]) -> int:
    """How many words are different, given all of them in ranges that share none; these may be reordered."""
    count = 0
    for found in ranges:
        ordered = parallel.sort(found)
        count += len(ordered) > 0
        for part in parallel.blocks(len(ordered) - 1):
            count += int(np.count_nonzero(ordered[part] != ordered[part.start + 1 : part.stop + 1]))
    return count


def roughly_distinct(
    points: Points, names: Sequence[CellNames], slots: int, every: int = 1
) -> list[tuple[int, int]]:
    """Bounds on how many different words points have by each of some names.

    The first bound is certain, the second but for one in 10^9.

    Args:
        slots: a power of two, and bytes of memory for each name; more for narrower bounds.
        every: look at one point in so many; the first bound holds for all of them all the same.
    """
    counts, seen = points.marked(names, slots, every)
    return [_bounds(marked, slots, seen) for marked in counts]


def likely_distinct(name: CellNames, xyz: npt.NDArray[Any]) -> float:
    """How many different words (3, n) points have, roughly; n is far below 2^16."""
    table = np.zeros(1 << 16, bool)
    name.mark(xyz, 48, table)
    return len(table) * _load(int(np.count_nonzero(table)), len(table))


def _load(marked: int, slots: int) -> float:
    """How many words there are for each slot, in expectation."""
    return -math.log1p(-marked / slots)


def _bounds(marked: int, slots: int, seen: int) -> tuple[int, int]:
    if marked == slots:
        return marked, seen
    load = _load(marked, slots)
    spread = _SIGMAS * math.sqrt(slots * max(0.0, math.expm1(load) - load)) + 3.0
    likely = slots * load
    return max(marked, math.floor(likely - spread)), min(seen, math.ceil(likely + spread))
