"""Words that name the cells of a lattice and positions: what is counted is different words.

Words of NumPy are uint64, those of torch int64 with the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core, device
from . import cell_keys
from .cell_keys import MAX_INDEX, Span
from .hashing import GOLDEN, MIXERS, signed

Words = npt.NDArray[np.uint64]
Naming = Callable[[npt.NDArray[Any]], Words]

_LATTICE = (int, int, np.float64, int)
_WORDS = _core.for_each_type("cell_words", lambda kind: (*[kind] * 3, *_LATTICE, np.uint64))
_MARKS = _core.for_each_type("mark_cells", lambda kind: (*[kind] * 3, *_LATTICE, int, np.uint8))
_MIXERS = tuple(np.uint64(word) for word in (GOLDEN, *MIXERS))


@dataclass(frozen=True, eq=False)
class CellNames:
    """Gives points of one cell one word, and those of different cells different ones.

    Two cells share a word once in 2^64 pairs if the box has 2^53 cells or more, and never otherwise.

    Args:
        size, origin: of the lattice.
        span: from `cell_keys.lattice_span`; all points are in it.
    """

    size: float
    origin: npt.NDArray[Any]
    span: Span

    def __call__(self, xyz: Any) -> Any:
        """(n,) words of (3, n) points; of a tensor int64, whose bits are the same."""
        if not isinstance(xyz, np.ndarray):
            return words_in_torch(xyz, [self])[0]
        if (compiled := _core.of_columns(_WORDS, xyz)) is not None:
            out = np.empty(xyz.shape[1], np.uint64)
            compiled(0, len(out), self.cut, self.packs, out)
            return out
        key: Any = np.zeros(xyz.shape[1], np.float64 if self.packs else np.uint64)
        for axis, (low, number) in enumerate(zip(*self.span, strict=True)):
            if self.origin[axis] == 0.0:
                cell = np.divide(xyz[axis], self.size, dtype=np.float64)
            else:
                cell = np.subtract(xyz[axis], self.origin[axis], dtype=np.float64)
                cell /= self.size
            np.floor(cell, out=cell)
            if self.packs:
                cell -= low
                key *= number
                key += cell
            else:
                key = _mixed(key + cell.astype(np.int64).view(np.uint64) * _MIXERS[axis])
        return _mixed(key.astype(np.int64).view(np.uint64)) if self.packs else key

    def mark(self, xyz: npt.NDArray[Any], shift: int, slots: npt.NDArray[np.bool_]) -> None:
        """Mark the slots that the upper bits of the words of (3, n) points tell."""
        if shift < 64 and (compiled := _core.of_columns(_MARKS, xyz)) is not None:
            compiled(0, xyz.shape[1], self.cut, self.packs, shift, slots.view(np.uint8))
        else:
            slots[(self(xyz) >> np.uint64(shift)).view(np.int64)] = True

    @cached_property
    def packs(self) -> bool:
        """Whether a word is a cell's number, scrambled; else it is its coordinates', mixed."""
        return math.prod(self.span.number) < MAX_INDEX

    @cached_property
    def cut(self) -> npt.NDArray[np.float64]:
        """The lattice, as of `cell_keys.cut`."""
        return cell_keys.cut(self.size, self.origin, self.span.low, self.span.number)


def words_in_torch(xyz: Any, names: Sequence[CellNames]) -> Any:
    """(R, n) int64 words of (3, n) points, a tensor, by R names that all pack, or none."""
    import torch

    sizes, *rest = device.sent(np.stack([name.cut for name in names]), xyz.device).T[:, :, None]
    key: Any = torch.zeros((len(names), xyz.shape[1]), dtype=torch.int64, device=xyz.device)
    for x, origin, low, number, mixer in zip(xyz, rest[:3], rest[3:6], rest[6:], _MIXERS, strict=True):
        cell = torch.floor((x.double() - origin) / sizes).long()
        if names[0].packs:
            key = key * number.long() + (cell - low.long())
        else:
            key = _mixed(key + cell * signed(int(mixer)))
    return _mixed(key) if names[0].packs else key


def name_positions(xyz: Any) -> Any:
    """Gives equal positions one word, and different ones different ones but once in 2^64 pairs."""
    if not isinstance(xyz, np.ndarray):
        key = _mixed(_bits_in_torch(xyz[0]) * signed(int(_MIXERS[0])))
        for axis in (1, 2):
            key = _mixed(key + _bits_in_torch(xyz[axis]) * signed(int(_MIXERS[axis])))
        return key
    key = np.zeros(xyz.shape[1], np.uint64)
    for axis in range(3):
        bits = np.add(xyz[axis], 0.0, dtype=np.float64).view(np.uint64)  # 0.0 for -0.0
        key = _mixed(key + bits * _MIXERS[axis])
    return key


def _bits_in_torch(coordinates: Any) -> Any:
    import torch

    return (coordinates.double() + 0.0).view(torch.int64)


def _mixed(key: Any) -> Any:
    """Scramble words, in place if they are NumPy's, each into one of its own."""
    if not isinstance(key, np.ndarray):
        key = key * signed(int(_MIXERS[0]))
        return (key ^ ((key >> 32) & 0xFFFFFFFF)) * signed(int(_MIXERS[1]))
    key *= _MIXERS[0]
    key ^= key >> np.uint64(32)
    key *= _MIXERS[1]
    return key
