"""Which way is up: as asked for, as a file says, or as the ground of a scene lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud
from ..errors import InputError
from ..files import upwards
from ..kernels import quaternions
from ..splats import DENSITY
from .orbit import box, stride

Array = npt.NDArray[Any]

LEVEL = 0.5  # of the surface, at least, that lies level where there is a ground
GROUND = 0.2  # of a scene's height, from below, that the middle of its mass lies in then


@dataclass(frozen=True)
class Up:
    """Which way is up, one of `gscli.files.upwards.WAYS`, and how that is known."""

    way: str
    why: str

    @property
    def vector(self) -> tuple[int, int, int]:
        return upwards.WAYS[self.way]


def up(cloud: GaussianCloud, asked: str = upwards.AUTO) -> Up:
    """Which way is up in a scene.

    Args:
        cloud: the scene.
        asked: one of `gscli.files.upwards.NAMES`; ``auto`` takes what its comments say. Otherwise, where most
            of its surface lies level and most of its mass near one end of that axis, that end is the ground;
            and else up is -y, as cameras have it that 3DGS is trained with.
    """
    upwards.require(asked)
    if asked != upwards.AUTO:
        return Up(asked, "as asked for")
    if (said := upwards.told(cloud.header.comments)) is not None:
        return Up(said, "as the file says")
    if not fields.is_gaussian(cloud.fields):
        what = "scanners" if DENSITY in cloud.fields else "point clouds"
        return Up("z", f"as {what} usually have it")
    ground = _ground(cloud)
    return Up("-y", "as trained scenes usually have it") if ground is None else Up(ground, "by its ground")


def _ground(cloud: GaussianCloud) -> str | None:
    """The way away from the ground; None where none stands out."""
    some = cloud[stride(len(cloud))]
    xyz = some.columns(fields.POSITION).T.astype(np.float64)
    try:
        low, high = box(xyz)
    except InputError:  # nothing to be looked at, as whoever looks will say
        return None
    here = np.isfinite(xyz).all(1) & (xyz >= low).all(1) & (xyz <= high).all(1)
    names = fields.scale_names(some.fields)
    with np.errstate(all="ignore"):
        scales = np.exp(some.columns(names).T[here].astype(np.float64))
        turns = some.columns(fields.ROTATION).T[here].astype(np.float64)
        turns /= np.linalg.norm(turns, axis=1, keepdims=True)
        if scales.shape[1] == 2:
            scales = np.column_stack([scales, np.zeros(len(scales))])
        areas = fields.sigmoid(some[fields.OPACITY][here]) * np.sort(scales, axis=1)[:, 1:].prod(1)
    normals = quaternions.axes(turns, scales.argmin(1))
    good = np.isfinite(areas) & np.isfinite(normals).all(1)
    total = areas[good].sum()
    if not total > 0:
        return None
    level = (areas[good, None] * normals[good] ** 2).sum(0) / total
    axis = int(level.argmax())
    place = (np.quantile(xyz[here, axis], 0.5) - low[axis]) / ((high - low)[axis] or 1.0)
    if level[axis] < LEVEL or GROUND < place < 1 - GROUND:
        return None
    return ("" if place <= GROUND else "-") + "xyz"[axis]
