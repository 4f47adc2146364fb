"""How many cells of each size of the ladder are occupied, counted as exactly as need be."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import occupancy
from .cell_keys import lattice_span
from .cell_names import CellNames
from .extent import Extent
from .ladder import rung, rungs
from .occupancy import Points

_MANY = 1 << 18  # points of which one in `_PART` is looked at first
_PART = 8
_AROUND, _AROUND_IN_PART = 2, 16  # rungs on either side of one that are counted with it on a GPU
_SURFACE = 2.0  # cells grow in number by this power of their fineness, roughly


class RungCounts:
    """How many cells are occupied at each rung, each counted once.

    Attributes:
        wanted: how many there should be.
        finest, coarsest: rungs to look at.
    """

    def __init__(
        self,
        extent: Extent,
        points: Points,
        origin: npt.NDArray[Any],
        finest: int,
        coarsest: int,
        wanted: float,
    ) -> None:
        self.wanted, self.finest, self.coarsest = wanted, finest, coarsest
        self.every = _PART if extent.count > _MANY else 1
        self._extent, self._points, self._origin = extent, points, origin
        room = extent.count // 8 + (4 << 20)
        self._slots = 1 << min(max(16, math.ceil(math.log2(8 * wanted))), room.bit_length() - 1)
        self._bounds: dict[int, tuple[int, int]] = {}
        self._in_part: dict[int, int] = {}

    def bounds(self, i: int) -> tuple[int, int]:
        """The least and the most that there may be at a rung."""
        if i not in self._bounds:
            found = self._roughly(i, self._bounds, _AROUND if self.every > 1 else _AROUND_IN_PART, 1)
            self._bounds.update(found)
        return self._bounds[i]

    def exactly(self, i: int) -> int:
        self.look_at([i])
        return self._bounds[i][0]

    def look_at(self, rungs: Sequence[int]) -> None:
        """Count exactly how many there are at some rungs."""
        some = [i for i in rungs if len(set(self._bounds.get(i, (0, 1)))) > 1]
        if some:
            found = self._points.distinct([self._name(i) for i in some])
            self._bounds.update({i: (number, number) for i, number in zip(some, found, strict=True)})

    def in_part(self, i: int) -> int:
        """How many a part of the points is known to be in; all points are in no fewer."""
        if i not in self._in_part:
            found = self._roughly(i, self._in_part, _AROUND_IN_PART, self.every)
            self._in_part.update({j: least for j, (least, _) in found.items()})
        return self._in_part[i]

    def _roughly(self, i: int, known: Container[int], around: int, every: int) -> dict[int, tuple[int, int]]:
        """Bounds at a rung, and at those around it that will be asked for, where they cost little."""
        around = min(around, (self._points.room // self._slots - 1) // 2)
        ends = max(i - around, self.finest), min(i + around, self.coarsest)
        rungs = [j for j in range(ends[0], ends[1] + 1) if j not in known] if around > 0 else [i]
        names = [self._name(j) for j in rungs]
        found = occupancy.roughly_distinct(self._points, names, self._slots, every)
        return dict(zip(rungs, found, strict=True))

    def crossing(self, number: float, guess: int) -> tuple[int, int]:
        """A rung with at least so many and the next, which has fewer.

        The first is below the finest rung where that has fewer already; the coarsest always has.
        """

        def excess(i: int) -> float:
            least, most = self.bounds(i)
            if least < number <= most:
                least = most = self.exactly(i)
            return math.log2(max(least, 1) / number)

        ends = self.finest - 1, self.coarsest
        if self.every > 1 and ends[0] < guess < ends[1]:
            seen = self.in_part(guess) / max(self.bounds(guess)[0], 1)
            guess = _crossing(lambda i: math.log2(self.in_part(i) / (seen * number)), guess, *ends)[0]
        return _crossing(excess, guess, *ends)

    def guess(self) -> int:
        """The rung that some of the points suggest."""
        some = self._extent.some
        if self.every > 1:
            some = np.ascontiguousarray(some[:, ::4])
        ends = self.finest - 1, self.coarsest

        def excess(i: int, number: float) -> float:
            return math.log2(max(1.0, occupancy.likely_distinct(self._name(i), some)) / number)

        settled = min(self.wanted, some.shape[1] / 8)  # in cells of so many points few were overlooked
        if some.shape[1] == self._extent.count:
            settled = self.wanted
        i = _crossing(lambda i: excess(i, settled), self.coarsest - 40, *ends)[0]
        if i < self.finest or settled == self.wanted:
            return i
        octave = round(rungs(1))
        power = min(max(excess(i, 1) - excess(i + octave, 1), 1.0), 3.0)
        i -= round(rungs(math.log2(self.wanted / settled) / power))
        if self.every == 1:
            return i
        seen = -math.expm1(-0.4 * self._extent.count / self.every / self.wanted)
        return _crossing(lambda i: math.log2(self.in_part(i) / (seen * self.wanted)), i, *ends)[0]

    def _name(self, i: int) -> CellNames:
        size = rung(i)
        span = lattice_span(self._extent.low, self._extent.high, size, self._origin)
        return CellNames(size, self._origin, span)


def _crossing(excess: Callable[[int], float], guess: int, low: int, high: int) -> tuple[int, int]:
    """Neighbouring rungs, of which the first exceeds something and the next does not.

    Args:
        excess: by how many doublings a rung does, from 0 on; below 0 it does not.
        guess: where to look first.
        low, high: rungs that are taken to be such, and not asked.
    """
    at, run = guess, 0
    while high - low > 1:
        at = min(max(at, low + 1), high - 1)
        found = excess(at)
        low, high = (at, high) if found >= 0 else (low, at)
        run = max(run, 0) + 1 if found >= 0 else min(run, 0) - 1
        step = max(1, round(rungs(abs(found) / _SURFACE)), 2 ** abs(run) // 4)
        at += step if found >= 0 else -step
        if not low < at < high:
            at = (low + high) // 2
    return low, high
