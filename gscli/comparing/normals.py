"""Normals that a scene has of its own: those of its columns, or else the shortest axes of its Gaussians."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud
from ..errors import InputError
from ..kernels import quaternions
from ..motions.algebra import applied, cofactors

__all__ = ["Normals"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Normals:
    """How many core points have their normal from where.

    Attributes:
        fitted: the plane through the points around.
        stored: the columns ``nx``, ``ny``, ``nz``, where not all are zero.
        shortest_axis: that of the Gaussian, where it is shorter than both others.
    """

    fitted: int = 0
    stored: int = 0
    shortest_axis: int = 0


def require(cloud: GaussianCloud, name: str) -> None:
    """Refuse a scene that can have no normals of its own.

    Raises:
        InputError: it has no columns of normals, and no Gaussians.
    """
    if not set(fields.NORMAL) <= set(cloud.fields) and not fields.is_gaussian(cloud.fields):
        raise InputError(
            "has neither normals nor Gaussians whose shortest axes could be some",
            path=name,
            remedy="write a radius to fit normals in, as in `m3c2='0.5,0.25'`",
        )


def own(cloud: GaussianCloud, rows: Array | None, matrix: Array, toward: Array) -> tuple[Array, Normals]:
    """The normals of a scene.

    Args:
        cloud: N points. rows: (Q,) which of them are asked for, ascending; None for all.
        matrix: (3, 3) what they were moved by; planes move with them.
        toward: (3,) which side of a surface is in front: no normal has a negative product with it.

    Returns:
        (3, Q) float64 unit vectors, NaN where there is none; and how many come from where.
    """
    stored = set(fields.NORMAL) <= set(cloud.fields)
    scales = fields.scale_names(cloud.fields)
    axes = (*scales, *fields.ROTATION) if fields.is_gaussian(cloud.fields) else ()
    names = [*(fields.NORMAL if stored else ()), *axes]
    wanted = np.arange(len(cloud)) if rows is None else rows
    found = np.full((3, len(wanted)), np.nan)
    counts = [0, 0]
    for start, block in cloud.column_blocks(names):
        first, last = np.searchsorted(wanted, (start, start + block.shape[1]))
        some = block[:, wanted[first:last] - start].astype(np.float64)
        part = found[:, first:last]
        if stored:
            part[:] = _unit(some[:3])
        lacking = np.isnan(part[0])
        counts[0] += int(np.count_nonzero(~lacking))
        if axes:
            part[:, lacking] = _shortest(some[len(names) - len(axes) :, lacking], len(scales))
            counts[1] += int(np.count_nonzero(~np.isnan(part[0, lacking])))
    with np.errstate(all="ignore"):
        found = _unit(applied(cofactors(matrix), found))
        found *= np.where(applied(toward[None], found)[0] < 0, -1.0, 1.0)
    return found, Normals(stored=counts[0], shortest_axis=counts[1])


def _shortest(columns: Array, count: int) -> Array:
    """(3, K) the shortest axes of Gaussians, NaN where none is the shortest or there is no rotation.

    Args:
        columns: (C, K) so many scales, of which a third that is missing is none, and then quaternions.
    """
    scales = columns[:count]
    if count < len(fields.SCALE):
        scales = np.vstack([scales, np.full(scales.shape[1], -np.inf)])
    ordered = np.sort(scales, axis=0)
    with np.errstate(all="ignore"):
        turns = (columns[count:] / np.linalg.norm(columns[count:], axis=0)).T
    found: Array = quaternions.axes(turns, scales.argmin(0)).T
    found[:, ~(ordered[0] < ordered[1]) | np.isnan(ordered[2])] = np.nan  # NaN sorts last
    return found


def _unit(vectors: Array) -> Array:
    """(3, K) vectors made 1 long; NaN where they are zero or not finite."""
    with np.errstate(all="ignore"):
        scaled = vectors / np.abs(vectors).max(axis=0)
        x, y, z = scaled
        found: Array = scaled / np.sqrt(x * x + y * y + z * z)
    found[:, ~np.isfinite(found).all(0)] = np.nan
    return found
