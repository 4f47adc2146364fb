"""What is known of a cloud of points before any of its cells is counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


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


def corners(xyz: Any) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(3,) float64 lowest and highest coordinates of a (3, N) tensor; not finite where any of them is not."""
    import torch

    if not xyz.shape[1]:
        return np.zeros(3), np.zeros(3)
    low, high = torch.stack(torch.aminmax(xyz, dim=1)).double().cpu().numpy()  # one transfer
    return low, high


def extent_of(xyz: npt.NDArray[Any]) -> Extent:
    """The extent of (3, N) finite positions."""
    n = xyz.shape[1]
    low, high = (xyz.min(1), xyz.max(1)) if n else (np.zeros(3), np.zeros(3))
    return Extent(n, low.astype(np.float64), high.astype(np.float64), xyz[:, :: stride(n)])
