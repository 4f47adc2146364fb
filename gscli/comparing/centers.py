"""How far the centres of two clouds lie apart: exact nearest neighbours both ways, and what follows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import neighbors
from ..device import to_numpy
from ..kernels import metrics
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
]

Array = npt.NDArray[Any]

DEFAULT_THRESHOLD = "2spacing"


@dataclass(frozen=True)
class At:
    """Matches below one threshold: d^2 < threshold^2; inlier_rmse is 0 where nothing matched."""

    threshold: float
    matched: int
    fitness: float
    inlier_rmse: float


@dataclass(frozen=True)
class StandardError:
    """Of estimates from sampled queries; `fitness` has one for each threshold."""

    mean: float | None
    rms: float | None
    fitness: tuple[float | None, ...]


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
class Symmetric:
    """Both directions in one number.

    Attributes:
        chamfer: (mean there + mean back) / 2, in scene units.
        chamfer_squared: mean square there + mean square back, in squared scene units.
        hausdorff: the larger of both maxima.
    """

    chamfer: float
    chamfer_squared: float
    hausdorff: float
    at: tuple[SymmetricAt, ...]


@dataclass(frozen=True)
class Convention:
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
    source: Any,
    target: Any,
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
    with timings.stage("metrics"):
        there = _directed(forth, source, target, values)
        again = _directed(back, target, source, values)
        both = _symmetric(there, again)
        named = Conventions(
            Convention(tuple(Agreement(a.threshold, a.fitness, a.inlier_rmse) for a in there.at)),
            Convention(tuple(conventions.corgs(forth.distances, t) for t in values)),
            Convention(tuple(conventions.coprune(forth.distances, back.distances, t) for t in values)),
        )
        notes = beyond_scene(values, to_numpy(target), names[1])
        if used.name == "faiss":
            notes += neighbors.notes()
    if there.standard_error or again.standard_error:
        notes.append("only sampled points were asked: largest distances are lower bounds")
    found = Centers(spacings, values, why, there, again, both, named, used, tuple(notes), tiling)
    return found, forth, back


def color_top(*sides: Directed) -> float:
    """The distance at the end of a colour scale: the largest 99th percentile, or maximum where that is 0."""
    return max(side.p99 for side in sides) or max(side.max for side in sides)


def _directed(found: Nearest, points: Any, others: Any, thresholds: Sequence[float]) -> Directed:
    distances, count = found.distances, len(found.distances)

    def squared_at(selected: Array) -> Array:
        queries = selected if found.asked is None else found.asked[selected]
        a, b = to_numpy(points[queries]), to_numpy(others[found.rows[selected]])
        squared: Array = squared_distances(a.astype(np.float64), b.astype(np.float64))
        return squared

    at = []
    for threshold in thresholds:
        matched = metrics.within(distances, threshold, squared_at)
        agreed = conventions.open3d(distances, matched, threshold)
        at.append(At(threshold, int(np.count_nonzero(matched)), agreed.fitness, agreed.rmse))
    mean, square = metrics.power_sum(distances) / count, metrics.power_sum(distances, 2) / count
    median, p95, p99 = metrics.quantiles(distances, (0.5, 0.95, 0.99))
    error = None
    if found.asked is not None:
        error = _standard_error(distances, len(points), mean, math.sqrt(square), [a.fitness for a in at])
    return Directed(
        count, mean, math.sqrt(square), median, p95, p99, float(distances.max()), tuple(at), error
    )


def _standard_error(
    distances: Array, population: int, mean: float, rms: float, fitness: Sequence[float]
) -> StandardError:
    """Of a simple random sample without replacement (Cochran, Sampling Techniques, chapter 2)."""
    count = len(distances)
    if count < 2:
        return StandardError(None, None, tuple(None for _ in fitness))
    left = math.sqrt((1.0 - count / population) / count)
    spread = math.sqrt(metrics.power_sum(distances - mean, 2) / (count - 1))
    squares = math.sqrt(metrics.power_sum(distances**2 - rms**2, 2) / (count - 1))
    return StandardError(
        mean=spread * left,
        rms=squares * left / (2.0 * rms) if rms > 0 else 0.0,
        fitness=tuple(math.sqrt(p * (1.0 - p) * count / (count - 1)) * left for p in fitness),
    )


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
    )
