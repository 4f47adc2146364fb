"""The grid of a LAS file: positions are integers, times a scale, plus an offset."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud
from ..containers.las_head import LasHead
from ..errors import GscliError, InputError
from ..kernels import parallel
from . import _rows

_FEWEST_STEPS = 1000  # of the grid, that half of the points must lie apart from the middle one


class Native(NamedTuple):
    """What a file is written back with: its head, laspy's point format, and the grid of its integers."""

    head: LasHead
    kind: Any
    scales: npt.NDArray[np.float64]
    offsets: npt.NDArray[np.float64]


def check(path: Path, scales: npt.NDArray[Any], offsets: npt.NDArray[Any]) -> None:
    """Refuse steps between positions that make them equal, or no numbers."""
    with np.errstate(all="ignore"):
        reach = np.abs(scales) * 2.0**31 + np.abs(offsets)
    if not (np.isfinite(reach).all() and scales.all()):
        raise InputError(
            f"has positions in steps of {scales.tolist()} from {offsets.tolist()}",
            path=path,
            remedy="it is damaged",
        )


def require_reach(cloud: GaussianCloud) -> None:
    """Refuse a position that cannot be written, or that would take the others' places from them.

    Raises:
        GscliError: naming its row.
    """
    if on_grid(cloud) or not len(cloud):
        return
    away, odd = np.zeros(len(cloud)), (0.0, 0, "")  # the farthest: how far, which row and axis
    for axis in fields.POSITION:
        off = _rows.planes(cloud, (axis,))[:, 0]
        off -= np.percentile(off, 50, method="lower")
        np.abs(off, out=off)
        row = int(off.argmax())
        odd = max(odd, (float(off[row]), row, axis), key=lambda found: (found[0], -found[1]))
        np.maximum(away, off, out=away)
    apart = away[away > 0]
    middle = (len(apart) - 1) // 2
    if len(apart) and np.partition(apart, middle)[middle] < odd[0] / 2**31 * _FEWEST_STEPS:
        _, row, axis = odd
        raise GscliError(
            f"row {row} of what is to be written has {axis} = {cloud.rows[axis][row]:g}, so far out that the "
            f"integers of LAS, then in steps of {scale_of(cloud):g}, cannot tell the other points apart",
            remedy="write .ply, or drop such rows first",
        )


def on_grid(cloud: GaussianCloud) -> bool:
    """Whether the positions are those of a LAS file, which lie on the grid that its header names."""
    return cloud.header.format == "las" and cloud.header.edited.isdisjoint(fields.POSITION)


def step_too_fine(cloud: GaussianCloud) -> float | None:
    """A step of a LAS file's grid that float64 does not tell from the next where the points are."""
    if not len(cloud):
        return None
    scales, offsets = np.abs(cloud.header.native.scales), np.abs(cloud.header.native.offsets)
    reach = np.array([np.abs(cloud.rows[axis]).max() for axis in fields.POSITION])
    fine = 2 * np.spacing(np.maximum(reach, offsets)) > scales
    return float(scales[fine].min()) if fine.any() else None


def scale_of(cloud: GaussianCloud) -> float:
    """The finest power of ten whose steps reach across the cloud in 31 bits."""
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    for part in parallel.blocks(len(cloud)):
        xyz = GaussianCloud(cloud.rows[part]).xyz.astype(np.float64)
        xyz = xyz[np.isfinite(xyz).all(axis=1)]
        if len(xyz):
            low, high = np.minimum(low, xyz.min(axis=0)), np.maximum(high, xyz.max(axis=0))
    reach = max(0.0, float((high - low).max())) + 1.0
    return float(10.0 ** np.ceil(np.log10(reach / (2**31 - 1))))
