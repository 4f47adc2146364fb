"""The k nearest of each point, and the mean of squared distances to them."""

import numpy as np
import pytest

from gscli.errors import InputError, UsageError
from gscli.kernels import launches
from gscli.neighbors import knn, mean_distance, mean_squared_distance

pytestmark = pytest.mark.usefixtures("kernels")


def by_definition(points, queries, k, others):
    """Every query against every point, sorted by distance and then by row."""
    points, queries = (np.asarray(a, np.float64) for a in (points, queries))
    dx, dy, dz = (queries[:, None, axis] - points[:, axis] for axis in range(3))
    squared = dx * dx + dy * dy + dz * dz
    if others:
        np.fill_diagonal(squared, np.inf)
    rows = np.argsort(squared, axis=1, kind="stable")[:, :k]
    return np.sqrt(np.take_along_axis(squared, rows, axis=1)), rows


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("k", [1, 3, 16, 17, 100])
def test_neighbours_are_those_of_trying_every_pair(case, k, dtype):
    with np.errstate(over="ignore", under="ignore"):
        queries, points = (a.astype(dtype) for a in case(np.random.default_rng(1), 120, 300))
    for asked in (None, queries):
        found = knn(points, k, queries=asked)
        expected = by_definition(points, points if asked is None else asked, k, asked is None)
        assert found[0].dtype == np.float64
        assert found[1].dtype == np.int64
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize("n", [2, 3, 16, 17, 18, 33, 100, 101, 257])
def test_any_number_of_points(n):
    points = np.random.default_rng(n).integers(0, 3, (n, 3)) / 2
    k = min(100, n - 1)
    expected = by_definition(points, points, k, True)
    for found, wanted in zip(knn(points, k), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_float64_queries_are_not_rounded_to_the_points():
    points = np.eye(3, dtype=np.float32)
    query = np.array([[0.1, 0.1, 0.1 + 1e-12]])
    np.testing.assert_array_equal(knn(points, queries=query)[1], [[2]])


def test_tensors_are_answered_by_tensors():
    torch = pytest.importorskip("torch")
    points = torch.rand(50, 3)
    distances, rows = knn(points, 2)
    assert (distances.dtype, rows.dtype) == (torch.float64, torch.int64)
    np.testing.assert_array_equal(distances.numpy(), knn(points.numpy(), 2)[0])
    sizes = mean_squared_distance(points)
    assert sizes.dtype == torch.float32
    np.testing.assert_array_equal(sizes.numpy(), mean_squared_distance(points.numpy()))


def test_more_neighbours_than_a_gpu_has_registers_for_are_found_on_the_cpu(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(launches, "trouble", lambda device: None)  # as where there is a GPU
    points = torch.rand(130, 3)
    for k in (17, 100):
        np.testing.assert_array_equal(knn(points, k)[1].numpy(), knn(points.numpy(), k)[1])
        sizes = mean_squared_distance(points, k)
        np.testing.assert_array_equal(sizes.numpy(), mean_squared_distance(points.numpy(), k))


def test_the_mean_is_that_by_which_gaussians_are_first_sized():
    """As simple-knn computes it: three least squared distances to others, duplicates among them."""
    points = np.random.default_rng(0).normal(size=(400, 3)).astype(np.float32)
    points[7] = points[9]
    step = points[:, None] - points[None]
    squared = np.einsum("nmk,nmk->nm", step, step)
    np.fill_diagonal(squared, np.inf)
    expected = np.sort(squared, axis=1)[:, :3].mean(axis=1)
    found = mean_squared_distance(points)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert found[7] == pytest.approx(np.sort(squared[7])[1:3].sum() / 3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("k", [1, 3, 8, 16, 50, 100])
def test_means_are_those_of_the_distances_that_are_found(case, k, dtype):
    with np.errstate(over="ignore", under="ignore"):
        _, points = (a.astype(dtype) for a in case(np.random.default_rng(1), 120, 300))
        distances, _ = knn(points, k)
        expected = sum(distances.T[1:], distances[:, 0]) / k
        of_squares = sum((distances * distances).T[1:], (distances * distances)[:, 0]) / k
        np.testing.assert_array_equal(mean_distance(points, k), expected)
        np.testing.assert_array_equal(mean_distance(np.asfortranarray(points), k), expected)
        np.testing.assert_array_equal(mean_squared_distance(points, k), of_squares.astype(dtype))


def test_fewer_points_than_neighbours_are_refused():
    with pytest.raises(InputError, match="there are 2 other points, fewer than k=3"):
        mean_squared_distance(np.eye(3))
    with pytest.raises(InputError, match="there are 2 other points, fewer than k=3"):
        mean_distance(np.eye(3), 3)
    assert knn(np.eye(3), 3, queries=np.zeros((1, 3)))[1].tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("k", [0, 101, 1.5, True, "3"])
def test_a_number_of_neighbours_that_cannot_be_is_a_usage_error(k):
    with pytest.raises(UsageError, match="k must be an integer from 1 to 100"):
        knn(np.zeros((130, 3)), k)
    with pytest.raises(UsageError, match="k must be an integer from 1 to 100"):
        mean_distance(np.zeros((130, 3)), k)


def test_points_that_cannot_be_searched_are_refused():
    with pytest.raises(InputError, match="1 of 3 points have coordinates that are not finite"):
        knn(np.array([[0.0, 0, 0], [1, 1, 1], [np.nan, 0, 0]]))
