"""How many cells of a lattice hold a point, counted in little memory: roughly, or exactly.

The cell of a point makes a 64-bit word, and what is counted is different words. A rough count marks one
slot of a table for each word. Words that share a slot are counted once, and how many do is known to
within what chance allows (linear counting: Whang, Vander-Zanden and Taylor, 1990).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from . import parallel
from .cell_keys import MAX_INDEX, cut
from .cells import Span

Words = npt.NDArray[np.uint64]
Naming = Callable[[npt.NDArray[Any]], Words]

_CHUNK = 1 << 15  # points at a time: the temporaries stay in the processor's cache
_SIGMAS = 6.0  # how far chance may lead
_LATTICE = (int, int, np.float64, int)
_WORDS = _core.for_each_type("cell_words", lambda kind: (*[kind] * 3, *_LATTICE, np.uint64))
_MARKS = _core.for_each_type("mark_cells", lambda kind: (*[kind] * 3, *_LATTICE, int, np.uint8))
_MIXERS = tuple(np.uint64(word) for word in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


@dataclass(frozen=True)
class Points:
    """Points that can be gone through again and again.

    Attributes:
        marked: how many of so many slots the upper bits of their words tell, looking at one point in so many
            from the first on, and how many points that is; the slots are a power of two.
        distinct: how many different words a function gives to all of them.
    """

    marked: Callable[[CellNames, int, int], tuple[int, int]]
    distinct: Callable[[Naming], int]


def in_memory(xyz: Any) -> Points:
    """(3, N) positions, NumPy's or a torch tensor's, which stays on its device."""
    if not isinstance(xyz, np.ndarray):
        return Points(
            lambda name, slots, every: _marked_by_torch(xyz[:, ::every], name, slots),
            lambda name: _distinct_in_torch(name(xyz)),
        )
    thinned = cache(lambda every: [np.ascontiguousarray(xyz[:, ::every])])
    return Points(marked_in(thinned), lambda name: count_distinct([named(name, xyz)]))


def marked_in(
    blocks: Callable[[int], Iterable[npt.NDArray[Any]]],
) -> Callable[[CellNames, int, int], tuple[int, int]]:
    """`Points.marked` of points that come in (3, n) blocks.

    Args:
        blocks: gives one in so many of them, from the first on.
    """

    def marked(name: CellNames, slots: int, every: int) -> tuple[int, int]:
        table = np.zeros(slots, bool)
        shift = 64 - (slots.bit_length() - 1)
        seen = 0
        for xyz in blocks(every):
            seen += xyz.shape[1]

            def mark(part: slice, xyz: npt.NDArray[Any] = xyz) -> None:
                name.mark(xyz[:, part], shift, table)

            parallel.for_each(mark, parallel.blocks(xyz.shape[1], _CHUNK))
        return int(np.count_nonzero(table)), seen

    return marked


@dataclass(frozen=True, eq=False)
class CellNames:
    """Gives points of one cell one word, and those of different cells different ones.

    Two cells share a word once in 2^64 pairs if the box has 2^53 cells or more, and never otherwise.

    Args:
        size, origin: of the lattice.
        span: from `cells.lattice_span`; all points are in it.
    """

    size: float
    origin: npt.NDArray[Any]
    span: Span

    def __call__(self, xyz: Any) -> Any:
        """(n,) words of (3, n) points; of a tensor int64, whose bits are the same."""
        if not isinstance(xyz, np.ndarray):
            return self._in_torch(xyz)
        if (compiled := _core.of_columns(_WORDS, xyz)) is not None:
            out = np.empty(xyz.shape[1], np.uint64)
            compiled(0, len(out), self._cut, self._packs, out)
            return out
        key: Any = np.zeros(xyz.shape[1], np.float64 if self._packs else np.uint64)
        for axis, (low, number) in enumerate(zip(*self.span, strict=True)):
            if self.origin[axis] == 0.0:
                cell = np.divide(xyz[axis], self.size, dtype=np.float64)
            else:
                cell = np.subtract(xyz[axis], self.origin[axis], dtype=np.float64)
                cell /= self.size
            np.floor(cell, out=cell)
            if self._packs:
                cell -= low
                key *= number
                key += cell
            else:
                key = _mixed(key + cell.astype(np.int64).view(np.uint64) * _MIXERS[axis])
        return _mixed(key.astype(np.int64).view(np.uint64)) if self._packs else key

    def mark(self, xyz: npt.NDArray[Any], shift: int, slots: npt.NDArray[np.bool_]) -> None:
        """Mark the slots that the upper bits of the words of (3, n) points tell."""
        if shift < 64 and (compiled := _core.of_columns(_MARKS, xyz)) is not None:
            compiled(0, xyz.shape[1], self._cut, self._packs, shift, slots.view(np.uint8))
        else:
            slots[(self(xyz) >> np.uint64(shift)).view(np.int64)] = True

    def _in_torch(self, xyz: Any) -> Any:
        import torch

        divisor = torch.tensor([self.size], dtype=torch.float64, device=xyz.device)
        key = torch.zeros(xyz.shape[1], dtype=torch.int64, device=xyz.device)
        for axis, (low, number) in enumerate(zip(*self.span, strict=True)):
            cell = torch.floor((xyz[axis].double() - float(self.origin[axis])) / divisor).long()
            key = key * number + (cell - low) if self._packs else _mixed(key + cell * _signed(_MIXERS[axis]))
        return _mixed(key) if self._packs else key

    @cached_property
    def _packs(self) -> bool:
        return math.prod(self.span.number) < MAX_INDEX

    @cached_property
    def _cut(self) -> npt.NDArray[np.float64]:
        return cut(self.size, self.origin, self.span.low, self.span.number)


def name_positions(xyz: Any) -> Any:
    """Gives equal positions one word, and different ones different ones but once in 2^64 pairs."""
    if not isinstance(xyz, np.ndarray):
        key = _mixed(_bits_in_torch(xyz[0]) * _signed(_MIXERS[0]))
        for axis in (1, 2):
            key = _mixed(key + _bits_in_torch(xyz[axis]) * _signed(_MIXERS[axis]))
        return key
    key = np.zeros(xyz.shape[1], np.uint64)
    for axis in range(3):
        bits = np.add(xyz[axis], 0.0, dtype=np.float64).view(np.uint64)  # 0.0 for -0.0
        key = _mixed(key + bits * _MIXERS[axis])
    return key


def _bits_in_torch(coordinates: Any) -> Any:
    import torch

    return (coordinates.double() + 0.0).view(torch.int64)


def _signed(word: np.uint64) -> int:
    """A word as torch knows it."""
    return int(word.view(np.int64))


def _mixed(key: Any) -> Any:
    """Scramble words, in place if they are NumPy's, each into one of its own."""
    if not isinstance(key, np.ndarray):
        key = key * _signed(_MIXERS[0])
        return (key ^ ((key >> 32) & 0xFFFFFFFF)) * _signed(_MIXERS[1])
    key *= _MIXERS[0]
    key ^= key >> np.uint64(32)
    key *= _MIXERS[1]
    return key


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


def roughly_distinct(points: Points, name: CellNames, slots: int, every: int = 1) -> tuple[int, int]:
    """Bounds on how many different words points have; the first is certain, the second but for one in 10^9.

    Args:
        slots: a power of two, and bytes of memory; more for narrower bounds.
        every: look at one point in so many; the first bound holds for all of them all the same.
    """
    marked, seen = points.marked(name, slots, every)
    if marked == slots:
        return marked, seen
    load = -math.log1p(-marked / slots)  # words for each slot, in expectation
    spread = _SIGMAS * math.sqrt(slots * max(0.0, math.expm1(load) - load)) + 3.0
    likely = slots * load
    return max(marked, math.floor(likely - spread)), min(seen, math.ceil(likely + spread))


def _marked_by_torch(xyz: Any, name: CellNames, slots: int) -> tuple[int, int]:
    import torch

    table = torch.zeros(slots, dtype=torch.bool, device=xyz.device)
    table[(name(xyz) >> (64 - (slots.bit_length() - 1))) & (slots - 1)] = True
    return int(table.count_nonzero()), int(xyz.shape[1])


def _distinct_in_torch(words: Any) -> int:
    ordered = words.sort().values
    return min(1, len(ordered)) + int((ordered[1:] != ordered[:-1]).count_nonzero())
