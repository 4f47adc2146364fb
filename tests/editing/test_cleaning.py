"""What stands apart goes, and nothing else."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from gscli.editing.cleaning import floaters, outliers
from gscli.errors import InputError, UsageError

Array = npt.NDArray[Any]


def slab(count: int = 4000) -> Array:
    return np.random.default_rng(0).uniform((-2, -1, 0), (2, 1, 0.1), (count, 3)).astype(np.float32).T


def test_small_groups_far_from_the_rest_go_and_the_rest_stays() -> None:
    rng = np.random.default_rng(1)
    clumps = [rng.normal(middle, 0.01, (30, 3)) for middle in ((0, 0, 3), (5, 5, 5), (-9, 0, 0))]
    xyz = np.concatenate([slab().T, *clumps]).T
    dropped, told = floaters(xyz, 0.01, None)
    assert dropped.tolist() == [False] * 4000 + [True] * 90
    assert told.startswith("3 groups of 4, cells of ")


def test_the_share_says_which_group_is_small() -> None:
    xyz = np.concatenate([slab(), slab(500) + np.array([[0], [0], [50]])], axis=1)
    assert not floaters(xyz, 0.1, 0.2)[0].any()
    dropped, told = floaters(xyz, 0.12, 0.2)
    assert dropped.tolist() == [False] * 4000 + [True] * 500
    assert told == "1 group of 2, cells of 0.2"


def test_cells_of_a_size_join_what_is_nearer_than_that() -> None:
    xyz = np.array([[0.0, 1, 2, 3, 7, 11], [0] * 6, [0] * 6])
    assert floaters(xyz, 0.5, 1.0)[0].tolist() == [False] * 4 + [True] * 2
    assert not floaters(xyz, 0.5, 4.0)[0].any()


def by_all_pairs(xyz: Array, k: int) -> Array:
    """The slow twin of how far neighbours are."""
    apart = np.sqrt(((xyz[:, :, None].astype(float) - xyz[:, None, :]) ** 2).sum(0))
    np.fill_diagonal(apart, np.inf)
    return np.sort(apart, axis=1)[:, :k].mean(1)


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize(("k", "deviations"), [(1, 1.0), (8, 2.0), (16, 0.5), (3, 0.0), (50, 1.0)])
def test_points_with_far_neighbours_go(k: int, deviations: float) -> None:
    rng = np.random.default_rng(2)
    xyz = np.concatenate([slab(300), rng.uniform(-3, 3, (3, 12)).astype(np.float32)], axis=1)
    far = by_all_pairs(xyz, k)
    dropped, told = outliers(xyz, k, deviations)
    assert dropped.tolist() == (far > far.mean() + deviations * far.std(ddof=1)).tolist()
    assert 0 < dropped.sum() < len(far)
    assert f"their {k} nearest" in told


@pytest.mark.compiled
@pytest.mark.parametrize("k", [16, 100])
def test_points_with_far_neighbours_are_found_without_room_for_the_neighbours(k: int) -> None:
    xyz = slab(100_000)
    tracemalloc.start()
    try:
        outliers(xyz, k, 2.0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 60 * xyz.shape[1]  # a tree and its making; 16 k for distances and rows


def test_points_that_all_stand_alike_stay() -> None:
    grid = np.stack(np.meshgrid(*[np.arange(4.0)] * 3)).reshape(3, -1)
    assert not outliers(grid, 1, 0.0)[0].any()
    assert not outliers(np.zeros((3, 5)), 2, 0.0)[0].any()


def test_positions_that_are_not_finite_are_refused_with_what_to_do() -> None:
    xyz = slab(50).copy()
    xyz[1, 7] = np.nan
    for refused in (lambda: floaters(xyz, 0.01, None), lambda: outliers(xyz, 4, 1.0)):
        with pytest.raises(InputError, match=r"1 of 50 points has a NaN.*isfinite"):
            refused()


def test_too_few_points_have_no_neighbours() -> None:
    with pytest.raises(InputError, match="has 8 points, which have no 8 neighbours each"):
        outliers(slab(8), 8, 1.0)


def test_cells_too_small_for_the_coordinates_are_refused() -> None:
    with pytest.raises(UsageError, match="too small"):
        floaters(slab(20) * 1e30, 0.01, 1e-3)
