"""How far points lie from the planes of a reference that has normals: point to plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud
from ..kernels import metrics, parallel
from .centers import At, squares_of
from .search import Nearest

__all__ = ["PointToPlane"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class PointToPlane:
    """Distances from points of the source to the plane through the nearest of the target, in scene units.

    Attributes:
        queries: points whose nearest has a normal. without_normal: those whose has none; they are left out.
        signed_mean: positive in front of the target, where its normals point.
        mean, rms, median, p95, p99, max: of what is left without the sign.
        at: matched by the distance to the nearest point, as of `Directed`; the RMSE is that to the planes.
    """

    queries: int
    without_normal: int
    signed_mean: float
    mean: float
    rms: float
    median: float
    p95: float
    p99: float
    max: float
    at: tuple[At, ...]


def to_planes(
    source: Array, target: Array, found: Nearest, cloud: GaussianCloud, thresholds: Sequence[float]
) -> PointToPlane | None:
    """Measure to the planes of a target, None where none of the nearest points has a normal.

    Args:
        source, target: (N, 3) and (M, 3) positions. found: what each of the source is nearest to.
        cloud: the target, with its columns nx, ny, nz. Of any length; one of 0 or NaN is no normal.
        thresholds: in scene units.
    """
    if not _has_normals(cloud):
        return None
    count = len(found.rows)
    signed = np.full(count, np.nan)
    for part in parallel.blocks(count):
        rows = found.rows[part]
        normal = np.stack([np.asarray(cloud.rows[name][rows], np.float64) for name in fields.NORMAL])
        asked = slice(part.start, part.stop) if found.asked is None else found.asked[part]
        apart = (source[asked].astype(np.float64) - target[rows].astype(np.float64)).T
        with np.errstate(all="ignore"):
            normal /= np.abs(normal).max(axis=0)
            normal /= np.sqrt((normal * normal).sum(axis=0))
            signed[part] = (apart * normal).sum(axis=0)
    has = np.isfinite(signed)
    number = int(has.sum())
    if not number:
        return None
    squared_at = squares_of(found, source, target)
    at = []
    for threshold in thresholds:
        near = signed[has & metrics.within(found.distances, threshold, squared_at)]
        at.append(At(threshold, len(near), len(near) / number, metrics.root_mean_square(near)))
    del near
    if number < count:
        signed = signed[has]
    signed_mean = metrics.power_sum(signed) / number
    distances = np.abs(signed, out=signed)  # in place: there may be many
    median, p95, p99 = metrics.quantiles(distances, (0.5, 0.95, 0.99))
    rms = metrics.root_mean_square(distances)
    assert rms is not None
    return PointToPlane(
        queries=number,
        without_normal=count - number,
        signed_mean=signed_mean,
        mean=metrics.power_sum(distances) / number,
        rms=rms,
        median=median,
        p95=p95,
        p99=p99,
        max=float(distances.max()),
        at=tuple(at),
    )


def _has_normals(cloud: GaussianCloud) -> bool:
    """Whether any point has one; trainers write columns of zeros."""
    if not set(fields.NORMAL) <= set(cloud.fields):
        return False
    return any((block != 0).any() for _, block in cloud.column_blocks(fields.NORMAL))
