"""How far two clouds of Gaussians disagree beyond their centres, pair by pair and in total.

These numbers diagnose: which attribute differs, by how much. They do not judge what a render looks like.

Columns are read a block at a time. Of one cloud the attributes that pairs need are held, 48 bytes a
point, so that partners can be looked up in any order; the other cloud is streamed past them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import release_pages, take_rows
from ..kernels import gaussians, metrics, parallel
from ..kernels.distances import squared_distances
from .pairing import Pairs
from .weights import BLOCK, Side

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Stat:
    """Mean, root mean square and 95th percentile of one number per pair."""

    mean: float
    rms: float
    p95: float


@dataclass(frozen=True)
class Wasserstein:
    """2-Wasserstein distances of pairs, in scene units.

    Attributes:
        mean, rms, p95: of W2.
        spacings: the same in spacings of the target; None if that has no spacing.
        shape: the part that is left when both centres coincide.
    """

    mean: float
    rms: float
    p95: float
    spacings: Stat | None
    shape: Stat


@dataclass(frozen=True)
class Color:
    """Colour differences, in RGB units (1 is the whole range of a channel).

    Attributes:
        dc: root mean square over the channels of the constant colours' difference, not clipped.
        sh_energy: difference of the root mean square, over all directions and channels, of the
            view-dependent colour: sqrt(sum of f_rest^2 / (12 pi)). Blind to rotations.
    """

    dc: Stat
    sh_energy: Stat


@dataclass(frozen=True)
class Gaussians:
    """Differences of paired Gaussians, all >= 0.

    Attributes:
        pairs: how many; invalid: how many of them lack a number that is finite.
        opacity: of alpha = sigmoid(opacity), in 0..1.
        log_scale: root mean square over the axes of log-scales, largest with largest; None where one
            cloud has two axes and the other three.
        color: None unless both clouds have SH colour.
    """

    pairs: int
    invalid: int
    w2: Wasserstein | None
    opacity: Stat | None
    log_scale: Stat | None
    color: Color | None


def differences(source: Side, target: Side, pairs: Pairs, held: Array, spacing: float | None) -> Gaussians:
    """Hold paired Gaussians against each other.

    Args:
        source, target: the clouds.
        pairs: which with which.
        held: (N, K) attributes of the cloud that is not streamed, from `weigh`.
        spacing: of the target, in scene units.
    """
    streamed, other = (source, target) if pairs.streamed == "source" else (target, source)
    count = len(streamed.cloud) if pairs.rows is None else len(pairs.rows)
    same_axes = source.scales == target.scales
    colour = len(source.names) == 8 + source.scales and len(target.names) == 8 + target.scales
    found = {name: np.empty(count) for name in ("shape", "opacity")}
    found |= {"log_scale": np.empty(count)} if same_axes else {}
    found |= {"dc": np.empty(count), "sh_energy": np.empty(count)} if colour else {}

    def one(part: slice) -> None:
        rows = np.arange(part.start, part.stop) if pairs.rows is None else pairs.rows[part]
        near = streamed.cloud.rows[rows[0] : rows[-1] + 1]
        a = streamed.attributes(near if pairs.rows is None else take_rows(near, rows - rows[0]))
        release_pages(near)
        partners = rows if pairs.partners is None else pairs.partners[part]
        b = held[partners].T.astype(np.float64, order="C")
        scales_a, scales_b = a[5 : 5 + streamed.scales], b[5 : 5 + other.scales]
        with np.errstate(over="ignore", invalid="ignore"):
            turn = gaussians.relative_rotation(a[1:5], b[1:5])
            shape = gaussians.shape_squared(np.exp(scales_a), turn, np.exp(scales_b))
        found["shape"][part] = np.sqrt(shape)
        found["opacity"][part] = np.abs(fields.sigmoid(a[0]) - fields.sigmoid(b[0]))
        if same_axes:
            found["log_scale"][part] = gaussians.log_scale_difference(scales_a, scales_b)
        if colour:
            found["dc"][part] = gaussians.root_mean_square(fields.SH_C0 * (a[-4:-1] - b[-4:-1]))
            found["sh_energy"][part] = np.abs(a[-1] - b[-1])

    def add_distance(part: slice) -> None:
        """Turn the shape part of W2 into W2."""
        if pairs.distances is not None:
            squared = pairs.distances[part] ** 2
        else:
            rows = np.arange(part.start, part.stop) if pairs.rows is None else pairs.rows[part]
            partners = rows if pairs.partners is None else pairs.partners[part]
            here, there = streamed.xyz[rows].astype(np.float64), other.xyz[partners].astype(np.float64)
            squared = squared_distances(here, there)
        found["shape"][part] = np.sqrt(squared + found["shape"][part] ** 2)

    parallel.for_each(one, parallel.blocks(count, BLOCK))
    finite = np.ones(count, bool)
    for values in found.values():
        finite &= np.isfinite(values)
    stats = {name: _stat(found.pop(name)) for name in list(found) if name != "shape"}
    shape = _stat(found["shape"].copy())
    parallel.for_each(add_distance, parallel.blocks(count, BLOCK))
    w2 = _stat(found["shape"])
    dc, energy = stats.get("dc"), stats.get("sh_energy")
    return Gaussians(
        pairs=count,
        invalid=int(count - np.count_nonzero(finite)),
        w2=None
        if w2 is None or shape is None
        else Wasserstein(w2.mean, w2.rms, w2.p95, _in_units(w2, spacing), shape),
        opacity=stats["opacity"],
        log_scale=stats.get("log_scale"),
        color=None if dc is None or energy is None else Color(dc, energy),
    )


def _stat(values: Array) -> Stat | None:
    """Statistics of the values that are finite, None if there are none; leaves them in another order."""
    finite = np.isfinite(values)
    if not finite.all():
        values = values[finite]
    if not len(values):
        return None
    count = len(values)
    rms = math.sqrt(metrics.power_sum(values, 2) / count)
    return Stat(metrics.power_sum(values) / count, rms, metrics.quantiles(values, [0.95], reorder=True)[0])


def _in_units(stat: Stat, unit: float | None) -> Stat | None:
    return Stat(stat.mean / unit, stat.rms / unit, stat.p95 / unit) if unit else None
