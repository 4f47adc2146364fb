"""How alike two clouds are where one lies on the other: what has counterparts, and of which colours."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..kernels import metrics
from ..kernels.registration import scale_of
from ..neighbors import kdtree
from .icp import moved_by

Array = npt.NDArray[Any]

QUERIES = 5000  # points of each that are asked
WITHIN, AROUND = 2, 8  # spacings: a counterpart is no farther, and what comes no nearer says nothing
VARIED = 0.01  # deviation from which on colours say something


class Alike(NamedTuple):
    """What a pose is like.

    Attributes:
        near: the share of the points of either that has a counterpart, the smaller one.
        held: of those that come near, the share that has one, the larger one.
        colors: the correlation of the colours of counterparts; None without colours, or where all are of one.
    """

    near: float
    held: float
    colors: float | None

    def total(self, overlap: float) -> float:
        """One number to choose by: no more counts as near than may be."""
        agreeing = 1.0 if self.colors is None else max(self.colors, 0.0)
        return min(self.near, overlap) * self.held * agreeing


class Likeness:
    """Two clouds that are looked at in one pose after the other.

    Args:
        clouds: (N, 3) and (M, 3) float32 positions.
        colors: of both, (N, 3) and (M, 3); None where one has none.
        seed: of the points that are asked.
    """

    def __init__(self, clouds: tuple[Array, Array], colors: tuple[Array, Array] | None, seed: int) -> None:
        self._clouds, self._colors = clouds, colors
        self._asked = [metrics.sample(len(cloud), QUERIES, seed) for cloud in self._clouds]
        self._trees = [kdtree.Index(cloud) for cloud in self._clouds]
        self._spacings = [
            float(np.median(tree.spacing(cloud[rows])))
            for tree, cloud, rows in zip(self._trees, self._clouds, self._asked, strict=True)
        ]

    def of(self, matrix: Array) -> Alike:
        """That of a (4, 4) pose of the source."""
        scale = scale_of(matrix)
        apart = max(self._spacings[0] * scale, self._spacings[1])
        near, held, pairs = [], [], []
        for way, (pose, size) in enumerate(((matrix, 1.0), (np.linalg.inv(matrix), scale))):
            rows = self._asked[way]
            points = moved_by(pose, self._clouds[way][rows].astype(np.float64)).astype(np.float32)
            found = self._trees[1 - way].nearest(points)
            close = found.distances * size < WITHIN * apart
            around = found.distances * size < AROUND * apart
            near.append(float(close.mean()))
            held.append(float(close.sum() / max(1, around.sum())))
            if self._colors is not None:
                pair = self._colors[way][rows[close]], self._colors[1 - way][found.rows[close]]
                pairs.append(pair if way == 0 else pair[::-1])
        return Alike(min(near), max(held), _correlation(pairs))


def _correlation(pairs: list[tuple[Array, Array]]) -> float | None:
    """Of colours, (K, 3) and (K, 3) of pairs, all channels as one."""
    if not pairs:
        return None
    one, other = (np.concatenate(each) for each in zip(*pairs, strict=True))
    if len(one) < 2:
        return 0.0
    one, other = one - one.mean(0), other - other.mean(0)
    deviations = np.sqrt([np.square(each).sum() / len(each) for each in (one, other)])
    if min(deviations) < VARIED:
        return None
    return float((one * other).sum() / len(one) / (deviations[0] * deviations[1]))
