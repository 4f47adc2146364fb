"""Scenes that can be merged, and their Gaussians as merging takes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields, flaws
from ..cameras import box
from ..cloud import GaussianCloud
from ..errors import InputError, naming
from ..files import render_modes
from ..kernels import covariances, elementary, merging, parallel, structured
from ..kernels.columns import abreast, gather
from ..splats import DENSITY, STUDENT

Array = npt.NDArray[Any]

SHAPE = (fields.OPACITY, *fields.SCALE, *fields.ROTATION)
ROWS = 1 << 14  # gathered at a time
THINNEST = 1e-7  # of the scene's size, which a Gaussian is in every direction at least
FARTHEST = 1e30  # of the scene's size: what is farther or larger counts as that
INSTEAD = "thin it by resample, which selects rows"


@dataclass(frozen=True)
class Gaussians:
    """What merging knows of a scene's rows.

    Attributes:
        cloud: the scene.
        size: half the diagonal of what the scene is about. centre: (3,) of that.
        mass: (N,) opacity times footprint, positive.
    """

    cloud: GaussianCloud
    size: float
    centre: Array
    mass: Array

    @classmethod
    def of(cls, cloud: GaussianCloud, name: str) -> Gaussians:
        """The Gaussians of a scene.

        Raises:
            InputError: it has none that can be merged, or some that no renderer can draw.
        """
        require(cloud, name)
        with naming(name):
            low, high = box(cloud.xyz)
        size = float(np.sqrt(((high - low) ** 2).sum())) / 2 or 1.0
        mass = np.empty(len(cloud))
        for start, block in cloud.column_blocks(SHAPE):
            part = slice(start, start + block.shape[1])
            mass[part] = elementary.sigmoid(block[0]) * covariances.footprint(_covariances(block[1:], size))
        mean = float(mass.mean())
        mass = mass + 1e-12 * mean if mean > 0 else np.ones(len(cloud))
        return cls(cloud, size, (low + high) / 2, mass)

    def shapes(self, taken: Array) -> tuple[Array, Array]:
        """Where rows taken from the scene are, and their covariances, (n,) structured.

        Returns:
            (3, n) positions from the centre, in sizes. (6, n) covariances in squared sizes, none of which is
            thinner than `THINNEST`.
        """
        own = (*fields.POSITION, *SHAPE[1:])
        gather(taken, own, block := np.empty((len(own), len(taken)), self.cloud.float_type(own)))
        positions = np.clip((block[:3] - self.centre[:, None]) / self.size, -FARTHEST, FARTHEST)
        found = _covariances(block[3:], self.size)
        found[[0, 3, 5]] += THINNEST**2
        return positions, found

    def blobs(self, rows: Array, weights: Array, places: Array) -> merging.Blobs:
        """Rows of the scene as they are merged.

        Args:
            rows: (n,) which. weights: (n,) theirs. places: (n,) where to put them.
        """
        names = color_names(self.cloud)
        found = merging.empty(len(rows), len(names))
        kind = self.cloud.float_type(names)

        def fill(part: slice) -> None:
            taken = structured.take_rows(self.cloud.rows, rows[part])
            if (colors := abreast(taken, names)) is None:
                gather(taken, names, planes := np.empty((len(names), len(taken)), kind))
                colors = planes.T
            positions, shapes = self.shapes(taken)
            some = merging.blobs(positions.T, shapes.T, weights[part], colors)
            found.rows[places[part]], found.colors[places[part]] = some.rows, some.colors

        parallel.for_each(fill, parallel.blocks(len(rows), ROWS))
        return found


def _covariances(shapes: Array, size: float) -> Array:
    """(6, n) in squared sizes, of (7, n) logarithms of scales, and rotations."""
    scales = np.minimum(elementary.exp(shapes[:3]) / size, FARTHEST)
    return covariances.of_axes(scales, shapes[3:].astype(np.float64))


def color_names(cloud: GaussianCloud) -> tuple[str, ...]:
    """The columns that hold colours, the constant ones first."""
    return (*fields.SH_DC, *fields.sh_rest(fields.sh_degree(cloud.fields) or 0))


def require(cloud: GaussianCloud, name: str) -> None:
    """Refuse what is no scene of 3D Gaussians with colours, and Gaussians that no renderer can draw."""
    names = cloud.fields
    scales = len(fields.scale_names(names))
    if cloud.render_mode == render_modes.FLAT:
        raise InputError("holds flat splats of 2DGS, which are not merged", path=name, remedy=INSTEAD)
    if DENSITY in names and fields.OPACITY not in names:
        raise InputError("holds densities seen by X-rays, which are not merged", path=name, remedy=INSTEAD)
    if fields.OPACITY not in names or scales < 3 or not set(fields.ROTATION) <= set(names):
        raise InputError("holds points and no Gaussians, which alone are merged", path=name, remedy=INSTEAD)
    if STUDENT in cloud.header.comments:
        raise InputError("holds Student's t distributions, which are no Gaussians", path=name, remedy=INSTEAD)
    if fields.sh_degree(names) is None:
        raise InputError("has no colours of degree 0 to 4, by which to merge", path=name, remedy=INSTEAD)
    if not len(cloud):
        raise InputError("has no points", path=name)
    if told := str(flaws.of(cloud)):
        raise InputError(
            f"has Gaussians that no renderer can draw: {told}",
            path=name,
            remedy="drop them first, by resample with `target='100%'` and `drop_invalid='gaussians'`",
        )


def other_columns(cloud: GaussianCloud) -> tuple[list[str], list[str]]:
    """The columns beside those of Gaussians: which are averaged, and which cannot be.

    One number a row is averaged, unless all are whole: labels and ids are, in whatever type they are stored.
    """
    own = {*fields.POSITION, *SHAPE, *color_names(cloud)}
    others = [name for name in cloud.fields if name not in own]
    floats = [
        name for name in others if cloud.rows.dtype[name].kind == "f" and not cloud.rows.dtype[name].shape
    ]
    fractional = set(_fractional(cloud, floats))
    return [name for name in others if name in fractional], [
        name for name in others if name not in fractional
    ]


def _fractional(cloud: GaussianCloud, names: list[str]) -> Iterator[str]:
    """Those of some columns that hold only finite numbers, and some that are not whole."""
    odd: set[str] = set()
    finite = dict.fromkeys(names, True)
    for _, block in cloud.column_blocks(names) if names else ():
        for name, values in zip(names, block, strict=True):
            finite[name] &= bool(np.isfinite(values).all())
            if (values != np.rint(values)).any():
                odd.add(name)
    return (name for name in names if name in odd and finite[name])
