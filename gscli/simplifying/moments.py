"""What clusters are together: the moments of their rows, by their weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..kernels import covariances, parallel, structured
from ..kernels.columns import gather
from .clusters import Clusters
from .gaussians import Gaussians

Array = npt.NDArray[Any]

ROWS = 1 << 14  # of members, done at a time by one thread


@dataclass(frozen=True)
class Moments:
    """Of t clusters.

    Attributes:
        means: (3, t) and covariances: (6, t), as of `Gaussians.shapes`.
        mass: (t,) the sum of the rows' masses.
        shown: (t,) the part of it that counts where rows hide each other: all of it where all are seen alike,
            and that of the rows in front where the others are hidden.
    """

    means: Array
    covariances: Array
    mass: Array
    shown: Array


def moments(
    gaussians: Gaussians,
    clusters: Clusters,
    weights: Array,
    seen: Array | None,
    names: Sequence[str],
    out: Array,
) -> Moments:
    """The moments of clusters of more than one row.

    Args:
        weights: (N,) of all rows. seen: (N,) pixels that each fills, or None where nobody looked.
        names: columns to average.
        out: (n,) the new rows, in which these columns become the means.
    """
    count = len(clusters.starts)
    found = Moments(
        np.empty((3, count)),
        np.empty((6, count)),
        np.empty(count),
        np.empty(count),
    )
    ends = np.append(clusters.starts, len(clusters.members))
    cuts = np.unique(np.searchsorted(clusters.starts, np.arange(0, len(clusters.members) + ROWS, ROWS)))
    kind = gaussians.cloud.float_type(names)

    def work(part: slice) -> None:
        rows = clusters.members[ends[part.start] : ends[part.stop]]
        starts = clusters.starts[part] - ends[part.start]
        sizes = np.diff(np.append(starts, len(rows)))

        def total(values: Array) -> Array:
            return np.add.reduceat(values, starts, axis=-1)

        weight, mass = weights[rows], gaussians.mass[rows]
        share = weight / np.repeat(total(weight), sizes)
        taken = structured.take_rows(gaussians.cloud.rows, rows)
        positions, shapes = gaussians.shapes(taken)
        means = total(share * positions)
        apart = covariances.outer(positions - np.repeat(means, sizes, axis=1))
        found.means[:, part] = means
        found.covariances[:, part] = total(share * (shapes + apart))
        found.mass[part] = total(mass)
        found.shown[part] = found.mass[part] if seen is None else _shown(total, seen[rows], mass)
        block = np.empty((len(names), len(rows)), kind)
        gather(taken, names, block)
        for name, column in zip(names, total(share * block), strict=True):
            out[name][clusters.merged[part]] = column

    parallel.for_each(work, [slice(a, b) for a, b in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True)])
    return found


def _shown(total: Any, seen: Array, mass: Array) -> Array:
    """The mass of clusters as far as it is seen, (sum s)^2 / sum (s^2 / m).

    It is the sum of m where s / m is the same for all, and less the more they differ.
    """
    squares = total(seen * seen / mass)
    shown: Array = np.where(squares > 0, total(seen) ** 2 / np.where(squares > 0, squares, 1.0), 0.0)
    return shown
