"""Random draws from cells on a GPU, several at a time: the rows that `gscli.kernels.picks` keeps, by torch.

How many rows a draw keeps is on the device until all are marked: then one transfer tells all of it. Where
Triton's kernels run, `gscli.kernels.fused_draws` does the same in fewer launches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from . import hashing, picks

if TYPE_CHECKING:
    from torch import Tensor


class One(NamedTuple):
    """One row of each cell, by the uniforms of a stream; see `picks.one_per_cell`."""

    stream: int


class Ratio(NamedTuple):
    """Of each cell a share between low and high; see `picks.counts_from_ratio`.

    Attributes:
        rounds: round by chance instead of down.
        streams: of the rows' keys, of the shares and of the rounding.
    """

    low: float
    high: float
    at_least: int
    rounds: bool
    streams: tuple[int, int, int]


class Counts(NamedTuple):
    """Of each cell the k[c] rows with the smallest random keys of a stream; k is (C,) int64."""

    k: Tensor
    stream: int


class Everything(NamedTuple):
    """Every row that is in a cell."""


Ask = One | Ratio | Counts | Everything
Found = tuple[
    "Tensor", "Tensor", int
]  # (K,) int64 rows, ascending; their (K,) int64 cells; how many were forced


class Cells(NamedTuple):
    """The cells of a scene on a device, at least one.

    Attributes:
        order: (M,) int32 or int64 rows, grouped by cell and ascending in each.
        offsets: (C + 1,) int64; cell c holds ``order[offsets[c]:offsets[c + 1]]``, at least one row.
        names: (C, 3) or (C,) int64, of several scenes (C, 4) or (C, 2).
        owners: (rows,) int32, the cell of each row of the scene, -1 for none.
    """

    order: Tensor
    offsets: Tensor
    names: Tensor
    owners: Tensor


@dataclass(frozen=True, eq=False)
class Ranking:
    """Rows of some cells, of which those with the least keys are found by sorting.

    Attributes:
        rows: (M,) int64, cell by cell, ascending in each.
        cell: (M,) int64, which of the cells each is in.
        first: (C,) int64, where each begins among the rows.
    """

    rows: Tensor
    cell: Tensor
    first: Tensor

    @classmethod
    def of(cls, cells: Cells, sizes: Tensor, starts: Tensor, total: int) -> Ranking:
        """Those of cells with so many rows, which start there in the order, `total` in all."""
        import torch

        device = sizes.device
        cell = torch.repeat_interleave(torch.arange(len(sizes), device=device), sizes, output_size=total)
        first = sizes.cumsum(0) - sizes
        within = torch.arange(total, device=device) - first[cell]
        return cls(cells.order[starts[cell] + within].long(), cell, first)

    def mark(self, marks: Tensor, k: Tensor, keys: Tensor) -> None:
        """Mark k[c] rows of each cell, those with the least keys, of equal ones the lowest.

        Args:
            marks: (rows,) int8. keys: (M,) int64 below 2^32.
        """
        import torch

        by_key = torch.sort(keys | self.cell << 32, stable=True).indices
        stay = torch.arange(len(keys), device=keys.device) < (self.first + k)[self.cell]
        marks[self.rows[by_key]] = stay.to(torch.int8)


@dataclass(frozen=True, eq=False)
class Drawer:
    """Cells ready to be drawn from."""

    cells: Cells

    def draw(self, asks: Sequence[Ask]) -> list[Found]:
        """What is asked for, drawn together; the one place that waits for the device."""
        import torch

        rows, device = len(self.cells.owners), self.cells.owners.device
        marks = torch.zeros((len(asks), rows), dtype=torch.int8, device=device)
        forced = torch.zeros(len(asks), dtype=torch.int64, device=device)
        for ask, marked, raised in zip(asks, marks.unbind(), forced.unbind(), strict=True):
            self._mark(ask, marked, raised)
        ends = marks.flatten().cumsum(0)
        told = torch.cat([ends[rows - 1 :: rows], forced]).cpu().tolist()
        stops, numbers = told[: len(asks)], told[len(asks) :]
        marked_at = torch.searchsorted(ends, torch.arange(1, stops[-1] + 1, device=device))
        kept = marked_at % rows
        return cut(kept, self.cells.owners[kept].long(), stops, numbers)

    def _mark(self, ask: Ask, marks: Tensor, forced: Tensor) -> None:
        offsets, names = self.cells.offsets, self.cells.names
        if isinstance(ask, Everything):
            marks.copy_(self.cells.owners >= 0)
        elif isinstance(ask, One):
            position = picks.one_per_cell(offsets, hashing.cell_uniforms(names, ask.stream))
            marks[self.cells.order[position].long()] = 1
        elif isinstance(ask, Counts):
            self._ranking.mark(marks, ask.k, hashing.row_keys(self._ranking.rows, ask.stream))
        else:
            keys, ratio, rounding = ask.streams
            shares = ask.low + (ask.high - ask.low) * hashing.cell_uniforms(names, ratio)
            up = hashing.cell_uniforms(names, rounding) if ask.rounds else 0.0
            k, raised = picks.counts_from_ratio(offsets.diff(), shares, up, ask.at_least)
            forced.copy_(raised)
            self._ranking.mark(marks, k, hashing.row_keys(self._ranking.rows, keys))

    @cached_property
    def _ranking(self) -> Ranking:
        offsets = self.cells.offsets
        return Ranking.of(self.cells, offsets.diff(), offsets[:-1], len(self.cells.order))


def cut(rows: Tensor, cells: Tensor, stops: list[int], forced: list[int]) -> list[Found]:
    """Apart what several draws keep, one after the other up to these stops."""
    import torch

    sizes = [stop - start for start, stop in zip([0, *stops], stops, strict=False)]
    return list(zip(*(torch.split(kept, sizes) for kept in (rows, cells)), forced, strict=True))
