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
LEAST = 0.5  # of what has a counterpart at most, what has one at least
FEWEST = 30  # points that are drawn, however far they are
POWER = 3  # of the share of the matched, by which their mean squared distance is divided


class Sample(NamedTuple):
    """(A, 3) and (B, 3) of the points of either cloud, which are matched."""

    source: Array
    target: Array


class Matched(NamedTuple):
    """Points and what is nearest to each, and the share of them of which that is the counterpart.

    The share is where the mean squared distance up to it, divided by its third power, is least: Chetverikov
    et al., 2002.

    distances (N,) and rows (N,).
    """

    distances: Array
    rows: Array
    share: float

    @classmethod
    def of(cls, distances: Array, rows: Array, most: float) -> Matched:
        """Those of some (N,) distances and rows, where at most this share has a counterpart."""
        count = len(distances)
        shares = np.arange(1, count + 1) / count
        errors = np.cumsum(np.square(np.sort(distances))) / (count * shares ** (1 + POWER))
        first, last = max(1, round(LEAST * most * count)) - 1, max(1, round(most * count))
        at = first + int(np.argmin(errors[first:last]))
        return cls(distances, rows, float(shares[at]))

    def nearest(self, share: float, reach: float) -> Array:
        """Which are the nearest, of the matched this share, and within `reach`, or the nearest few."""
        limits = np.quantile(self.distances, [share * self.share, min(1.0, FEWEST / len(self.distances))])
        near: Array = self.distances <= max(min(limits[0], reach), limits[1])
        return near


@dataclass(frozen=True)
class Fitted:
    """A pose that points were drawn to.

    Attributes:
        matrix: (4, 4).
        steps: that were taken. rested: whether the last one moved nothing any more.
    """

    matrix: Array
    steps: int = 0
    rested: bool = False


class Matcher:
    """Two clouds that are searched in each other, wherever the source is moved.

    Both ways, for points that are drawn to others in one direction alone shrink where lengths may change.

    Args:
        source, target: (N, 3) and (M, 3) float32 positions around the origin, about 1 in size.
        overlap: the share of each that has a counterpart at most; what share has one, down to half of that,
            is found at each step, and the rest, the farthest, is not drawn to any.
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

    def fitted(
        self,
        matrix: Array,
        some: Sample,
        *,
        steps: int,
        still: float = STILL,
        share: float = 1.0,
        reach: float = np.inf,
    ) -> Fitted:
        """The pose once these have been drawn to what they are nearest to, again and again, until at rest.

        Args:
            still: of the target's size: what moves no point farther has come to rest.
            share: of the matched ones, the nearest that are drawn.
            reach: how far those are drawn.
        """
        taken, rested = 0, False
        while taken < steps and not rested:
            taken += 1
            here, there = self._pairs(matrix, some, share, reach)
            before, matrix = matrix, motion(here, there, scaled=self._scaled)
            moved = np.square(moved_by(matrix - before + np.eye(4), some.source) - some.source).sum(1)
            rested = bool(moved.max() < still * still)
        return Fitted(matrix, taken, rested)

    def _pairs(self, matrix: Array, some: Sample, share: float, reach: float) -> tuple[Array, Array]:
        """Points of the source, and those of the target that they are drawn to, (K, 3) each."""
        source, target = self._clouds
        forth, back = self._matched(matrix, some)
        here, there = forth.nearest(share, reach), back.nearest(share, reach)
        return (
            np.concatenate([some.source[here], source[back.rows[there]]]),
            np.concatenate([target[forth.rows[here]], some.target[there]]),
        )

    def _matched(self, matrix: Array, some: Sample) -> tuple[Matched, Matched]:
        """What is nearest to these points, in either direction."""
        forth = self._trees[1].nearest(moved_by(matrix, some.source).astype(np.float32))
        back = self._trees[0].nearest(moved_by(np.linalg.inv(matrix), some.target).astype(np.float32))
        return (
            Matched.of(forth.distances, forth.rows, self._overlap),
            Matched.of(back.distances * scale_of(matrix), back.rows, self._overlap),
        )


def moved_by(matrix: Array, xyz: Array) -> Array:
    """(N, 3) positions, moved."""
    moved: Array = xyz @ matrix[:3, :3].T + matrix[:3, 3]
    return moved
