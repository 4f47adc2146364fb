"""What one draw kept, and the arrays it comes from: NumPy's, or torch tensors on one device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..device import is_torch, require_there, sent, to_numpy
from ..kernels import marks
from ..results import shown

if TYPE_CHECKING:
    import torch


@shown.shown
@dataclass(frozen=True, eq=False)
class Draw:
    """What one draw kept.

    Attributes:
        rows: (K,) int64 rows of the input, ascending; from a grid on disk (rows of the input,) bool.
        forced_cells: cells that the method's minimum made keep more than its ratio asked for.
    """

    rows: Any
    forced_cells: int

    @property
    def kept(self) -> npt.NDArray[Any]:
        """`rows` as a NumPy array."""
        kept: npt.NDArray[Any] = to_numpy(self.rows)
        return kept

    def _facts(self) -> dict[str, object]:
        return {"rows": len(self), "forced cells": self.forced_cells}

    def __len__(self) -> int:
        """How many rows are kept."""
        is_mask = isinstance(self.rows, np.ndarray) and self.rows.dtype == bool
        return int(np.count_nonzero(self.rows)) if is_mask else len(self.rows)


def none_kept(order: Any, rows: int) -> Any:
    """(rows,) bool, all False, of the kind and on the device of an `order`."""
    if isinstance(order, np.ndarray):
        return np.zeros(rows, bool)
    import torch

    return torch.zeros(rows, dtype=torch.bool, device=order.device)


def rows_of(kept: Any) -> Any:
    """(K,) int64, the rows that are True in (rows,) bool, ascending."""
    if isinstance(kept, np.ndarray):
        return marks.listed(kept)
    import torch

    return torch.nonzero(kept).squeeze(1)


def on(device: torch.device | None, array: Any) -> Any:
    """An array as a tensor on a torch device; unchanged for None.

    Raises:
        EngineUnavailable: the device is a GPU that is not there.
    """
    if device is None:
        return array
    try:
        return array.to(device) if is_torch(array) else sent(array, device)
    except (AssertionError, RuntimeError):
        require_there(device)
        raise


def like(reference: Any, array: Any) -> Any:
    """A NumPy array as whatever `reference` is; uint32 becomes int64 for torch, which cannot sort it."""
    if not is_torch(reference) or is_torch(array):
        return array
    return on(reference.device, array.astype(np.int64))
