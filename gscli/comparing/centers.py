"""Distances between the centres of two clouds: exact nearest neighbours both ways, and figures from them.

One module: what a number is called, what it means and how it is computed stand together, so that a new one
is added here and in its report alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import neighbors
from ..device import to_numpy
from ..kernels import metrics, sampling
from ..kernels.distances import squared_distances
from ..progress import Timings, Track, silent
from . import conventions
from .conventions import Agreement
from .search import Engine, Nearest, Tiling, search_both
from .spacing import beyond_scene, parse_threshold

if TYPE_CHECKING:
    import torch

__all__ = [
    "At",
    "Centers",
    "Convention",
    "Conventions",
    "Directed",
    "StandardError",
    "Symmetric",
    "SymmetricAt",
    "SymmetricError",
]

Array = npt.NDArray[Any]

DEFAULT_THRESHOLD = "2spacing"


@dataclass(frozen=True)
class At:
    """Matches below one threshold: d^2 < threshold^2; inlier_rmse is None where nothing matched."""

    threshold: float
    matched: int
    fitness: float
    inlier_rmse: float | None


@dataclass(frozen=True)
class StandardError:
    """Of estimates from sampled queries, by `gscli.kernels.sampling`; None where too few were asked.

    The largest distance has none: it is a lower bound.

    Attributes:
        fitness, inlier_rmse: one for each threshold.
    """

    mean: float | None
    rms: float | None
    median: float | None
    p95: float | None
    p99: float | None
    fitness: tuple[float, ...]
    inlier_rmse: tuple[float | None, ...]


@dataclass(frozen=True)
class Directed:
    """Distances from the points of one cloud to the nearest of the other, in scene units.

    Attributes:
        queries: how many points were asked.
        max: the directed Hausdorff distance.
        standard_error: None where all points were asked.
    """

    queries: int
    mean: float
    rms: float
    median: float
    p95: float
    p99: float
    max: float
    at: tuple[At, ...]
    standard_error: StandardError | None


@dataclass(frozen=True)
class SymmetricAt:
    """precision: share of the source matched; recall: of the target; fscore: their harmonic mean."""

    threshold: float
    precision: float
    recall: float
    fscore: float


@dataclass(frozen=True)
class SymmetricError:
    """At most the standard error of each, whether or not both samples err alike; the others have none."""

    chamfer: float | None
    chamfer_squared: float | None


@dataclass(frozen=True)
class Symmetric:
    """Both directions in one number.

    Attributes:
        chamfer: (mean there + mean back) / 2, in scene units.
        chamfer_squared: mean square there + mean square back, in squared scene units.
        hausdorff: the larger of both maxima.
        standard_error: None where all points were asked.
    """

    chamfer: float
    chamfer_squared: float
    hausdorff: float
    at: tuple[SymmetricAt, ...]
    standard_error: SymmetricError | None


@dataclass(frozen=True)
class Convention:
    """Fitness and RMSE by one definition, at each threshold."""

    at: tuple[Agreement, ...]


@dataclass(frozen=True)
class Conventions:
    """Fitness and RMSE by the definitions of `gscli.comparing.conventions`."""

    open3d: Convention
    corgs: Convention
    coprune: Convention


@dataclass(frozen=True)
class Centers:
    """Everything that two sets of positions tell.

    Attributes:
        spacings: median spacing of source and target; None where all positions are equal.
        thresholds: in scene units.
        threshold_why: where they come from, in words.
        tiling: how the search went tile by tile; None where each cloud was indexed whole.
    """

    spacings: tuple[float | None, float | None]
    thresholds: tuple[float, ...]
    threshold_why: str
    source_to_target: Directed
    target_to_source: Directed
    symmetric: Symmetric
    conventions: Conventions
    engine: Engine
    notes: tuple[str, ...] = ()
    tiling: Tiling | None = None


def compare_centers(
    source: Array | torch.Tensor,
    target: Array | torch.Tensor,
    *,
    thresholds: Sequence[float | str] = (),
    max_queries: int | None = None,
    seed: int = 0,
    engine: str = "auto",
    where: torch.device | None = None,
    names: tuple[str, str] = ("source", "target"),
    tile: int | None = None,
    timings: Timings | None = None,
    track: Track = silent,
) -> tuple[Centers, Nearest, Nearest]:
    """Search both ways and summarise: the numbers, and what each point is nearest to, forth and back.

    Args:
        source: (N, 3) float32 or float64 positions to judge; NumPy, or a torch tensor.
        target: (M, 3) positions to judge them by.
        thresholds: in scene units, or as ``2spacing`` in spacings of the target, which is the default.
        max_queries: ask at most so many points of each cloud, chosen at random; all are searched in.
        seed: of that choice, and of the sample that the spacing is taken from.
        engine: one of `gscli.neighbors.ENGINES` or ``auto``.
        where: what `gscli.device.resolve` returned.
        names: what messages call the two.
        tile: index at most so many points at a time, with the kdtree engine on the CPU; by default all.

    Raises:
        InputError: an empty cloud, or coordinates that are not finite.
        UsageError: an option that cannot be honoured; no threshold given and none to be derived.
        EngineUnavailable: the engine's library or device is missing.
    """
    wanted = [parse_threshold(text) for text in thresholds or (DEFAULT_THRESHOLD,)]
    timings = Timings() if timings is None else timings
    forth, back, spacings, used, tiling = search_both(
        source,
        target,
        max_queries=max_queries,
        seed=seed,
        engine=engine,
        where=where,
        names=names,
        tile=tile,
        timings=timings,
        track=track,
    )
    values = tuple(threshold.in_scene_units(spacings[1], names[1]) for threshold in wanted)
    origins = [threshold.origin for threshold in wanted]
    why = origins[0] if len(set(origins)) == 1 else ", ".join(origins)
    with timings.stage("metrics", track):
        there = _directed(forth, source, target, values)
        again = _directed(back, target, source, values)
        both = _symmetric(there, again)
        named = Conventions(
            Convention(tuple(conventions.open3d(a.threshold, a.fitness, a.inlier_rmse) for a in there.at)),
            Convention(tuple(conventions.corgs(forth.distances, t) for t in values)),
            Convention(tuple(conventions.coprune(forth.distances, back.distances, t) for t in values)),
        )
        notes = beyond_scene(values, to_numpy(target), names[1])
        if used.name == "faiss":
            notes += neighbors.notes()
    if there.standard_error or again.standard_error:
        notes.append(
            "only sampled points were asked: largest distances are lower bounds, and figures without "
            "a standard error are estimates all the same"
        )
    found = Centers(spacings, values, why, there, again, both, named, used, tuple(notes), tiling)
    return found, forth, back


def color_top(*sides: Directed) -> float:
    """The distance at the end of a colour scale: the largest 99th percentile, or maximum where that is 0."""
    return max(side.p99 for side in sides) or max(side.max for side in sides)


def squares_of(found: Nearest, points: Any, others: Any) -> Callable[[Array], Array]:
    """What gives the squared distances of those queries whose numbers it is given."""

    def squared_at(selected: Array) -> Array:
        queries = selected if found.asked is None else found.asked[selected]
        a, b = to_numpy(points[queries]), to_numpy(others[found.rows[selected]])
        squared: Array = squared_distances(a.astype(np.float64), b.astype(np.float64))
        return squared

    return squared_at


def _directed(found: Nearest, points: Any, others: Any, thresholds: Sequence[float]) -> Directed:
    distances, count = found.distances, len(found.distances)
    squared_at = squares_of(found, points, others)
    sample = None if found.asked is None else sampling.Sample(count, len(points))
    at, of_inliers = [], []
    for threshold in thresholds:
        matched = metrics.within(distances, threshold, squared_at)
        near = distances[matched]
        at.append(At(threshold, len(near), len(near) / count, metrics.root_mean_square(near)))
        if sample is not None:
            of_inliers.append(sampling.of_rms(near, sample))
        del near
    mean, rms = metrics.power_sum(distances) / count, metrics.root_mean_square(distances)
    assert rms is not None
    median, p95, p99 = metrics.quantiles(distances, (0.5, 0.95, 0.99))
    error = None
    if sample is not None:
        error = StandardError(
            mean=sampling.of_mean(distances, sample),
            rms=sampling.of_rms(distances, sample),
            median=sampling.of_quantile(distances, 0.5, sample),
            p95=sampling.of_quantile(distances, 0.95, sample),
            p99=sampling.of_quantile(distances, 0.99, sample),
            fitness=tuple(sampling.of_share(a.matched, sample) for a in at),
            inlier_rmse=tuple(of_inliers),
        )
    return Directed(count, mean, rms, median, p95, p99, float(distances.max()), tuple(at), error)


def _symmetric(there: Directed, back: Directed) -> Symmetric:
    at = []
    for a, b in zip(there.at, back.at, strict=True):
        total = a.fitness + b.fitness
        fscore = 2.0 * a.fitness * b.fitness / total if total else 0.0
        at.append(SymmetricAt(a.threshold, a.fitness, b.fitness, fscore))
    return Symmetric(
        chamfer=(there.mean + back.mean) / 2.0,
        chamfer_squared=there.rms**2 + back.rms**2,
        hausdorff=max(there.max, back.max),
        at=tuple(at),
        standard_error=_symmetric_error(there, back),
    )


def _symmetric_error(there: Directed, back: Directed) -> SymmetricError | None:
    """Standard errors of sums are at most the sums of standard errors."""
    sides = [(side.rms, side.standard_error) for side in (there, back)]
    if all(error is None for _, error in sides):
        return None
    means = [0.0 if error is None else error.mean for _, error in sides]
    squares = [
        0.0 if error is None else None if error.rms is None else 2 * rms * error.rms for rms, error in sides
    ]
    mean, square = _sum(means), _sum(squares)
    return SymmetricError(None if mean is None else mean / 2, square)


def _sum(parts: Sequence[float | None]) -> float | None:
    """The sum of parts that all exist."""
    present = [part for part in parts if part is not None]
    return sum(present) if len(present) == len(parts) else None
