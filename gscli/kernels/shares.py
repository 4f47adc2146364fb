"""A total shared over cells exactly: so many rows of each, and a fair lot for what does not divide.

What a cell keeps for sure follows from how many rows it has. The rest of the total is one more row for
some cells, and which ones is drawn: among cells that are alike, every one is as likely as any other. So the
total is exact for every seed, and over seeds every cell gets its share on average.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
SIGMAS = 6.0  # how far from where it is expected the last word of a lot is looked for first


class Cells(NamedTuple):
    """Some of the cells: (C,) int64 rows in each, (C,) uint64 random words, (C,) lowest rows."""

    counts: Array
    words: Array
    first_rows: Array


@dataclass(frozen=True)
class Shares:
    """How many rows cells keep, by their size: that is how many rows they have.

    A lot gives one more row to some of its cells, those with the smallest (word, lowest row).

    Attributes:
        sizes: (S,) int64, ascending.
        sure: (S,) int64 rows that cells of each size keep without luck.
        lots: (S,) int64, the lot that cells of each size are in; -1 for none.
        cells: (L,) int64 cells in each lot. lucky: (L,) int64 how many of them keep one more.
        last_words, last_rows: (L,) of the last that does; of no meaning before `drawn`.
    """

    sizes: Array
    sure: Array
    lots: Array
    cells: Array
    lucky: Array
    last_words: Array
    last_rows: Array

    def drawn(self, tiles: Callable[[], Iterable[Cells]]) -> Shares:
        """The shares once every lot is drawn.

        A lot's last word is expected where as many of its words are below as are lucky. Those around it are
        held, and of the others it is enough to know how many are below; the rare lot that ends elsewhere is
        held whole.

        Args:
            tiles: gives all cells, some at a time.
        """
        drawing = self.lucky > 0
        low, high = self._expected()
        for _ in range(2):
            below, lots, words, rows = self._looked_for(tiles(), low, high)
            order = np.lexsort((rows, words, lots))
            starts = np.searchsorted(lots[order], np.arange(len(self.cells)))
            stops = np.searchsorted(lots[order], np.arange(len(self.cells)), side="right")
            last = starts + self.lucky - below - 1
            missed = drawing & ((last < starts) | (last >= stops))
            if not missed.any():
                break
            low[missed], high[missed] = 0, np.iinfo(np.uint64).max
        else:
            raise AssertionError("fewer cells than were counted")
        where = order[last[drawing]]
        last_words, last_rows = self.last_words.copy(), self.last_rows.copy()
        last_words[drawing], last_rows[drawing] = words[where], rows[where]
        return replace(self, last_words=last_words, last_rows=last_rows)

    def _expected(self) -> tuple[Array, Array]:
        """(L,) uint64 words between which a lot's last one almost certainly is."""
        count = np.maximum(self.cells, 1).astype(np.float64)
        share = self.lucky / count
        off = (SIGMAS * np.sqrt(share * (1 - share) * count) + 8) / count
        return _word(share - off), _word(share + off)

    def _looked_for(self, tiles: Iterable[Cells], low: Array, high: Array) -> tuple[Array, ...]:
        """(L,) how many words are below `low`, and lots, words and rows of those from `low` to `high`."""
        below = np.zeros(len(self.cells), np.int64)
        held: list[list[Array]] = [[np.empty(0, np.int64)], [np.empty(0, np.uint64)], [np.empty(0, np.int64)]]
        for part in tiles:
            lots = self.lots[self._size_of(part.counts)]
            drawing = np.flatnonzero(lots >= 0)
            lots, words = lots[drawing], part.words[drawing]
            below += np.bincount(lots[words < low[lots]], minlength=len(below))
            near = np.flatnonzero((words >= low[lots]) & (words <= high[lots]))
            for found, values in zip(held, (lots, words, part.first_rows[drawing]), strict=True):
                found.append(values[near])
        return below, *map(np.concatenate, held)

    def of(self, cells: Cells) -> Array:
        """(C,) int64 rows to keep of each of some cells; 0 to all that it has."""
        size = self._size_of(cells.counts)
        lots = self.lots[size]
        last_words, last_rows = self.last_words[lots], self.last_rows[lots]
        lucky = (cells.words < last_words) | ((cells.words == last_words) & (cells.first_rows <= last_rows))
        kept: Array = self.sure[size] + (lucky & (lots >= 0))
        return kept

    def _size_of(self, counts: Array) -> Array:
        return np.searchsorted(self.sizes, counts)


def in_proportion(sizes: Array, cells: Array, total: int, start: int) -> Shares:
    """Shares of `total` in proportion to sizes: every row of a cloud is kept as often as any other.

    A cell of n of all N rows keeps floor(n total / N), and one more with the probability that is left:
    systematic sampling (Madow 1949). The remainders of all cells are laid end to end, sizes ascending, and
    marks set every N from a random start on; a size has as many lucky cells as marks fall on it.

    Args:
        sizes: (S,) int64, ascending: how many rows cells have. cells: (S,) how many cells have so many.
        total: 0 <= total <= N.
        start: a random 64-bit word.
    """
    rows = max(1, sum(int(n) * int(m) for n, m in zip(sizes, cells, strict=True)))
    at = start * rows >> 64
    sure, lucky = [], []
    for n, m in zip(map(int, sizes), map(int, cells), strict=True):
        whole, left = divmod(n * total, rows)
        before, at = at, at + left * m
        sure.append(whole)
        lucky.append(at // rows - before // rows)
    return _shares(sizes, sure, list(range(len(sure))), list(map(int, cells)), lucky)


def level(sizes: Array, cells: Array, total: int) -> tuple[Shares, int]:
    """Shares of `total` that are as even as can be: k rows of every cell, or all it has, and a lot for k + 1.

    Args:
        sizes, cells, total: as of `in_proportion`.

    Returns:
        The shares, and k.
    """
    k = kept = 0
    left = sum(map(int, cells))  # cells with more than k rows
    for n, m in zip(map(int, sizes), map(int, cells), strict=True):
        steps = min(n - k, (total - kept) // left if left else 0)
        k, kept = k + steps, kept + steps * left
        if k < n:
            break
        left -= m
    more = sizes > k
    lots = np.where(more, 0, -1)
    return _shares(sizes, np.minimum(sizes, k), lots, [int(cells[more].sum())], [total - kept]), k


def _shares(sizes: Array, sure: Any, lots: Any, cells: Any, lucky: Any) -> Shares:
    undrawn = np.zeros(len(lucky), np.uint64), np.full(len(lucky), -1, np.int64)
    lots, cells, lucky = (np.asarray(values, np.int64) for values in (lots, cells, lucky))
    return Shares(sizes, np.asarray(sure, np.int64), lots, cells, lucky, *undrawn)


def _word(share: Array) -> npt.NDArray[np.uint64]:
    """Where a share of all 64-bit words ends."""
    inside = np.clip(share, 0.0, 1.0 - 2.0**-53)
    words: npt.NDArray[np.uint64] = (inside * 2.0**64).astype(np.uint64)
    words[share >= 1.0] = np.iinfo(np.uint64).max
    return words
