"""The rows of a simplified scene, and how those that are merged are made to look like what they were.

A Gaussian is never more than opaque. Where the mass of a cluster is more than its footprint can hold, the
rest would be lost, and an opaque surface would open; so its covariance grows by a power of how much more it
is. The mass that counts is that which is seen: what lies hidden behind others needs no room. The power that
suits a scene best is found by trying.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..kernels import covariances, elementary, parallel
from .clusters import Clusters
from .gaussians import ROWS, Gaussians, color_names
from .look import Look, drawn
from .moments import moments as of_clusters

Array = npt.NDArray[Any]

ALL = slice(None)
OPAQUE = 0.9999  # at most
GROWTHS = tuple(n / 100 for n in range(61))  # powers
BLIND, APART = 0.3, 0.15  # where nobody looks, and how far from it others are tried


class Merged:
    """A scene whose clusters are one row each.

    Args:
        gaussians: of the whole. clusters: of its rows. weights: (N,) of these.
        seen: (N,) pixels that each fills, or None where nobody looked.
        averaged: columns beside those of Gaussians that are weighted means.

    Attributes:
        cloud: the scene as it is so far; its merged rows change.
    """

    def __init__(
        self,
        gaussians: Gaussians,
        clusters: Clusters,
        weights: Array,
        seen: Array | None,
        averaged: list[str],
    ) -> None:
        source = gaussians.cloud.take(clusters.chosen)
        means = (*color_names(source), *averaged)
        moments = of_clusters(gaussians, clusters, weights, seen, means, source.rows)
        changed = {*fields.POSITION, fields.OPACITY, *fields.SCALE, *fields.ROTATION, *means}
        if len(clusters.merged):
            header = replace(source.header, edited=source.header.edited | changed)
            source = replace(source, header=header)
        self.cloud, self._at = source, clusters.merged
        self._mass, self._footprint = moments.mass, covariances.footprint(moments.covariances)
        held = OPAQUE * self._footprint
        self._over = np.maximum(moments.shown / np.where(held > 0, held, 1.0), 1.0)
        self._log_scales = np.empty_like(moments.means)

        def place(part: slice) -> None:
            variances, rotations = covariances.axes(moments.covariances[:, part])
            self._log_scales[:, part] = 0.5 * elementary.log(
                np.maximum(variances, 1e-300) * gaussians.size**2
            )
            where = moments.means[:, part] * gaussians.size + gaussians.centre[:, None]
            self._put((*fields.POSITION, *fields.ROTATION), (*where, *rotations), part)

        self._in_blocks(place)
        self.grow(BLIND)

    def grow(self, power: float) -> None:
        """Let Gaussians that hold more than they can grow by this power of how much more it is."""

        def put(part: slice) -> None:
            by = elementary.exp(power * elementary.log(self._over[part]))
            opacity = np.minimum(OPAQUE, self._mass[part] / np.maximum(self._footprint[part] * by, 1e-300))
            opacity = np.maximum(opacity, 1e-12)
            logit = elementary.log(opacity) - elementary.log(1 - opacity)
            scales = self._log_scales[:, part] + 0.5 * elementary.log(by)
            self._put((*fields.SCALE, fields.OPACITY), (*scales, logit), part)

        self._in_blocks(put)

    def fit(self, look: Look, name: str) -> float:
        """Grow by the power of `GROWTHS` with which it is to look most like a scene did.

        Three are tried, and the least of the parabola through their errors is taken; none where none grows.
        """
        if not (self._over > 1).any():
            return BLIND
        errors = []
        for power in (BLIND - APART, BLIND, BLIND + APART):
            self.grow(power)
            errors.append(look.error(drawn(self.cloud, name, look.engine)))
        best = GROWTHS[round(100 * min(max(BLIND + APART * _least(*errors), 0.0), GROWTHS[-1]))]
        self.grow(best)
        return best

    def settle(self, look: Look, name: str) -> None:
        """Change the colours of merged rows by one step towards what a scene looked like."""
        change = look.corrections(drawn(self.cloud, name, look.engine), len(self.cloud))[self._at].T
        old = np.stack([self.cloud.rows[name][self._at] for name in fields.SH_DC])
        self._put(fields.SH_DC, old + change)

    def _in_blocks(self, work: Callable[[slice], None]) -> None:
        """Do some merged rows at a time."""
        parallel.for_each(work, parallel.blocks(len(self._at), ROWS))

    def _put(self, names: Sequence[str], values: Iterable[Array], part: slice = ALL) -> None:
        """Put columns into a part of the merged rows."""
        for name, column in zip(names, values, strict=True):
            self.cloud.rows[name][self._at[part]] = column


def _least(before: float, here: float, after: float) -> float:
    """Where a parabola with these values at -1, 0 and 1 has its least, or far out on the side that falls."""
    slope, bend = (after - before) / 2, before - 2 * here + after
    if slope == 0:
        return 0.0
    return -slope / bend if bend > 0 else -math.copysign(math.inf, slope)
