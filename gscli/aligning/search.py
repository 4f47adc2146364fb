"""Where a scene has to be moved to lie on another: every rough pose tried, the best ones refined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..kernels import metrics
from ..kernels.registration import angle, pose
from ..progress import Track, silent
from .correlation import TURNS, overlaps, slightly
from .icp import STILL, Fitted, Matcher
from .poses import Frame, candidates, frame

Array = npt.NDArray[Any]

TRIED, SOME, MANY = 500, 1000, 20_000  # points of each: of a try, of the first steps, and in the end
POINTS = 4000  # of each: of what is laid over each other at every turn
OVERLAPS = 24  # poses, found so, that are tried
SCALES = 1.0, 0.84, 1.19, 0.71, 1.41  # beside that of the sizes, which are not one where a part is missing
LIKELY, LIKELIEST = 24, 6  # poses that are refined a little, and further
ASIDE = (
    25.0  # degrees about a pose in which a better one is looked for, and between two that are both refined
)
LITTLE, FURTHER, LONGEST = 6, 24, 100  # steps
THIN = 1e-6  # of its length: what is no wider is a line, which may turn about itself
NEAR, NEARLY = 1.5, 1.1  # times the least error: poses that are refined to the end, and that are told of
CLOSEST = 0.5  # of the matched points, in the end: where a scene was thinned they are the same in both
APART = 5.0  # degrees between two poses that are not one


@dataclass(frozen=True)
class Laid:
    """The best pose found.

    Attributes:
        matrix: (4, 4) float64, in scene units.
        steps: of the refinement by most points. rested: whether the last one moved nothing any more.
        rival: degrees by which another pose that fits nearly as well is turned from it; None without one.
    """

    matrix: Array
    steps: int
    rested: bool
    rival: float | None


def find(
    source: Array,
    target: Array,
    names: tuple[str, str],
    *,
    scaled: bool,
    overlap: float,
    start: Array | None,
    seed: int,
    track: Track = silent,
) -> Laid:
    """Where a cloud has to be moved to lie on another.

    Args:
        source, target: (N, 3) and (M, 3) finite positions. names: what messages call them.
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
    if start is None:
        thin = [cloud[metrics.sample(len(cloud), MANY, seed)] for cloud in local]
        rough = Matcher(thin[0], thin[1], overlap=overlap, scaled=scaled)
        fitted = _likeliest(rough, frames, into, scaled=scaled, seed=seed, track=track)
    else:
        fitted = [Fitted(into[1] @ start @ np.linalg.inv(into[0]), 0.0)]
    with track("aligning", None):
        matcher = Matcher(local[0], local[1], overlap=overlap, scaled=scaled)
        many = matcher.sample(MANY, seed)
        near = [each for each in fitted if each.error <= NEAR * fitted[0].error]
        best, *others = sorted(
            (matcher.fitted(each.matrix, many, steps=LONGEST) for each in near), key=_error
        )
        closest = matcher.fitted(best.matrix, many, steps=LONGEST, share=CLOSEST)
    rivals = [
        turned
        for other in others
        if other.error < NEARLY * best.error + STILL
        and (turned := _turned(best.matrix, other.matrix)) > APART
    ]
    matrix = np.linalg.inv(into[1]) @ closest.matrix @ into[0]
    matrix[3] = 0, 0, 0, 1
    return Laid(matrix, best.steps + closest.steps, closest.rested, max(rivals, default=None))


def _frame(xyz: Array, name: str) -> Frame:
    found = frame(xyz.astype(np.float64))
    if not found.deviations[1] > THIN * found.deviations[0]:
        what = "lies in one point or on one line, which says nothing of how it is turned"
        raise InputError(what, path=name, remedy="give a scene with an extent in two directions")
    return found


def _into(middle: Array, unit: float) -> Array:
    """The (4, 4) that brings positions around the origin, about 1 in size."""
    return pose(np.eye(3), 1 / unit, middle, np.zeros(3))


def _likeliest(
    matcher: Matcher, frames: list[Frame], into: list[Array], *, scaled: bool, seed: int, track: Track
) -> list[Fitted]:
    """Poses, the best first: of all tried a few are refined a little, and of these the best further."""
    out_of = np.linalg.inv(into[0])
    tried = [into[1] @ matrix @ out_of for matrix in candidates(*frames, scaled=scaled)]
    ratio = frames[1].size / frames[0].size
    scales = [ratio * each for each in SCALES] if scaled else [1.0]
    few, some = matcher.sample(TRIED, seed), matcher.sample(SOME, seed)
    aside = slightly(ASIDE)

    def rated(matrices: list[Array]) -> list[Fitted]:
        return sorted((Fitted(matrix, matcher.error(matrix, few)) for matrix in matrices), key=_error)

    def refined(found: list[Fitted], steps: int) -> list[Fitted]:
        fitted = (matcher.fitted(each.matrix, some, steps=steps, still=1e-4) for each in found)
        return sorted(fitted, key=_error)

    def settled(found: Fitted) -> Fitted:
        """The best of a pose and those around it: along what is round, points come to rest too early."""
        middle = found.matrix[:3, 3]
        near = rated([pose(turn, 1.0, middle, middle) @ found.matrix for turn in aside])
        return refined([found, *refined(near[:LIKELIEST], LITTLE)[:2]], FURTHER)[0]

    with track("aligning", TURNS * len(scales) + LIKELIEST, "poses") as advance:
        tried += overlaps(*matcher.sample(POINTS, seed), scales, OVERLAPS, advance)
        likely = _distinct(refined(rated(tried)[:LIKELY], LITTLE), ASIDE)[:LIKELIEST]
        fitted = []
        for each in likely:
            fitted.append(settled(each))
            advance(1)
    return _distinct(sorted(fitted, key=_error), APART)


def _distinct(found: list[Fitted], apart: float) -> list[Fitted]:
    """Poses without those that a better one, before it, is turned little from."""
    kept: list[Fitted] = []
    for each in found:
        if all(_turned(each.matrix, other.matrix) > apart for other in kept):
            kept.append(each)
    return kept


def _error(found: Fitted) -> float:
    return found.error


def _turned(one: Array, other: Array) -> float:
    """Degrees between the rotations of two poses."""
    between = one[:3, :3].T @ other[:3, :3]
    return angle(between / np.cbrt(np.linalg.det(between)))
