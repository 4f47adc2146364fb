"""Searching in tiles: the answers of one index, whatever the data and the size of a tile."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gscli.comparing import cells
from gscli.comparing.centers import compare_centers
from gscli.kernels.distances import nearest_by_trial
from gscli.neighbors import kdtree

Array = np.ndarray[Any, Any]


def blobs(seed: int, n: int) -> Array:
    rng = np.random.default_rng(seed)
    return (rng.uniform(-5, 5, (6, 3))[rng.integers(0, 6, n)] + rng.normal(0, 0.3, (n, 3))).astype(np.float32)


def surface(seed: int, n: int) -> Array:
    u, v = np.random.default_rng(seed).random((2, n))
    return np.stack((u * 9, v * 7, np.sin(3 * u) * np.cos(4 * v)), axis=1)


def flyaways(seed: int, n: int) -> Array:
    points = blobs(seed, n)
    points[:: n // 20] *= np.float32(1e4)
    return points


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


SAME = blobs(0, 700)
CASES: dict[str, tuple[Array, Array]] = {
    "clouds": (rng(0).random((900, 3)), rng(1).random((800, 3))),
    "blobs": (blobs(0, 900), blobs(1, 800)),
    "surfaces": (surface(0, 900), surface(1, 800)),
    "apart": (blobs(0, 300), blobs(1, 400) + np.float32(1e6)),
    "a cloud and itself": (SAME, SAME),
    "a lattice, full of ties": (rng(0).integers(0, 6, (900, 3)) / 4, rng(1).integers(0, 6, (800, 3)) / 4),
    "between a lattice": (rng(0).integers(0, 6, (500, 3)) + 0.5, rng(1).integers(0, 7, (900, 3)) + 0.0),
    "halfway along an axis": (
        rng(0).integers(0, 6, (500, 3)) + np.array([0.5, 0, 0]),
        rng(1).integers(0, 7, (900, 3)) + 0.0,
    ),
    "two planes of equal x": (
        rng(0).integers(0, 2, (500, 3)) * [9, 1, 1.0],
        rng(1).random((800, 3)).round() * 9,
    ),
    "duplicates": (np.repeat(blobs(0, 90), 7, axis=0), np.repeat(blobs(1, 60), 9, axis=0)),
    "all equal": (np.full((500, 3), 0.1), np.full((400, 3), 0.1)),
    "flyaways": (flyaways(0, 900), flyaways(1, 800)),
    "heavy tails": (rng(0).standard_cauchy((700, 3)), rng(1).standard_cauchy((700, 3))),
    "one point": (blobs(0, 500), np.zeros((1, 3))),
    "few in many": (blobs(0, 3), blobs(1, 2000)),
    "so small that squares vanish": (rng(0).random((400, 3)) * 1e-158, rng(1).random((400, 3)) * 1e-158),
    "signed zeros": (rng(0).choice([-0.0, 0.0, 1.0], (300, 3)), rng(1).choice([-0.0, 0.0, 1.0], (300, 3))),
    "georeferenced": (rng(0).random((500, 3)) * 100 + 5e6, rng(1).random((500, 3)) * 100 + 5e6),
}


def answers(queries: Array, targets: Array, tile: int) -> tuple[cells.Question, cells.Question, cells.Work]:
    nearest, spacing = cells.Question(queries), cells.Question(targets[:200], elsewhere=True)
    work = cells.search(targets, [nearest, spacing], tile=tile)
    return nearest, spacing, work


def by_trial(queries: Array, targets: Array) -> tuple[Array, Array]:
    squared, rows = nearest_by_trial(queries.astype(np.float64), targets.astype(np.float64))
    return np.sqrt(squared), rows


@pytest.mark.parametrize("name", CASES)
def test_tiles_of_any_size_give_the_answers_of_every_pair_tried(name: str) -> None:
    queries, targets = CASES[name]
    for tile in (1, 7, 64, 399):
        if tile == 64:
            queries, targets = CASES[name]
        elif tile < 64:
            queries, targets = CASES[name][0][:30], CASES[name][1][:25]
        found, spacing, work = answers(queries, targets, tile)
        distances, rows = by_trial(queries, targets)
        assert (found.distances == distances).all()
        assert (found.rows == rows).all()
        assert (spacing.distances == kdtree.Index(targets).spacing(targets[:200])).all()
        assert work.tiles >= len(targets) / tile or len(np.unique(targets, axis=0)) < len(targets)
        assert (work.asked_again == 0) <= (work.tiles == 1)


def never_asked_again(self: cells.Cells, points: Array, homes: Array, distances: Array) -> Array:
    return np.ones(len(points), bool)


def equally_near_is_enough(self: cells.Cells, points: Array, homes: Array, distances: Array) -> Array:
    gap = np.minimum(points - self.low[homes], self.high[homes] - points).min(axis=1)
    return np.asarray(distances <= gap)


DEFECTS = {
    never_asked_again: {"clouds", "surfaces", "flyaways", "between a lattice"},
    equally_near_is_enough: {"halfway along an axis"},
}


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.__name__)
def test_a_proof_that_does_not_hold_gives_wrong_answers(defect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cases above are hard enough to notice it."""
    monkeypatch.setattr(cells.Cells, "proven", defect)
    for name in DEFECTS[defect]:
        queries, targets = CASES[name]
        found, _, _ = answers(queries, targets, 64)
        assert (found.rows != by_trial(queries, targets)[1]).any(), name


def test_squares_decide_between_equal_roots_in_two_tiles() -> None:
    """The lower row is farther by less than a root can tell."""
    for point in rng(0).random((10_000, 3)):
        near = -point
        near[2] = np.nextafter(near[2], 0)
        (far_square, _), (near_square, _) = (
            nearest_by_trial(np.zeros((1, 3)), p[None]) for p in (point, near)
        )
        if near_square < far_square and np.sqrt(near_square) == np.sqrt(far_square):
            break
    else:
        raise AssertionError("no such pair")
    for targets, row in (([point, near], 1), ([near, point], 0), ([point, -point], 0), ([-point, point], 0)):
        found, _, work = answers(np.zeros((1, 3)), np.array(targets), 1)
        assert work.asked_again == 1
        assert found.rows.tolist() == [row]


def test_most_queries_are_settled_where_they_lie() -> None:
    queries, targets = surface(0, 40_000), surface(1, 40_000)
    _, _, work = answers(queries, targets, 10_000)
    assert 4 <= work.tiles <= 16
    assert 0 < work.asked_again < 4_000


def test_no_more_queries_than_fit_are_asked_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    monkeypatch.setattr(
        cells.Question, "ask", lambda self, index, tile, asked, targets: sizes.append((len(asked), len(tile)))
    )
    answers(blobs(0, 5000), np.zeros((700, 3)), 300)
    assert max(sizes) == (300, 300)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("queries", [None, 100])
def test_comparing_in_tiles_gives_the_same_numbers(name: str, queries: int | None) -> None:
    a, b = CASES[name]
    settings: dict[str, Any] = {"thresholds": [0.1, 2.0], "max_queries": queries, "seed": 3}
    whole, *found = compare_centers(a, b, **settings)
    cut, *found_in_tiles = compare_centers(a, b, tile=90, **settings)
    for part in ("spacings", "source_to_target", "target_to_source", "symmetric", "conventions", "notes"):
        assert getattr(cut, part) == getattr(whole, part), part
    for one, other in zip(found, found_in_tiles, strict=True):
        assert (one.distances == other.distances).all()
        assert (one.rows == other.rows).all()
        assert one.rows.dtype == other.rows.dtype
    assert whole.tiling is None
    assert cut.tiling is not None
    assert cut.engine.proven == whole.engine.proven + whole.engine.fallback


def test_a_cloud_that_cannot_be_searched_is_named_in_tiles_too() -> None:
    from gscli.errors import InputError

    good, names = np.zeros((2, 3)), ("new", "ref")
    for bad in (np.empty((0, 3)), np.full((2, 3), np.nan), np.full((2, 3), 1e200)):
        with pytest.raises(InputError, match=r"^new: "):
            compare_centers(bad, good, names=names, tile=1)
        with pytest.raises(InputError, match=r"^ref: "):
            compare_centers(good, bad, names=names, tile=1)
