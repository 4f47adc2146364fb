"""Random draws from cells on a GPU by fused kernels: what `gscli.kernels.draws` gives, in fewer launches."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from .draws import Ask, Cells, Everything, Found, One, Ranking, Ratio, cut
from .hashing import signed
from .launches import launch

if TYPE_CHECKING:
    from torch import Tensor

TILES = (
    (32, 1),
    (256, 1),
    (4096, 8),
)  # the most rows of a cell, and the warps that take it; larger ones are sorted
STRETCH = 4096  # rows of a scene that one program puts side by side
_CELLS = 256  # taken by one program


class _Sizes(NamedTuple):
    """What is launched for cells of which sizes.

    Attributes:
        tiles: that some cell needs: the most rows of the one before, its own, its warps.
        giants: (G,) int64 cells beyond all tiles. ranking: of their rows; None where there are none.
    """

    tiles: list[tuple[int, int, int]]
    giants: Tensor
    ranking: Ranking | None


@dataclass(frozen=True, eq=False)
class Drawer:
    """Cells ready to be drawn from."""

    cells: Cells

    def draw(self, asks: Sequence[Ask]) -> list[Found]:
        """What is asked for, drawn together; the one place that waits for the device.

        One table has a mark for each row of each draw. The numbers are a tally of each stretch of it, then
        how many cells each draw forced, so that one running sum of them is what the CPU has to know.
        """
        import torch

        from .gpu import draws

        order, owners = self.cells.order, self.cells.owners
        stretches = -(-len(owners) // STRETCH)
        places = len(asks) * stretches
        room = torch.zeros(places * (STRETCH // 8 + 1) + len(asks), dtype=torch.int64, device=owners.device)
        table, numbers = room[: places * STRETCH // 8].view(torch.int8), room[places * STRETCH // 8 :]
        marks = table.view(len(asks), stretches * STRETCH).unbind()
        for ask, marked, forced in zip(asks, marks, numbers[places:].unbind(), strict=True):
            self._mark(ask, marked, forced)
        launch(draws.tally, (places,), table, numbers, B=STRETCH)
        sums = numbers.cumsum(0)
        told = sums.cpu().numpy()
        stops, raised = told[stretches - 1 : places : stretches].tolist(), told[places - 1 :]
        rows, owned = (torch.empty(stops[-1], dtype=torch.int64, device=order.device) for _ in range(2))
        if stops[-1]:
            launch(
                draws.compact,
                (places,),
                *(table, owners, sums, rows, owned, stretches),
                B=STRETCH,
                warps=8,
            )
        return cut(rows, owned, stops, (raised[1:] - raised[:-1]).tolist())

    def _mark(self, ask: Ask, marks: Tensor, forced: Tensor) -> None:
        import torch

        from .gpu import draws

        order, offsets, names, owners = self.cells
        by_cell = {"COLUMNS": 1 if names.ndim == 1 else int(names.shape[1]), "B": _CELLS}
        programs = (-(-len(names) // _CELLS),)
        if isinstance(ask, Everything):
            torch.ge(owners, 0, out=marks[: len(owners)].view(torch.bool))
        elif isinstance(ask, One):
            launch(
                draws.mark_one,
                programs,
                *(offsets, names, order, marks, len(names), signed(ask.stream)),
                **by_cell,
            )
        elif isinstance(ask, Ratio):
            k = torch.empty_like(offsets[1:])
            keys, ratio, rounding = map(signed, ask.streams)
            launch(
                draws.share,
                programs,
                *(offsets, names, k, forced, len(names)),
                *(_bits(ask.low), _bits(ask.high - ask.low), ratio, rounding, ask.at_least),
                ROUNDS=ask.rounds,
                **by_cell,
            )
            self._mark_least(marks, k, keys)
        else:
            self._mark_least(marks, ask.k, signed(ask.stream))

    def _mark_least(self, marks: Tensor, k: Tensor, stream: int) -> None:
        """Mark the k rows of each cell with the smallest keys."""
        import torch

        from .gpu import draws

        order, offsets = self.cells.order, self.cells.offsets
        tiles, giants, ranking = self._sizes
        for beyond, most, warps in tiles:
            launch(
                draws.mark_least,
                (len(offsets) - 1,),
                *(offsets, order, k, marks, stream),
                BEYOND=beyond,
                B=most,
                warps=warps,
            )
        if ranking is not None:
            keys = torch.empty_like(ranking.rows)
            launch(draws.hash_rows, (-(-len(keys) // 1024),), ranking.rows, keys, len(keys), stream, B=1024)
            ranking.mark(marks, k[giants], keys)

    @cached_property
    def _sizes(self) -> _Sizes:
        """By a wait of their own, once."""
        import torch

        offsets = self.cells.offsets
        counts, largest = offsets.diff(), TILES[-1][0]
        told = [(counts <= most).sum() for most, _ in TILES]
        told.append(counts.where(counts > largest, 0).sum())
        *up_to, rows = torch.stack(told).cpu().tolist()
        found, beyond, before = [], 0, 0
        for (most, warps), cells in zip(TILES, up_to, strict=True):
            if cells > before:
                found.append((beyond, most, warps))
            beyond, before = most, cells
        if not rows:
            return _Sizes(found, counts[:0], None)
        giants = torch.sort(counts, descending=True).indices[: len(counts) - before]
        return _Sizes(found, giants, Ranking.of(self.cells, counts[giants], offsets[giants], rows))


def _bits(number: float) -> int:
    """The bits of a float64 as an int64: a float itself would reach a kernel with 32."""
    return int(struct.unpack("q", struct.pack("d", number))[0])
