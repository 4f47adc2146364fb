"""A block of rows at a time, for codecs: as float64, all values of a scene take several times its file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud
from ..kernels import morton
from ..kernels.structured import release_pages, take_rows
from . import _rows
from ._decoded import parts

Array = npt.NDArray[Any]
Gathered = TypeVar("Gathered")


@dataclass(frozen=True)
class Chosen:
    """The rows of a cloud that are written, in their order, taken a block at a time.

    Attributes:
        cloud: the cloud.
        index: (K,) row numbers; None for all rows.
    """

    cloud: GaussianCloud
    index: npt.NDArray[Any] | None

    @classmethod
    def of(cls, cloud: GaussianCloud, index: npt.NDArray[Any] | None) -> Chosen:
        """The rows at `index`, (K,) numbers or an (N,) mask; None for all."""
        return cls(cloud, None if index is None else _rows.row_numbers(index))

    def __len__(self) -> int:
        return len(self.cloud if self.index is None else self.index)

    def blocks(self) -> list[slice]:
        """The slices that cut them into blocks."""
        return parts(len(self))

    def planes(self, names: Sequence[str], part: slice) -> Array:
        """(rows of the block, len(names)) float64; errors as of `gscli.formats._rows.planes`."""
        return self.gathered(part, lambda cloud: _rows.planes(cloud, names, first=self._numbers(part)))

    def narrow(self, names: Sequence[str], part: slice) -> npt.NDArray[np.float32]:
        """(rows of the block, len(names)) float32; errors as of `gscli.formats._rows.narrow`."""
        return self.gathered(part, lambda cloud: _rows.narrow(cloud, names, first=self._numbers(part)))

    def quantised(
        self, names: Sequence[str], numbers: npt.ArrayLike, part: slice, *, down: bool = False
    ) -> npt.NDArray[np.uint8]:
        """(rows of the block, len(names)) bytes; see `gscli.formats._rows.quantised`."""
        first = self._numbers(part)
        return self.gathered(
            part, lambda cloud: _rows.quantised(cloud, names, numbers, down=down, first=first)
        )

    def alpha_bytes(self, part: slice) -> Array:
        """(rows of the block,) opacity as a byte, see `gscli.formats._rows.alpha_bytes`."""
        return self.gathered(part, lambda cloud: _rows.alpha_bytes(cloud, first=self._numbers(part)))

    def _numbers(self, part: slice) -> int | Array:
        """The number in the cloud of the first row of a block, or of each of its rows."""
        return part.start if self.index is None else self.index[part]

    def gathered(self, part: slice, gather: Callable[[GaussianCloud], Gathered]) -> Gathered:
        """What is made of a block's rows, which it must not view.

        Pages of a map are handed back if no later block needs them.
        """
        if self.index is None:
            rows = around = self.cloud.rows[part]
        else:
            numbers = self.index[part]
            rows = take_rows(self.cloud.rows, numbers)
            ascending = (numbers[1:] > numbers[:-1]).all()
            around = self.cloud.rows[numbers[0] : numbers[-1] + 1] if ascending else rows
        gathered = gather(GaussianCloud(rows))
        release_pages(around)
        return gathered


def along_curve(cloud: GaussianCloud, index: npt.NDArray[Any] | None = None) -> npt.NDArray[np.int64]:
    """The rows of a cloud (of those at `index`) along a Morton curve, for formats that sort them so."""
    chosen = Chosen.of(cloud, index)
    rows = np.arange(len(cloud)) if chosen.index is None else chosen.index
    if not len(rows):
        return rows.astype(np.int64)
    xyz = np.empty((len(rows), 3))
    for part in chosen.blocks():
        xyz[part] = chosen.planes(fields.POSITION, part)
    ordered: npt.NDArray[np.int64] = rows[morton.order_of(xyz)].astype(np.int64)
    return ordered
