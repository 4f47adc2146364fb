"""Multiscale model to model cloud comparison (M3C2): Lague, Brodu and Leroux, ISPRS Journal 82, 2013.

Arrays are float64, a column a point, in scene units. Each core point's sums are over its own points in one
order, so that nothing depends on blocks or threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from . import covariances, parallel, quaternions
from .vicinity import Lattice

Array = npt.NDArray[Any]

CONFIDENCE = 1.96  # standard deviations of a level of detection: 95 % of a normal distribution
FEWEST = 3  # points that make a plane
FLAT = 1e-12  # of the largest variance: points on a line have less in all other directions
BLOCK = 1 << 12  # core points at a time
CELLS = 8  # that half a cylinder is long, at most


class Parts(NamedTuple):
    """The points of one cloud in each cylinder.

    Attributes:
        number: (Q,) int64.
        mean: (Q,) of their places along the axis; NaN where there are none.
        variance: (Q,) of these, over one less than their number; NaN where there are fewer than two.
    """

    number: Array
    mean: Array
    variance: Array


def normals(
    core: Array,
    points: Array,
    radii: list[float],
    toward: Array,
    done: Callable[[int], object] | None = None,
) -> tuple[Array, Array]:
    """The normal of the plane through the points around each core point, and how many there are.

    Of several radii the one counts in which the points are the most planar: by the difference of the middle
    and the smallest variance over the sum of all three (Brodu and Lague, 2012); of equal ones the first.

    Args:
        core: (3, Q). points: (3, N). radii: of the spheres, whose borders belong to them.
        toward: (3,) which side of a surface is in front: no normal has a negative product with it.
        done: told of each number of core points and radii that are through.

    Returns:
        (3, Q) unit vectors, NaN where fewer than three points are around, or only some on a line; (Q,) int64,
        the points in the radius that counts, 0 where there is no normal.
    """
    found, number = np.full(core.shape, np.nan), np.zeros(core.shape[1], np.int64)
    best = np.full(core.shape[1], -np.inf)
    for radius in radii:
        lattice = Lattice(points, radius)

        def fit(rows: Array, radius: float = radius, lattice: Lattice = lattice) -> None:
            count, spread = _spread(core[:, rows], lattice, radius)
            direction, planar = _plane(spread)
            direction *= np.where(toward @ direction < 0, -1.0, 1.0)
            better = (count >= FEWEST) & (planar > best[rows])
            chosen = rows[better]
            found[:, chosen], best[chosen] = direction[:, better], planar[better]
            number[chosen] = count[better]

        _each(fit, core, radius, done)
    return found, number


def along(
    core: Array,
    directions: Array,
    points: Array,
    radius: float,
    depth: float,
    done: Callable[[int], object] | None = None,
) -> Parts:
    """The points in a cylinder about each core point, seen along its axis.

    A point is in it that is at most `depth` away along the axis, on either side, and at most `radius` across.

    Args:
        core: (3, Q). directions: (3, Q) unit vectors, NaN for no cylinder. points: (3, N).
        done: told of each number of core points that are through.
    """
    q = core.shape[1]
    found = Parts(np.zeros(q, np.int64), np.full(q, np.nan), np.full(q, np.nan))
    steep = np.argmax(np.abs(directions), axis=0)
    steep[~np.isfinite(directions).all(axis=0)] = -1
    for axis in range(3):
        of_axis = np.flatnonzero(steep == axis)
        if not len(of_axis):
            continue
        lattice = Lattice(points, max(radius, depth / CELLS), axis)

        def gather(rows: Array, lattice: Lattice = lattice, of_axis: Array = of_axis) -> None:
            rows = of_axis[rows]
            part = _cylinders(core[:, rows], directions[:, rows], lattice, radius, depth)
            for whole, values in zip(found, part, strict=True):
                whole[rows] = values

        _each(gather, core[:, of_axis], max(radius, depth / CELLS), done)
    if done is not None:
        done(int((steep < 0).sum()))
    return found


def detection(source: Parts, target: Parts, registration: float) -> tuple[Array, Array]:
    """Signed distances from target to source along the axes, and how large one must be to be told from none.

    Args:
        registration: how well the clouds lie on each other, a standard deviation.

    Returns:
        (Q,) distances, NaN where either has no point; (Q,) levels of detection at 95 %, NaN where either has
        fewer than two points.
    """
    error = np.sqrt(source.variance / source.number.clip(1) + target.variance / target.number.clip(1))
    return source.mean - target.mean, CONFIDENCE * (error + registration)


def _each(
    work: Callable[[Array], None], core: Array, size: float, done: Callable[[int], object] | None
) -> None:
    """Do a block of core points at a time, neighbours with neighbours, on several threads."""
    order = Lattice(core, size).order
    parts = [order[part] for part in parallel.blocks(core.shape[1], BLOCK)]
    parallel.for_each(work, parts, done=None if done is None else lambda part: done(len(part)))


def _spread(core: Array, lattice: Lattice, radius: float) -> tuple[Array, Array]:
    """How many points are in each sphere, and (6, Q) the covariances of these; zeros where there are none."""
    q = core.shape[1]
    count, sums = np.zeros(q), np.zeros((9, q))
    still, box = np.zeros_like(core), np.full_like(core, radius)
    for place, points in lattice.near(core, still, box):
        d = lattice.xyz[:, points] - core[:, place]
        within = np.flatnonzero(d[0] * d[0] + d[1] * d[1] + d[2] * d[2] <= radius * radius)
        if len(within):
            d, place = d[:, within] / radius, place[within]
            first, stop = int(place[0]), int(place[-1]) + 1
            place = place - first
            count[first:stop] += np.bincount(place, minlength=stop - first)
            for total, values in zip(sums, (*d, *covariances.outer(d)), strict=True):
                total[first:stop] += np.bincount(place, values, stop - first)
    mean = sums[:3] / np.maximum(count, 1)
    return count.astype(np.int64), sums[3:] / np.maximum(count, 1) - covariances.outer(mean)


def _plane(spread: Array) -> tuple[Array, Array]:
    """(3, Q) the directions of the smallest variances, and (Q,) how planar; -inf where there is no plane."""
    variances, turns = covariances.axes(spread)
    order = np.argsort(variances, axis=0, kind="stable")
    low, middle, high = np.take_along_axis(variances, order, axis=0)
    direction = np.ascontiguousarray(quaternions.axes(turns.T, order[0]).T)
    flat = middle > FLAT * high
    return direction, np.where(flat, (middle - low) / np.where(flat, low + middle + high, 1.0), -np.inf)


def _cylinders(core: Array, axes: Array, lattice: Lattice, radius: float, depth: float) -> Parts:
    q = core.shape[1]
    found = Parts(np.zeros(q, np.int64), np.full(q, np.nan), np.full(q, np.nan))
    for place, along in _inside(core, axes, lattice, radius, depth):
        first, stop = int(place[0]), int(place[-1]) + 1
        place = place - first
        count = np.bincount(place, minlength=stop - first)
        held = np.flatnonzero(count)
        mean = np.bincount(place, along) / np.maximum(count, 1)
        apart = along - mean[place]
        squares = np.bincount(place, apart * apart)
        found.number[first + held], found.mean[first + held] = count[held], mean[held]
        several = np.flatnonzero(count > 1)
        found.variance[first + several] = squares[several] / (count[several] - 1)
    return found


def _inside(
    core: Array, axes: Array, lattice: Lattice, radius: float, depth: float
) -> Iterator[tuple[Array, Array]]:
    """Of which cylinder, ascending, and how far along its axis: every point that is in one."""
    across = radius * np.sqrt(np.maximum(1 - axes * axes, 0.0))
    for place, points in lattice.near(core, depth * axes, across):
        d, n = lattice.xyz[:, points] - core[:, place], axes[:, place]
        along = d[0] * n[0] + d[1] * n[1] + d[2] * n[2]
        off = d[0] * d[0] + d[1] * d[1] + d[2] * d[2] - along * along
        within = np.flatnonzero((np.abs(along) <= depth) & (off <= radius * radius))
        if len(within):
            yield place[within], along[within]
