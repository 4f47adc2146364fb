"""Weights of Gaussians, alpha x surface area, and distances and ratios of two clouds by them.

Columns are read a block at a time, so that a cloud of any size costs no memory unless it is held.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud
from ..kernels import gaussians, metrics, parallel
from ..kernels.columns import gather, square_sums
from ..kernels.distances import squared_distances
from ..kernels.structured import release_pages
from ..motions.transform import Similarity
from ..progress import nothing, of_slices

__all__ = ["Ratios", "Weighted"]

Array = npt.NDArray[Any]

BLOCK = 1 << 14  # rows at a time, in each thread


@dataclass(frozen=True)
class Mass:
    """A cloud's weight: each Gaussian weighs w = alpha A, A its surface area.

    Attributes:
        count: Gaussians, those left out for numbers that are not finite included.
        alpha_area: sum of w. second_moment: sum of w |x - c|^2 / sum of w about the weighted centre c,
            None without weight.
        distance: weighted mean of the distances to the other cloud, None without weight.
        invalid: Gaussians left out because a number of theirs is not finite.
    """

    count: int
    alpha_area: float
    second_moment: float | None
    distance: float | None
    invalid: int


@dataclass(frozen=True)
class Weighted:
    """Distances weighted by alpha x surface area, in scene units; None without weight.

    Attributes:
        source_to_target, target_to_source: sum of w d / sum of w over the points asked.
        chamfer: the mean of both.
    """

    source_to_target: float | None
    target_to_source: float | None
    chamfer: float | None


@dataclass(frozen=True)
class Ratios:
    """Source divided by target: number of points, sum of alpha x area, weighted second moment."""

    count: float
    alpha_area: float | None
    second_moment: float | None


@dataclass(frozen=True)
class Side:
    """One of the two clouds, and what is known of its points.

    Attributes:
        xyz: (N, 3) positions, after the transformation.
        distances: (Q,) float64 to the nearest of the other; asked: (Q,) the rows asked, None for all.
        similarity: what the Gaussians' shapes still have to undergo.
    """

    cloud: GaussianCloud
    xyz: Array
    distances: Array
    asked: Array | None = None
    similarity: Similarity | None = None

    @property
    def scales(self) -> int:
        return len(fields.scale_names(self.cloud.fields))

    @property
    def names(self) -> tuple[str, ...]:
        """The columns looked up for a pair: opacity, rotation, scales, colour."""
        colour = fields.SH_DC if set(fields.SH_DC) <= set(self.cloud.fields) else ()
        return (fields.OPACITY, *fields.ROTATION, *fields.scale_names(self.cloud.fields), *colour)

    def room(self, count: int) -> Array:
        """An empty (count, K) array for attributes: float32 where that holds them as they are stored."""
        exact = self.similarity is None and all(
            np.can_cast(self.cloud.rows.dtype[name], np.float32, "safe") for name in self.names
        )
        return np.empty((count, len(self.names) + 2), np.float32 if exact else np.float64)

    def attributes(self, rows: Array) -> Array:
        """(K, n) of structured rows: `names`, transformed, and then the SH energy in two parts.

        The second is what rounding to float32 takes from the first: what is held may be float32, and the
        difference of two energies has to be that of float64.
        """
        rest = [name for name in self.cloud.fields if name.startswith("f_rest_")]
        out = np.empty((len(self.names) + 2, len(rows)))
        gather(rows, self.names, out[: len(self.names)])
        energy = np.sqrt(square_sums(rows, rest) / (12.0 * math.pi))
        with np.errstate(over="ignore", invalid="ignore"):
            out[-2] = energy.astype(np.float32)
            out[-1] = (energy - out[-2]).astype(np.float32)
        if self.similarity is not None:
            turn = self.similarity.rotation[:, None] * np.array([1, -1, -1, -1])[:, None]
            out[1:5] = gaussians.relative_rotation(turn, out[1:5])
            out[5 : 5 + self.scales] += math.log(self.similarity.scale)
        return out


def hold(side: Side, rows: slice) -> Array:
    """(n, K) attributes of some rows of a cloud."""
    held = side.room(rows.stop - rows.start)

    def one(part: slice) -> None:
        block = side.cloud.rows[rows.start + part.start : rows.start + part.stop]
        held[part] = side.attributes(block).T
        release_pages(block)

    parallel.for_each(one, parallel.blocks(len(held), BLOCK))
    return held


def weigh(
    side: Side, held_too: bool, advance: Callable[[int], object] = nothing
) -> tuple[Mass, Array | None]:
    """Stream a cloud once: its mass, and if `held_too` its (N, K) attributes, a row per Gaussian."""
    blocks = parallel.blocks(len(side.cloud), BLOCK)
    held = side.room(len(side.cloud)) if held_too else None
    origin = np.array([metrics.power_sum(side.xyz[:, axis]) / len(side.xyz) for axis in range(3)])
    sums = np.zeros((len(blocks), 8))  # w, w x, w y, w z, w r^2, asked w, asked w d, invalid

    def one(number: int) -> None:
        part = blocks[number]
        rows = side.cloud.rows[part]
        attributes = side.attributes(rows)
        release_pages(rows)
        if held is not None:
            held[part] = attributes.T
        with np.errstate(over="ignore", invalid="ignore"):
            area = fields.ellipsoid_area(np.exp(attributes[5 : 5 + side.scales]))
            weight = fields.sigmoid(attributes[0]) * area
        bad = ~np.isfinite(weight)
        weight[bad] = 0.0
        moved = side.xyz[part] - origin
        total = sums[number]
        total[0] = weight.sum()
        total[1:4] = [(weight * moved[:, axis]).sum() for axis in range(3)]
        total[4] = (weight * squared_distances(moved, np.zeros(3))).sum()
        if side.asked is None:
            distances = side.distances[part]
        else:
            first, last = np.searchsorted(side.asked, [part.start, part.stop])
            distances = side.distances[first:last]
            weight = weight[side.asked[first:last] - part.start]
        total[5:7] = weight.sum(), (weight * distances).sum()
        total[7] = np.count_nonzero(bad)

    told = of_slices(advance)
    parallel.for_each(one, range(len(blocks)), done=lambda number: told(blocks[number]))
    w, x, y, z, rr, asked, wd, invalid = sums.sum(axis=0).tolist()
    mass = Mass(
        count=len(side.cloud),
        alpha_area=w,
        second_moment=max(0.0, rr / w - (x * x + y * y + z * z) / (w * w)) if w > 0 else None,
        distance=wd / asked if asked > 0 else None,
        invalid=int(invalid),
    )
    return mass, held


def weighted(source: Mass, target: Mass) -> Weighted:
    """Weighted distances both ways."""
    there, back = source.distance, target.distance
    return Weighted(there, back, None if there is None or back is None else (there + back) / 2)


def ratios(source: Mass, target: Mass) -> Ratios:
    """Source divided by target."""
    return Ratios(
        source.count / target.count,
        _ratio(source.alpha_area, target.alpha_area),
        _ratio(source.second_moment, target.second_moment),
    )


def _ratio(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None
