"""What is known of a cloud of points before any of its cells is counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import device

if TYPE_CHECKING:
    from torch import Tensor

PIECE = 1 << 26  # points of a tensor that are looked at at a time, fewer where a GPU has no memory for more
LEAST = 1 << 12  # where these are too many, fewer would not help


@dataclass(frozen=True)
class Extent:
    """A cloud's size, and some of its points.

    Attributes:
        count: points, all of them finite.
        low, high: (3,) float64 corners of their box; anything for no points.
        some: (3, M) every `stride`-th point, from the first on.
    """

    count: int
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    some: npt.NDArray[Any]


def stride(count: int) -> int:
    """One point in so many is enough to tell where most are."""
    return max(1, count // 4096)


def extent_on_device(xyz: Tensor, *, some: bool) -> Extent:
    """The extent of (3, N) positions, a tensor, by one transfer.

    Corners are not finite where any position is not.

    Args:
        some: whether some of the points are asked for.
    """
    import torch

    n = xyz.shape[1]
    if not n:
        return Extent(0, np.zeros(3), np.zeros(3), np.zeros((3, 0)))
    ends = [*device.pieces(lambda part: torch.aminmax(xyz[:, part], dim=1), n, PIECE, LEAST)]
    low, high = ends[0]
    if len(ends) > 1:
        low, high = (torch.stack(each, dim=1) for each in zip(*ends, strict=True))
        low, high = low.amin(1), high.amax(1)
    told = (
        torch.cat([low[:, None], high[:, None], xyz[:, :: stride(n)] if some else xyz[:, :0]], dim=1)
        .double()
        .cpu()
        .numpy()
    )
    return Extent(n, told[:, 0], told[:, 1], told[:, 2:])


def extent_of(xyz: npt.NDArray[Any]) -> Extent:
    """The extent of (3, N) finite positions."""
    n = xyz.shape[1]
    low, high = (xyz.min(1), xyz.max(1)) if n else (np.zeros(3), np.zeros(3))
    return Extent(n, low.astype(np.float64), high.astype(np.float64), xyz[:, :: stride(n)])
