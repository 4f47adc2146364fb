"""What the picks other than ``random`` sort the points of a cell by: one uint32 key each, smallest first.

Keys are computed by NumPy in float64 and rounded to float32, whatever the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..kernels import parallel, picks

Keys = npt.NDArray[np.uint32]


def columns_for(pick: str, names: Sequence[str]) -> tuple[str, ...]:
    """The columns that `keys` needs for a pick; none for ``random`` and ``center``.

    Args:
        names: the columns there are.
    """
    if pick == "opacity":
        return (fields.OPACITY,)
    if pick == "importance":
        scales = fields.scale_names(names)
        return (fields.OPACITY, *(scales if len(scales) >= 2 else fields.SCALE))
    return ()


def keys(pick: str, columns: npt.NDArray[Any]) -> Keys:
    """The keys of ``opacity``, most opaque first, or ``importance``, largest alpha x surface area first.

    Args:
        columns: (len(columns_for), N) raw values.
    """
    if pick == "opacity":
        # The logit orders as the opacity does, and keeps apart what a sigmoid rounds to 1.
        return picks.ordered_keys(-columns[0].astype(np.float64))
    out = np.empty(columns.shape[1], np.uint32)
    for part in parallel.blocks(columns.shape[1]):
        with np.errstate(over="ignore", invalid="ignore"):
            area = fields.ellipsoid_area(np.exp(columns[1:, part].astype(np.float64)))
            out[part] = picks.ordered_keys(-fields.sigmoid(columns[0, part]) * area)
    return out


def center_keys(
    xyz: npt.NDArray[Any],
    order: npt.NDArray[Any],
    cells: npt.NDArray[Any],
    counts: npt.NDArray[Any],
    size: float,
    origin: Sequence[float],
) -> Keys:
    """The keys of ``center``, nearest to the middle of its cell first, in sorted-row order.

    Args:
        xyz: (3, N) positions. order: (M,) which of them, grouped by cell.
        cells: (C, 3) lattice coordinates. counts: (C,) rows in each.
    """
    squared = np.zeros(len(order))
    for axis in range(3):
        middle = np.repeat(origin[axis] + (cells[:, axis] + 0.5) * size, counts)
        squared += (xyz[axis][order] - middle) ** 2
    return picks.ordered_keys(squared)
