"""Whether a pose lays a scene on another, by the same numbers as a comparison of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from ..cloud import GaussianCloud
from ..colors import of_both
from ..comparing import search
from ..comparing.centers import DEFAULT_THRESHOLD, Centers, Directed, compare_centers
from ..errors import GateMissed
from ..kernels.registration import scale_of
from ..motions.transform import Transform
from ..progress import Track, silent
from .likeness import AROUND, WITHIN
from .search import Laid, find

Array = npt.NDArray[Any]

ASKED = 100_000  # points of each, at most, whose distances are measured before and after
HUED = 0.25  # correlation of colours at least; in wrong places it is about 0, and in right ones .34 and more
CLEAR = 0.7  # of each scene, at most, has a counterpart: below, one of several poses is a guess
HELD = 0.6  # of what comes that near, what has a counterpart at least; in wrong places half has, or less


@dataclass(frozen=True)
class Match:
    """How the points of one scene match the other's, in scene units.

    Attributes:
        fitness: the share with a point of the other below the threshold. rmse: of the distances of these;
            None where there are none.
        median: of the distances of all.
    """

    fitness: float
    rmse: float | None
    median: float


@dataclass(frozen=True)
class Judged:
    """A motion that was found, and what it is good for.

    Attributes:
        threshold: twice the target's spacing, in scene units.
        before, after: source to target, and target to source.
    """

    motion: Laid
    threshold: float
    before: tuple[Match, Match]
    after: tuple[Match, Match]


def laid_on(
    source: GaussianCloud,
    target: GaussianCloud,
    names: tuple[str, str],
    *,
    colors: bool = True,
    scaled: bool = False,
    overlap: float = 0.9,
    start: Array | None = None,
    seed: int = 0,
    track: Track = silent,
) -> Judged:
    """Where a cloud has to be moved to lie on another, and how well it lies there.

    Args:
        colors: whether to go by them, where both have some.
        names, scaled, overlap, start, seed, track: see `find`.

    Raises:
        InputError: positions that are not finite; a cloud that is a point or a line.
        GateMissed: the one does not come to lie on the other, or crosses it, or there is another pose.
    """
    here, there = (search.positions(cloud, name) for cloud, name in zip((source, target), names, strict=True))
    before = compare_centers(here, there, max_queries=ASKED, seed=seed, names=names)[0]
    motion = find(
        here,
        there,
        names,
        colors=of_both(source, target) if colors else None,
        scaled=scaled,
        overlap=overlap,
        start=start,
        seed=seed,
        track=track,
    )
    moved = Transform(motion.matrix).apply(here)
    assert before.spacings[0] is not None
    assert before.spacings[1] is not None
    apart = max(before.spacings[0] * scale_of(motion.matrix), before.spacings[1])
    after = compare_centers(
        moved,
        there,
        thresholds=(DEFAULT_THRESHOLD, WITHIN * apart, AROUND * apart),
        max_queries=ASKED,
        seed=seed,
        names=names,
    )[0]
    _require_near(after, names, overlap, started=start is not None)
    _require_sure(motion, names, overlap)
    return Judged(motion, after.source_to_target.at[0].threshold, _matches(before), _matches(after))


def _require_near(found: Centers, names: tuple[str, str], overlap: float, *, started: bool) -> None:
    """Refuse a pose in which less than half of what should have a counterpart has one, or that crosses.

    Where a scene lies on another, most of what comes near has a counterpart; surfaces that cross, or touch,
    lie apart as soon as they are near.

    Raises:
        GateMissed: see above.
    """
    ways = found.source_to_target, found.target_to_source
    near = [way.at[1] for way in ways]
    what = f"does not come to lie on {names[1]}: in the best pose found "
    first = "give a matrix that is nearer to start from" if started else "give a matrix to start from"
    if min(each.fitness for each in near) < overlap / 2:
        what += (
            f"{near[0].fitness:.0%} of its points and {near[1].fitness:.0%} of the other's match within "
            f"{near[0].threshold:.3g}, two spacings"
        )
        remedy = f"{first}, let lengths change, or ask for a smaller overlap"
        raise GateMissed(what, path=names[0], remedy=remedy)
    held = [way.at[1].fitness / way.at[2].fitness for way in ways]
    if max(held) < HELD:
        what += (
            f"both cross: of its points within {ways[0].at[2].threshold:.3g}, eight spacings, {held[0]:.0%} "
            f"match within two, and of the other's {held[1]:.0%}"
        )
        remedy = f"{first}, or let lengths change"
        raise GateMissed(what, path=names[0], remedy=remedy)


def _require_sure(found: Laid, names: tuple[str, str], overlap: float) -> None:
    """Refuse a pose of other colours; and one of several, where a small overlap cannot tell which is right.

    Raises:
        GateMissed: see above.
    """
    what = f"does not come to lie on {names[1]} for sure: "
    if found.colors is not None and found.colors < HUED:
        what += f"in the best pose found colours disagree, by a correlation of {found.colors:.2f}"
        raise GateMissed(
            what, path=names[0], remedy="go by positions alone, where colours mean something else"
        )
    if found.rival is not None and overlap < CLEAR:
        what += f"another pose, turned by {found.rival:.3g} degrees from the best one, fits nearly as well"
        raise GateMissed(what, path=names[0], remedy="give a matrix to start from, or more of either scene")


def _matches(found: Centers) -> tuple[Match, Match]:
    return _match(found.source_to_target), _match(found.target_to_source)


def _match(way: Directed) -> Match:
    return Match(way.at[0].fitness, way.at[0].inlier_rmse, way.median)
