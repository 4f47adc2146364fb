"""Iterated closest points, both ways and without the worst matched: Besl and McKay 1992; Chetverikov 2002."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..kernels import metrics
from ..kernels.registration import motion, scale_of
from ..neighbors import kdtree

Array = npt.NDArray[Any]

STILL = 1e-5


class Sample(NamedTuple):
    """(A, 3) and (B, 3) of the points of either cloud, which are matched."""

    source: Array
    target: Array


class Pairs(NamedTuple):
    """Points that belong together, and how far apart they are once the source has moved."""

    source: Array
    target: Array
    distances: Array


@dataclass(frozen=True)
class Fitted:
    """A pose that points were drawn to.

    Attributes:
        matrix: (4, 4).
        error: how far matched points are apart on average, in the target's units.
        steps: that were taken. rested: whether the last one moved nothing any more.
    """

    matrix: Array
    error: float
    steps: int = 0
    rested: bool = False


class Matcher:
    """Two clouds that are searched in each other, wherever the source is moved.

    Both ways, for points that are drawn to others in one direction alone shrink where lengths may change.

    Args:
        source, target: (N, 3) and (M, 3) float32 positions around the origin, about 1 in size.
        overlap: the share of each that has a counterpart; the rest, the farthest, is not drawn to any.
        scaled: whether lengths may change.
    """

    def __init__(self, source: Array, target: Array, *, overlap: float, scaled: bool) -> None:
        self._clouds = source, target
        self._trees = kdtree.Index(source), kdtree.Index(target)
        self._overlap, self._scaled = overlap, scaled

    def sample(self, count: int, seed: int) -> Sample:
        """So many points of each, chosen at random."""
        source, target = (cloud[metrics.sample(len(cloud), count, seed)] for cloud in self._clouds)
        return Sample(source.astype(np.float64), target.astype(np.float64))

    def error(self, matrix: Array, some: Sample) -> float:
        """How far the matched ones of these are apart on average, in the target's units."""
        return float(self._pairs(matrix, some, self._overlap).distances.mean())

    def fitted(
        self, matrix: Array, some: Sample, *, steps: int, still: float = STILL, share: float = 1.0
    ) -> Fitted:
        """The pose once these have been drawn to what they are nearest to, again and again, until at rest.

        Args:
            still: of the target's size: what moves no point farther has come to rest.
            share: of the matched ones, the nearest that are drawn.
        """
        taken, rested = 0, False
        while taken < steps and not rested:
            taken += 1
            pairs = self._pairs(matrix, some, share * self._overlap)
            before, matrix = matrix, motion(pairs.source, pairs.target, scaled=self._scaled)
            moved = np.square(moved_by(matrix - before + np.eye(4), some.source) - some.source).sum(1)
            rested = bool(moved.max() < still * still)
        return Fitted(matrix, self.error(matrix, some), taken, rested)

    def _pairs(self, matrix: Array, some: Sample, share: float) -> Pairs:
        source, target = self._clouds
        forth = self._trees[1].nearest(moved_by(matrix, some.source).astype(np.float32))
        back = self._trees[0].nearest(moved_by(np.linalg.inv(matrix), some.target).astype(np.float32))
        here, there = _nearest(forth.distances, share), _nearest(back.distances, share)
        return Pairs(
            np.concatenate([some.source[here], source[back.rows[there]]]),
            np.concatenate([target[forth.rows[here]], some.target[there]]),
            np.concatenate([forth.distances[here], back.distances[there] * scale_of(matrix)]),
        )


def _nearest(distances: Array, share: float) -> Array:
    near: Array = distances <= np.quantile(distances, share)
    return near


def moved_by(matrix: Array, xyz: Array) -> Array:
    """(N, 3) positions, moved."""
    moved: Array = xyz @ matrix[:3, :3].T + matrix[:3, 3]
    return moved
