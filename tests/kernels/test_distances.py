from fractions import Fraction

import numpy as np
import pytest

from gscli.kernels.distances import nearest_by_trial, square_roots, squared_distances


def test_each_operation_rounds_once_and_in_order():
    rng = np.random.default_rng(0)
    for a, b in zip(rng.normal(size=(200, 3)), rng.normal(size=(200, 3)) * 1e3, strict=True):
        dx, dy, dz = (float(p) - float(q) for p, q in zip(a, b, strict=True))
        assert squared_distances(a, b) == (dx * dx + dy * dy) + dz * dz


def test_no_digits_are_lost_far_from_the_origin():
    a, b = np.array([5e6 + 0.25, 5e5, 7.0]), np.array([5e6, 5e5 + 0.5, 7.0])
    assert Fraction(float(squared_distances(a, b))) == Fraction(5, 16)


def test_torch_gives_the_bits_of_numpy():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    a, b = rng.standard_cauchy((1000, 1, 3)), rng.standard_cauchy((1, 70, 3))
    found = squared_distances(torch.from_numpy(a), torch.from_numpy(b)).numpy()
    np.testing.assert_array_equal(found, squared_distances(a, b))


def test_roots_are_correctly_rounded_in_torch_too():
    torch = pytest.importorskip("torch")
    squared = np.random.default_rng(2).random(50_000)
    np.testing.assert_array_equal(square_roots(torch.from_numpy(squared)).numpy(), np.sqrt(squared))


@pytest.mark.parametrize("tile", [1, 2, 9, 10, 11, 100])
def test_the_lowest_of_equal_rows_wins_across_tiles(tile):
    targets = np.zeros((10, 3))
    targets[0] = targets[7] = 1.0
    squared, rows = nearest_by_trial(np.array([[1.0, 1, 1], [0, 0, 0], [0.5, 0.5, 0.5]]), targets, tile)
    assert squared.tolist() == [0, 0, 0.75]
    assert rows.tolist() == [0, 1, 0]
