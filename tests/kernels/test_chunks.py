import numpy as np
import pytest

from gscli.kernels import chunks, morton


def cut(rows, points, size):
    """The tree of boxes, each cut by trying all of its cuts (slow twin)."""
    if len(rows) <= size:
        return [*rows]
    inside = points[:, rows].astype(float)
    axis = np.argmax(np.ptp(inside, axis=1))
    ranked = sorted(rows, key=lambda row: (points[axis, row], row))
    sides = [(ranked[:k], ranked[k:]) for k in range(size, len(rows), size)]
    cost = [sum(np.ptp(points[axis, side].astype(float)) ** 2 * len(side) for side in both) for both in sides]
    one, other = (sorted(side) for side in sides[int(np.argmin(cost))])
    return cut(one, points, size) + cut(other, points, size)


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 16, 17, 100, 333])
def test_the_order_is_that_of_trying_every_cut(n):
    rng = np.random.default_rng(n)
    for points in (rng.random((3, n)), rng.integers(0, 4, (3, n)), np.ones((3, n))):
        wanted = cut(range(n), points.astype(np.float32), 8)
        found = chunks.order_of(points.astype(np.float32), np.ones(n), 8)
        assert found.tolist() == wanted


@pytest.mark.parametrize("count", [0, 1, 5, 99, 100])
def test_the_lowest_are_those_that_a_stable_sort_has_first(count):
    values = np.random.default_rng(count).integers(0, 9, 100)
    wanted = np.sort(np.argsort(values, kind="stable")[:count])
    assert np.flatnonzero(chunks.lowest(values, count)).tolist() == wanted.tolist()


def test_far_points_share_chunks_with_those_that_weigh_least():
    rng = np.random.default_rng(0)
    points = rng.random((3, 5000)).astype(np.float32)
    points[:, [7, 1234, 4999]] = [[1e4, 2.0, 3e30], [3.0, -1e3, 0], [1.0, 2.0, 3.0]]
    weight = rng.permutation(5000)
    order = chunks.order_of(points.copy(), weight, 64)
    assert sorted(order) == [*range(5000)]
    filling = np.argsort(np.where(np.isin(range(5000), [7, 1234, 4999]), 5000, weight))[:61]
    assert order[:64].tolist() == [7, 1234, 4999, *sorted(filling)]
    spans = [np.ptp(points[:, order[i : i + 64]], axis=1).max() for i in range(64, 5000, 64)]
    assert max(spans) < 0.6


def test_there_may_be_fewer_points_than_fill_a_chunk_of_far_ones():
    points = np.zeros((3, 100), np.float32)
    points[0, 99] = 1
    assert chunks.order_of(points, np.ones(100), 256).tolist() == [99, *range(99)]


def test_chunks_span_less_than_along_a_morton_curve():
    rng = np.random.default_rng(1)
    points = rng.normal(size=(3, 20_000)).astype(np.float32)
    points[2] *= 0.01

    def error(order):
        return sum((np.ptp(points[:, order[i : i + 256]], axis=1) ** 2).sum() for i in range(0, 20_000, 256))

    ours = error(chunks.order_of(points.copy(), np.ones(20_000), 256))
    assert ours < 0.5 * error(morton.order_of(points.T))
