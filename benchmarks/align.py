"""Pairs of crops laid on each other by `gscli align`: how many rightly, how many wrongly or not at all.

Two crops of a scene have no point in common, as two scans have none, and a share of either's extent is in the
other. One is turned at random, moved by some sizes of the scene, and either as large or 1.3 times as large,
where lengths may change. Crops of different scenes, made alike in size, have no right pose. Asked for is
5% more than is shared, and 45% of different scenes. A pose is right where it puts no point of a crop farther
from its place than 5% of that crop's RMS radius. Time is the CPU's for one pair, on the average.

    python -m benchmarks.align scene.ply other.spz
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from gscli import scene
from gscli.align import align
from gscli.cloud import GaussianCloud
from gscli.edit import edit
from gscli.errors import GateMissed
from gscli.formats import Source
from gscli.kernels.registration import pose
from gscli.motions.transform import Transform

from .tables import seconds, show

SHARES = (0.3, 0.4, 0.5, 0.75)
SCALES = (1.0, 1.3)
OF_DIFFERENT = 0.4  # as if that were shared
BEYOND = 0.05  # more than is shared is asked for
RIGHT = 0.05  # of the radius, is a point from its place at most
AWAY = 3.0  # radii, about, is a crop moved by
HEADS = ("time", "right and taken", "wrong and taken", "refused", "pairs")


class Pair(NamedTuple):
    """Two crops, and the matrix that lays the first on the second; None for those of different scenes."""

    source: GaussianCloud
    target: GaussianCloud
    matrix: np.ndarray | None
    scaled: bool


def tables(quick: bool, repeats: int, scenes: Sequence[str] = ()) -> Iterator[str]:
    """One table by shape and colours, one by shape alone; without scenes, of one that gscli makes."""
    if scenes:
        clouds = [Source.of(path).read() for path in scenes]
    else:
        clouds = [scene.make(2_000 if quick else 100_000, sh_degree=0, flyaways=0)]
    for colors in (True, False):
        yield _table(clouds, SHARES[-1:] if quick else SHARES, colors)


def _table(clouds: Sequence[GaussianCloud], shares: Sequence[float], colors: bool) -> str:
    title = "by shape and colours" if colors else "by shape alone, `--no-colors`"
    lines = [[title, *HEADS], ["---"] * (len(HEADS) + 1)]
    for share in shares:
        lines.append([f"{share:.0%} shared", *_cells([*of_one(clouds, share)], share, colors)])
    if different := [*of_two(clouds)]:
        lines.append(["different scenes", *_cells(different, OF_DIFFERENT, colors)])
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def of_one(clouds: Sequence[GaussianCloud], share: float) -> Iterator[Pair]:
    """Two crops of each scene, at each scale."""
    for number, cloud in enumerate(clouds):
        for scale in SCALES:
            rng = np.random.default_rng([number, round(100 * share), round(10 * scale)])
            source, other = crops(cloud, share, rng)
            matrix = pose(_turn(rng), scale, np.zeros(3), rng.normal(size=3) * AWAY * _radius(cloud.xyz))
            yield Pair(source, _moved(other, matrix), matrix, scale != 1)


def of_two(clouds: Sequence[GaussianCloud]) -> Iterator[Pair]:
    """A crop of each scene, at each scale that of another."""
    for number, cloud in enumerate(clouds):
        for step, scale in enumerate(SCALES, 1):
            second = (number + step) % len(clouds)
            if second == number:
                continue
            rng = np.random.default_rng([number, second, 99])
            source, other = crops(cloud, 0.5, rng)[0], crops(clouds[second], 0.5, rng)[0]
            alike = scale * _radius(source.xyz) / _radius(other.xyz)
            matrix = pose(_turn(rng), alike, np.zeros(3), np.zeros(3))
            yield Pair(source, _moved(other, matrix), None, scale != 1)


def crops(
    cloud: GaussianCloud, share: float, rng: np.random.Generator
) -> tuple[GaussianCloud, GaussianCloud]:
    """Two, each of another half of the points, from either end; a share of each reaches into the other."""
    normal = rng.normal(size=3)
    along = cloud.xyz @ (normal / np.linalg.norm(normal))
    half = rng.random(len(cloud)) < 0.5
    until, since = np.quantile(along, (1 / (2 - share), 1 - 1 / (2 - share)))
    first, second = np.flatnonzero(half & (along <= until)), np.flatnonzero(~half & (along >= since))
    return cloud.take(first), cloud.take(second)


def _cells(pairs: Sequence[Pair], share: float, colors: bool) -> list[str]:
    right = wrong = refused = 0
    begun = time.process_time()
    for pair in pairs:
        try:
            found = align(pair.source, pair.target, scaled=pair.scaled, colors=colors, overlap=share + BEYOND)
        except GateMissed:
            refused += 1
            continue
        if pair.matrix is not None and off(pair.source, found.matrix, pair.matrix) < RIGHT:
            right += 1
        else:
            wrong += 1
    took = (time.process_time() - begun) / len(pairs)
    return [seconds(took), *map(str, (right, wrong, refused, len(pairs)))]


def off(source: GaussianCloud, found: object, matrix: np.ndarray) -> float:
    """How far a pose puts the farthest point of a cloud from its place, in RMS radii of the cloud there."""
    there, place = (Transform.of(np.array(each)).apply(source.xyz.astype(float)) for each in (found, matrix))
    return float(np.linalg.norm(there - place, axis=1).max() / _radius(place))


def _moved(cloud: GaussianCloud, matrix: np.ndarray) -> GaussianCloud:
    moved = edit(cloud, actions=[("transform", matrix)]).cloud
    assert moved is not None
    return moved


def _turn(rng: np.random.Generator) -> np.ndarray:
    """A rotation, all equally likely."""
    turn, upper = np.linalg.qr(rng.normal(size=(3, 3)))
    turn = turn * np.sign(np.diag(upper))
    return turn * np.linalg.det(turn)


def _radius(xyz: np.ndarray) -> float:
    return float(np.sqrt(xyz.astype(float).var(axis=0).sum()))


if __name__ == "__main__":
    show(tables, __doc__, files="scenes to crop, instead of one that gscli makes")
