"""Where a scene has to be moved to lie on another: what looks alike laid on it, the best poses refined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..kernels import metrics
from ..kernels.registration import angle, pose
from ..progress import Track, silent
from .consensus import Recognised
from .icp import STILL, Fitted, Matcher, moved_by
from .landmarks import Landmarks, cell_of
from .likeness import Alike, Likeness
from .poses import Frame, candidates, frame

Array = npt.NDArray[Any]

POINTS = 60_000  # of each: of what landmarks are made
LANDMARKS, FEWEST, EACH = 2500, 100, 4  # of each, at most; and where points are few, one of so many
FEW, SOME, MANY = (
    1500,
    5000,
    20_000,
)  # points of each: of the first steps, of those further on, and in the end
SCALES = tuple(
    1.15**step for step in range(-3, 4)
)  # beside that of the sizes, which differ where parts are missing
LIKELY, LIKELIEST = 16, 4  # poses that are refined, and to rest
BETWEEN = 0.3  # of the target's size: poses are one where they differ less, before they are refined
SAME = 0.1  # and after that
LITTLE, FURTHER, LONGEST = 8, 24, 40  # steps
REACHES = 1.0, 0.5  # cells: how far points are drawn in the first steps, and in those after them
THIN = 1e-6  # of its length: what is no wider is a line, which may turn about itself
NEAR, NEARLY = 0.8, 0.9  # of the greatest likeness: poses that are refined to the end, and that are told of
CLOSEST = 0.5  # of the matched points, in the end: where a scene was thinned they are the same in both


@dataclass(frozen=True)
class Laid:
    """The best pose found.

    Attributes:
        matrix: (4, 4) float64, in scene units.
        steps: of the refinement by most points. rested: whether the last one moved nothing any more.
        rival: degrees by which another pose that fits nearly as well is turned from it; None without one.
        colors: the correlation of the colours of what lies on each other; None where they say nothing.
    """

    matrix: Array
    steps: int
    rested: bool
    rival: float | None
    colors: float | None = None


@dataclass(frozen=True)
class _Rated:
    """A pose, (4, 4), and how alike both clouds are there."""

    fitted: Fitted
    alike: Alike
    total: float


def find(
    source: Array,
    target: Array,
    names: tuple[str, str],
    *,
    colors: tuple[Array, Array] | None = None,
    scaled: bool,
    overlap: float,
    start: Array | None,
    seed: int,
    track: Track = silent,
) -> Laid:
    """Where a cloud has to be moved to lie on another.

    Args:
        source, target: (N, 3) and (M, 3) finite positions. names: what messages call them.
        colors: (N, 3) and (M, 3) from 0 to 1; None goes by positions alone.
        scaled, overlap: see `Matcher`.
        start: a (4, 4) pose to refine instead of searching for one.
        seed: of the points that are tried.
        track: told how far it is; see `gscli.progress.Track`.

    Raises:
        InputError: a cloud that is a point or a line.
    """
    frames = [_frame(xyz, name) for xyz, name in zip((source, target), names, strict=True)]
    unit = frames[1].size
    middles = [each.middle for each in frames]
    local = [
        ((xyz - middle) / unit).astype(np.float32)
        for xyz, middle in zip((source, target), middles, strict=True)
    ]
    into = [_into(middle, unit) for middle in middles]
    thin = [metrics.sample(len(cloud), MANY, seed) for cloud in local]
    some = local[0][thin[0]], local[1][thin[1]]
    hues = None if colors is None else (colors[0][thin[0]], colors[1][thin[1]])
    likeness = Likeness(some, hues, seed)

    def rated(fitted: Fitted) -> _Rated:
        alike = likeness.of(fitted.matrix)
        return _Rated(fitted, alike, alike.total(overlap))

    def refined(matrices: list[Array], count: int, *steps: tuple[int, float, float]) -> list[_Rated]:
        """Poses, the likeliest first, no two of them one, after steps: how many, to which rest and reach."""
        points, found = rough.sample(count, seed), []
        for matrix in matrices:
            for most, still, reach in steps:
                matrix = rough.fitted(matrix, points, steps=most, still=still, reach=reach).matrix
            found.append(rated(Fitted(matrix)))
        return _distinct(sorted(found, key=_total), some[0])

    found, reach = (
        [rated(Fitted(into[1] @ start @ np.linalg.inv(into[0])))] if start is not None else [],
        np.inf,
    )
    if start is None:
        rough = Matcher(some[0], some[1], overlap=overlap, scaled=scaled)
        tried, cell = _tried(
            local, colors, frames, into, scaled=scaled, overlap=overlap, seed=seed, track=track
        )
        first, reach = REACHES[0] * cell, REACHES[1] * cell
        likely = refined(tried, FEW, (LITTLE, 1e-3, first), (FURTHER, 1e-4, reach))
        near = [each.fitted.matrix for each in likely if each.total >= NEAR * likely[0].total]
        found = refined(near[:LIKELIEST], SOME, (LONGEST, STILL, reach))
    best, *others = found
    with track("aligning", None):
        matcher = Matcher(local[0], local[1], overlap=overlap, scaled=scaled)
        many = matcher.sample(MANY, seed)
        fitted = matcher.fitted(best.fitted.matrix, many, steps=LONGEST, reach=reach)
        closest = matcher.fitted(fitted.matrix, many, steps=LONGEST, share=CLOSEST, reach=reach)
    rivals = [
        _turned(best.fitted.matrix, other.fitted.matrix)
        for other in others
        if other.total > NEARLY * best.total
    ]
    matrix = np.linalg.inv(into[1]) @ closest.matrix @ into[0]
    matrix[3] = 0, 0, 0, 1
    return Laid(
        matrix,
        fitted.steps + closest.steps,
        closest.rested,
        max(rivals, default=None),
        likeness.of(closest.matrix).colors,
    )


def _frame(xyz: Array, name: str) -> Frame:
    found = frame(xyz.astype(np.float64))
    if not found.deviations[1] > THIN * found.deviations[0]:
        what = "lies in one point or on one line, which says nothing of how it is turned"
        raise InputError(what, path=name, remedy="give a scene with an extent in two directions")
    return found


def _into(middle: Array, unit: float) -> Array:
    """The (4, 4) that brings positions around the origin, about 1 in size."""
    return pose(np.eye(3), 1 / unit, middle, np.zeros(3))


def _tried(
    local: list[Array],
    colors: tuple[Array, Array] | None,
    frames: list[Frame],
    into: list[Array],
    *,
    scaled: bool,
    overlap: float,
    seed: int,
    track: Track,
) -> tuple[list[Array], float]:
    """Poses to refine, the likeliest first and no two of them one; and the edge of their landmarks' cells."""
    rows = [metrics.sample(len(cloud), POINTS, seed) for cloud in local]
    clouds = [cloud[some].astype(np.float64) for cloud, some in zip(local, rows, strict=True)]
    hues = [None, None] if colors is None else [hue[some] for hue, some in zip(colors, rows, strict=True)]
    ratio = frames[1].size / frames[0].size if scaled else 1.0
    counts = [min(LANDMARKS, max(FEWEST, len(cloud) // EACH)) for cloud in clouds]
    cell = max(cell_of(ratio * clouds[0], counts[0]), cell_of(clouds[1], counts[1]))
    there = Landmarks.of(clouds[1], hues[1], cell)
    likely: list[tuple[float, Array]] = []
    scales = [ratio * each for each in SCALES] if scaled else [1.0]
    with track("aligning", len(scales), "sizes") as advance:
        for scale in scales:
            sized = np.diag([scale, scale, scale, 1])
            both = Recognised(Landmarks.of(scale * clouds[0], hues[0], cell), there, cell)
            poses = both.poses()
            if scale == ratio:
                moved = candidates(*frames, scaled=scaled)
                poses += [into[1] @ each @ np.linalg.inv(sized @ into[0]) for each in moved]
            likely += [(both.rated(each, overlap), each @ sized) for each in poses]
            advance(1)
    ordered = [matrix for _, matrix in sorted(likely, key=lambda each: -each[0])]
    corners = clouds[0][:: max(1, len(clouds[0]) // 100)]
    kept: list[Array] = []
    for matrix in ordered:
        if len(kept) < LIKELY and all(_between(matrix, other, corners) > BETWEEN for other in kept):
            kept.append(matrix)
    return kept, cell


def _distinct(found: list[_Rated], points: Array) -> list[_Rated]:
    """Poses without those that a better one, before it, is like."""
    kept: list[_Rated] = []
    few = points[:: max(1, len(points) // 100)]
    for each in found:
        if all(_between(each.fitted.matrix, other.fitted.matrix, few) > SAME for other in kept):
            kept.append(each)
    return kept


def _between(one: Array, other: Array, points: Array) -> float:
    """How far two poses bring (N, 3) points apart, the root of the mean square."""
    return float(np.sqrt(np.square(moved_by(one, points) - moved_by(other, points)).sum(1).mean()))


def _total(found: _Rated) -> float:
    return -found.total


def _turned(one: Array, other: Array) -> float:
    """Degrees between the rotations of two poses."""
    between = one[:3, :3].T @ other[:3, :3]
    return angle(between / np.cbrt(np.linalg.det(between)))
