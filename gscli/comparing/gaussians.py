"""How far two clouds of Gaussians disagree beyond their centres, pair by pair and in total.

These numbers diagnose: which attribute differs, by how much. They do not judge what a render looks like.

Columns are read a block at a time. Of one cloud the attributes that pairs need are held, 52 bytes a
point, so that partners can be looked up in any order; the other cloud is streamed past them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..kernels import gaussians, metrics, parallel
from ..kernels.distances import squared_distances
from ..kernels.structured import release_pages, take_rows
from ..progress import nothing, of_slices, shared
from .columns import Columns
from .pairing import Pairs
from .weights import BLOCK, Side, hold

__all__ = ["Color", "Gaussians", "Stat", "Wasserstein"]

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


def differences(
    source: Side,
    target: Side,
    pairs: Pairs,
    held: Array | None,
    spacing: float | None,
    at_a_time: int = 0,
    advance: Callable[[int], object] = nothing,
) -> Gaussians:
    """Hold paired Gaussians against each other.

    Args:
        source, target: the clouds.
        pairs: which with which.
        held: (N, K) attributes of the cloud that is not streamed, from `weigh`; None holds only
            some of its rows at a time, streams the other cloud past each of these windows, and keeps
            what it finds in a temporary file.
        spacing: of the target, in scene units.
        at_a_time: bytes of a window.
        advance: told of each number of pairs that are compared.

    Raises:
        GscliError: the temporary file cannot be written.
    """
    streamed, other = (source, target) if pairs.streamed == "source" else (target, source)
    count = len(streamed.cloud) if pairs.rows is None else len(pairs.rows)
    same_axes = source.scales == target.scales
    colour = len(source.names) == 8 + source.scales and len(target.names) == 8 + target.scales
    names = ["opacity", *(["log_scale"] if same_axes else []), *(["dc", "sh_energy"] if colour else [])]
    whole = len(other.cloud)

    def rows_of(part: slice) -> tuple[Array, Array]:
        """The rows of some pairs in the streamed and in the other cloud."""
        rows = np.arange(part.start, part.stop) if pairs.rows is None else pairs.rows[part]
        return rows, rows if pairs.partners is None else pairs.partners[part]

    def compare(part: slice, first: int, held: Array) -> None:
        """Compare those of some pairs whose partner is held: rows from `first` on."""
        rows, partners = rows_of(part)
        chosen = None
        near = streamed.cloud.rows[rows[0] : rows[-1] + 1]
        if len(held) < whole:
            chosen = np.flatnonzero((partners >= first) & (partners < first + len(held)))
            if not len(chosen):
                return
            rows, partners, start = rows[chosen], partners[chosen] - first, rows[0]
            a = streamed.attributes(take_rows(near, rows - start))
        else:
            a = streamed.attributes(near if pairs.rows is None else take_rows(near, rows - rows[0]))
        release_pages(near)
        b = held[partners].T.astype(np.float64, order="C")
        scales_a, scales_b = a[5 : 5 + streamed.scales], b[5 : 5 + other.scales]
        with np.errstate(over="ignore", invalid="ignore"):
            turn = gaussians.relative_rotation(a[1:5], b[1:5])
            shape = gaussians.shape_squared(np.exp(scales_a), turn, np.exp(scales_b))
        found.put("shape", part, np.sqrt(shape), chosen)
        found.put("opacity", part, np.abs(fields.sigmoid(a[0]) - fields.sigmoid(b[0])), chosen)
        if same_axes:
            found.put("log_scale", part, gaussians.log_scale_difference(scales_a, scales_b), chosen)
        if colour:
            difference = fields.SH_C0 * (a[-5:-2] - b[-5:-2])
            found.put("dc", part, gaussians.root_mean_square(difference), chosen)
            with np.errstate(invalid="ignore"):
                energy = (a[-2] - b[-2]) + (a[-1] - b[-1])
            found.put("sh_energy", part, np.abs(energy), chosen)

    def add_distance(part: slice) -> None:
        """Turn the shape part of W2 into W2."""
        if pairs.distances is not None:
            squared = pairs.distances[part] ** 2
        else:
            rows, partners = rows_of(part)
            here, there = streamed.xyz[rows].astype(np.float64), other.xyz[partners].astype(np.float64)
            squared = squared_distances(here, there)
        w2_values[part] = np.sqrt(squared + w2_values[part] ** 2)

    with Columns(["shape", *names], count, spooled=held is None) as found:
        parts = parallel.blocks(count, BLOCK)
        if held is not None:
            parallel.for_each(partial(compare, first=0, held=held), parts, done=of_slices(advance))
        else:
            windows = parallel.blocks(whole, max(1, at_a_time // other.room(1).nbytes))
            told = of_slices(shared(advance, count, count * len(windows)))
            for rows in windows:  # no name holds a window while the next is made
                parallel.for_each(
                    partial(compare, first=rows.start, held=hold(other, rows)), parts, done=told
                )
        finite = np.ones(count, bool)
        stats = {}
        for name in ("shape", *names):
            values = found.take(name)
            finite &= np.isfinite(values)
            stats[name] = _stat(values)
            del values
        w2_values = found.take("shape")
    parallel.for_each(add_distance, parts)
    w2, shape = _stat(w2_values), stats["shape"]
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
