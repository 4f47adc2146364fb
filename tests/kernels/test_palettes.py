"""Books and palettes stand for what they were made of, and are the same for any number of threads."""

from __future__ import annotations

import numpy as np
import pytest

from gscli.kernels import books, palettes


def best_book(values: np.ndarray, count: int) -> float:
    """The least mean of squares that `count` values leave (slow twin: dynamic programming)."""
    v = np.sort(values.astype(float))
    n = len(v)
    one, two = np.concatenate([[0], np.cumsum(v)]), np.concatenate([[0], np.cumsum(v * v)])

    def cost(i: np.ndarray, j: int) -> np.ndarray:
        return two[j] - two[i] - (one[j] - one[i]) ** 2 / (j - i)

    least = np.array([0.0, *(float(cost(np.array([0]), j)[0]) for j in range(1, n + 1))])
    for _ in range(count - 1):
        least = np.array([0.0, *(min(least[:j] + cost(np.arange(j), j)) for j in range(1, n + 1))])
    return float(least[n]) / n


def lloyd(points: np.ndarray, count: int, rounds: int, seed: int) -> float:
    """The mean of squares that k-means over all rows from random starts leaves (slow twin)."""
    centres = np.random.default_rng(seed).permutation(points)[:count]
    for _ in range(rounds):
        labels = squares(points, centres).argmin(axis=1)
        for i in np.unique(labels):
            centres[i] = points[labels == i].mean(axis=0)
    return float(squares(points, centres).min(axis=1).mean() / points.shape[1])


def squares(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    return ((points[:, None].astype(float) - centres[None]) ** 2).sum(axis=2)


def clustered(count: int, width: int, seed: int = 0) -> np.ndarray:
    """Rows about a few middles, of which some are much wider than others."""
    rng = np.random.default_rng(seed)
    middles, spread = rng.normal(size=(9, width)), rng.gamma(1.0, 0.1, 9)
    which = rng.integers(0, 9, count)
    return (middles[which] + rng.normal(size=(count, width)) * spread[which, None]).astype(np.float32)


def error(points: np.ndarray, found: tuple[np.ndarray, np.ndarray]) -> float:
    entries, labels = found
    return float(((points - entries[labels]) ** 2).mean())


@pytest.mark.parametrize("kinds", [1, 2, 255, 256])
def test_a_book_of_few_values_is_those_values(kinds):
    values = np.random.default_rng(kinds).normal(size=kinds).astype(np.float32)
    found = books.book(np.tile(values, 5), 256)
    assert np.array_equal(found, np.sort(values))
    assert np.array_equal(found[books.places(found, values)], values)


@pytest.mark.parametrize("count", [2, 7, 16])
def test_a_book_is_close_to_the_best_there_is(count):
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(size=300), rng.normal(6, 0.1, 200)]).astype(np.float32)
    found = books.book(values.copy(), count)
    assert len(found) <= count
    assert (np.diff(found) > 0).all()
    left = ((values - found[books.places(found, values)].astype(float)) ** 2).mean()
    assert left <= 2.5 * best_book(values, count)


def test_a_place_is_that_of_the_nearest_value():
    book = np.sort(np.random.default_rng(0).normal(size=200)).astype(np.float32)
    values = np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32)
    assert np.array_equal(
        books.places(book, values), np.abs(values[..., None].astype(float) - book).argmin(axis=-1)
    )


def test_a_far_value_has_one_of_its_own():
    values = np.append(np.random.default_rng(0).normal(size=5000), 1e6).astype(np.float32)
    found = books.book(values.copy(), 256)
    assert found[-1] == np.float32(1e6)
    near = values[:-1]
    assert np.abs(found[books.places(found, near)] - near).max() < 0.5


@pytest.mark.parametrize("count", [3, 40, 41])
def test_a_palette_of_few_rows_is_those_rows(count):
    kinds = clustered(count, 9)
    kinds[0] = 0
    which = np.random.default_rng(0).integers(0, count, 9000)
    which[:count] = np.arange(count)
    points = kinds[which]
    points[which == 0] = np.where(np.arange(np.sum(which == 0))[:, None] % 2, -0.0, 0.0)
    entries, labels = palettes.palette(points, 41)
    assert len(entries) == count
    assert np.array_equal(entries[labels], points)


@pytest.mark.parametrize("width, count, entries", [(9, 900, 64), (24, 700, 128), (45, 9000, 256)])
@pytest.mark.once
def test_a_palette_leaves_no_more_than_k_means_from_random_starts(width, count, entries, monkeypatch):
    points = clustered(count, width)
    monkeypatch.setattr(palettes, "LEAF", 400)
    found = palettes.palette(points, entries)
    assert len(found[0]) <= entries
    assert found[1].max() < len(found[0])
    assert error(points, found) <= 1.05 * min(lloyd(points, entries, 8, seed) for seed in range(2))


def test_each_row_has_the_nearest_entry(monkeypatch):
    """Of all parts: there are no more than are looked at. Entries have moved a little since."""
    points = clustered(3000, 9)
    entries, labels = palettes.palette(points, 128)
    apart = squares(points, entries)
    own = apart[np.arange(3000), labels]
    assert (own <= 1.5 * apart.min(axis=1) + 1e-9).all()
    assert own.mean() <= 1.02 * apart.min(axis=1).mean()


@pytest.mark.parametrize("threads", ["1", "2", "5"])
def test_threads_change_nothing(threads, monkeypatch):
    points = clustered(5000, 24)
    monkeypatch.setattr(palettes, "LEAF", 300)
    wanted = palettes.palette(points, 512)
    monkeypatch.setenv("GSCLI_THREADS", threads)
    monkeypatch.setattr(palettes, "SCORES", 1000)
    monkeypatch.setattr(palettes, "TILE", 7)
    told = []
    found = palettes.palette(points, 512, advance=told.append)
    assert sum(told) == 5000
    assert all(np.array_equal(one, other) for one, other in zip(found, wanted, strict=True))


def test_one_row_far_out_leaves_the_others_as_they_were():
    points = clustered(4000, 9)
    before = error(points, palettes.palette(points, 256))
    odd = points.copy()
    odd[7] = 1e9
    entries, labels = palettes.palette(odd, 256)
    others = np.arange(4000) != 7
    assert ((odd - entries[labels])[others] ** 2).mean() < 1.2 * before
    assert np.sum(labels == labels[7]) == 1


def test_rows_that_are_nearly_all_alike_take_no_time():
    """What is not divided by a sample of it is one part, whose distances are bounded."""
    points = np.zeros((200_000, 9), np.float32)
    points[::40] = clustered(5000, 9)
    found = palettes.palette(points, 4096)
    assert error(points, found) < 1e-4
    assert (found[0][found[1][1:40]] == found[0][found[1][1]]).all()


def test_more_rows_than_parts_that_entries_allow(monkeypatch):
    monkeypatch.setattr(palettes, "LEAF", 64)
    points = clustered(20_000, 9)
    found = palettes.palette(points, 48)
    assert len(found[0]) <= 48
    assert error(points, found) < 0.5 * points.var()
