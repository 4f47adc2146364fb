"""Random draws from cells on a GPU by fused kernels: the rows that `gscli.kernels.picks` keeps.

How many rows a draw keeps is on the device until all draws are begun: then one transfer tells all of them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

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


@dataclass(frozen=True, eq=False)
class Begun:
    """A draw whose rows are marked and not yet counted on the CPU.

    Attributes:
        marks: (rows,) int8, 1 where a row stays.
        ends: (S,) int64, how many do up to the end of each stretch of rows.
        forced: () int64, cells that the method's minimum raised.
    """

    marks: Tensor
    ends: Tensor
    forced: Tensor


@dataclass(frozen=True, eq=False)
class Drawer:
    """The cells of a scene on a GPU, at least one, ready to be drawn from.

    Attributes:
        order: (M,) int32 or int64 rows, grouped by cell and ascending in each.
        offsets: (C + 1,) int64; cell c holds ``order[offsets[c]:offsets[c + 1]]``, at least one row.
        cells: (C, 3) or (C,) int64, of several scenes (C, 4) or (C, 2).
        owners: (rows,) int32, the cell of each row of the scene, -1 for none.
    """

    order: Tensor
    offsets: Tensor
    cells: Tensor
    owners: Tensor

    def one_of_each(self, stream: int) -> Begun:
        """One row of each cell, drawn as `picks.one_per_cell` does by the uniforms of a stream."""
        from .gpu import draws

        marks = self._none()
        launch(
            draws.mark_one,
            self._programs,
            *(self.offsets, self.cells, self.order, marks, len(self.cells), _signed(stream)),
            COLUMNS=self._columns,
            B=_CELLS,
        )
        return self._begun(marks, self._zero())

    def of_ratio(
        self, low: float, high: float, at_least: int, rounds: bool, streams: tuple[int, int, int]
    ) -> Begun:
        """Of each cell a share between low and high; see `picks.counts_from_ratio`.

        Args:
            rounds: round by chance instead of down.
            streams: of the rows' keys, of the shares and of the rounding.
        """
        import torch

        from .gpu import draws

        k, forced = torch.empty_like(self.offsets[1:]), self._zero()
        keys, ratio, rounding = map(_signed, streams)
        launch(
            draws.share,
            self._programs,
            *(self.offsets, self.cells, k, forced, len(self.cells)),
            *(_bits(low), _bits(high - low), ratio, rounding, at_least),
            ROUNDS=rounds,
            COLUMNS=self._columns,
            B=_CELLS,
        )
        return self._begun(self._least(k, keys), forced)

    def of_counts(self, k: Tensor, stream: int) -> Begun:
        """Of each cell the k[c] rows with the smallest random keys of a stream; k is (C,) int64."""
        return self._begun(self._least(k, _signed(stream)), self._zero())

    def everything(self) -> Begun:
        """Every row that is in a cell."""
        import torch

        return self._begun((self.owners >= 0).to(torch.int8), self._zero())

    def finished(self, begun: list[Begun]) -> list[tuple[Tensor, Tensor, int]]:
        """Of each draw the (K,) int64 rows, ascending, their (K,) int64 cells, and how many were forced.

        The one place that waits for the device.
        """
        import torch

        from .gpu import draws

        numbers = torch.stack([number for draw in begun for number in (draw.ends[-1], draw.forced)]).tolist()
        found = []
        for draw, kept, forced in zip(begun, numbers[::2], numbers[1::2], strict=True):
            rows, cells = (torch.empty(kept, dtype=torch.int64, device=self.order.device) for _ in range(2))
            if kept:
                launch(
                    draws.compact,
                    (len(draw.ends),),
                    *(draw.marks, self.owners, draw.ends, rows, cells, len(draw.marks)),
                    B=STRETCH,
                    warps=8,
                )
            found.append((rows, cells, forced))
        return found

    @property
    def _columns(self) -> int:
        return 1 if self.cells.ndim == 1 else int(self.cells.shape[1])

    @property
    def _programs(self) -> tuple[int]:
        return (-(-len(self.cells) // _CELLS),)

    @cached_property
    def _classes(self) -> list[tuple[Tensor, int, int]]:
        """The cells of each tile, its rows and its warps."""
        import torch

        counts, least, found = self.offsets.diff(), 0, []
        for most, warps in TILES:
            which = torch.nonzero((counts > least) & (counts <= most)).squeeze(1)
            if len(which):
                found.append((which, most, warps))
            least = most
        return found

    @cached_property
    def _giants(self) -> tuple[Tensor, Tensor, Tensor, Tensor] | None:
        """Cells beyond all tiles, which of them each row is in, where each begins, positions in the order."""
        import torch

        counts = self.offsets.diff()
        which = torch.nonzero(counts > TILES[-1][0]).squeeze(1)
        if not len(which):
            return None
        sizes = counts[which]
        giant = torch.repeat_interleave(torch.arange(len(which), device=which.device), sizes)
        first = sizes.cumsum(0) - sizes
        within = torch.arange(len(giant), device=which.device) - first[giant]
        return which, giant, first, self.offsets[which][giant] + within

    def _least(self, k: Tensor, stream: int) -> Tensor:
        """The marks of the k rows of each cell with the smallest keys."""
        import torch

        from .gpu import draws

        marks = self._none()
        for which, most, warps in self._classes:
            launch(
                draws.mark_least,
                (len(which),),
                *(self.offsets, self.order, k, which, marks, stream),
                B=most,
                warps=warps,
            )
        if self._giants is not None:
            which, giant, first, positions = self._giants
            keys = torch.empty_like(positions)
            launch(
                draws.hash_rows,
                (-(-len(keys) // 1024),),
                *(self.order, positions, keys, len(keys), stream),
                B=1024,
            )
            by_key = torch.sort(keys | giant << 32, stable=True).indices
            kept = torch.arange(len(keys), device=keys.device) < (first + k[which])[giant]
            marks[self.order[positions[by_key]].long()] = kept.to(torch.int8)
        return marks

    def _none(self) -> Tensor:
        import torch

        return torch.zeros_like(self.owners, dtype=torch.int8)

    def _zero(self) -> Tensor:
        return self.offsets.new_zeros(())

    def _begun(self, marks: Tensor, forced: Tensor) -> Begun:
        import torch

        from .gpu import draws

        tallies = torch.empty(-(-len(marks) // STRETCH), dtype=torch.int32, device=marks.device)
        launch(draws.tally, (len(tallies),), marks, tallies, len(marks), B=STRETCH)
        return Begun(marks, tallies.cumsum(0), forced)


def _bits(number: float) -> int:
    """The bits of a float64 as an int64: a float itself would reach a kernel with 32."""
    return int(struct.unpack("q", struct.pack("d", number))[0])


def _signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word
