"""Rows that become one: where they stand, and what each weighs in that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .gaussians import Gaussians

Array = npt.NDArray[Any]

NO_PIXEL = 1e-3  # pixels that a row fills where none shows it
PLAINEST, CLEAREST = 1.0, 50.0  # how much a row counts for how well it is seen, over the mean


@dataclass(frozen=True)
class Clusters:
    """Rows of a scene, put together.

    Attributes:
        chosen: (n,) int64 ascending, the rows at whose places the new rows stand: of each cluster the one
            that weighs most, of equal ones the lowest.
        new: (N,) int64, the new row that each row is part of.
        members: (M,) int64, the rows of all clusters of more than one, cluster by cluster, each ascending.
        starts: (t,) int64, where in `members` each of these begins. merged: (t,) int64, their new rows.
    """

    chosen: npt.NDArray[np.int64]
    new: npt.NDArray[np.int64]
    members: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    merged: npt.NDArray[np.int64]

    @classmethod
    def of(cls, roots: Array, weights: Array) -> Clusters:
        """The clusters of rows that have one root, (N,) each that of its own, with (N,) weights."""
        most, first = np.zeros(len(roots)), np.full(len(roots), len(roots), np.int64)  # of each root
        np.maximum.at(most, roots, weights)
        heaviest = np.flatnonzero(weights == most[roots])
        np.minimum.at(first, roots[heaviest], heaviest)
        chosen = np.sort(first[first < len(roots)])
        place = np.empty(len(roots), np.int64)  # of a root's cluster among the new rows
        place[roots[chosen]] = np.arange(len(chosen))
        new = place[roots]
        sizes = np.bincount(new, minlength=len(chosen))
        merged = np.flatnonzero(sizes > 1)
        members = np.flatnonzero(sizes[new] > 1)
        members = members[np.argsort(new[members], kind="stable")]
        starts = np.cumsum(sizes[merged]) - sizes[merged]
        return cls(chosen, new, members, starts, merged)


def weights(gaussians: Gaussians, seen: Array | None) -> Array:
    """(N,) what each row weighs: its mass, more where it is seen well; see `gscli.simplifying.look`."""
    mass = gaussians.mass
    if seen is None:
        return mass
    clear = (seen + NO_PIXEL) / mass
    mean = float((clear * mass).sum() / mass.sum())
    found: Array = mass * np.clip(clear / mean, PLAINEST, CLEAREST)
    return found
