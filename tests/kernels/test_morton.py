import numpy as np
import pytest

from gscli.kernels import morton

SIZES = [1, 2, morton.SAMPLE + 1, morton.CHUNK - 1, morton.CHUNK, morton.CHUNK + 1, 2 * morton.CHUNK + 5]


def by_bits(cell):
    """The Morton code of three cell numbers, bit by bit."""
    return sum(((int(c) >> bit) & 1) << (3 * bit + axis) for axis, c in enumerate(cell) for bit in range(10))


def test_codes_interleave_the_bits_of_the_three_cells():
    rng = np.random.default_rng(0)
    xyz = rng.random((500, 3))
    low, high = np.quantile(xyz, (0.02, 0.98), axis=0)
    cells = np.clip((xyz - (low - (high - low) / 2)) * (1024 / (2 * (high - low))), 0, 1023).astype(int)
    assert morton.codes(xyz).tolist() == [by_bits(cell) for cell in cells]


def test_a_few_far_points_leave_the_others_their_resolution():
    xyz = np.random.default_rng(1).random((10_000, 3))
    xyz[:50] *= 1e9
    assert len(np.unique(morton.codes(xyz))) > 9_000


@pytest.mark.parametrize("n", SIZES)
def test_order_is_that_of_a_stable_sort(n):
    keys = np.random.default_rng(n).integers(0, 2**32, n, dtype=np.uint32) // 7 * 7 % (1 << 20)
    expected = np.argsort(keys, kind="stable")
    np.testing.assert_array_equal(morton.order(*morton.digits(keys)), expected)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_distinct_keeps_each_position_once_and_its_lowest_row(n, dtype):
    rng = np.random.default_rng(n)
    xyz = (rng.integers(0, 12, (n, 3)) / 3).astype(dtype)
    points, rows = morton.distinct(xyz)
    expected, first = np.unique(xyz, axis=0, return_index=True)
    assert points.dtype == np.float64
    assert points.flags.c_contiguous
    np.testing.assert_array_equal(np.sort(rows), np.sort(first))
    np.testing.assert_array_equal(points, xyz[rows].astype(np.float64))
    assert len(points) == len(expected)


def test_distinct_tells_points_apart_that_share_a_cell():
    """A cluster in one cell leaves 16 bits of hash to 100,000 points: many share all of the key."""
    rng = np.random.default_rng(3)
    xyz = np.vstack([rng.random((50_000, 3)) * 1e-9, rng.normal(size=(50_000, 3)) * 1e6])
    xyz = np.vstack([xyz, xyz[rng.permutation(len(xyz))]])
    points, rows = morton.distinct(xyz)
    np.testing.assert_array_equal(np.sort(rows), np.arange(100_000))
    np.testing.assert_array_equal(points, xyz[rows])


def test_boxes_too_narrow_to_divide_are_searched_all_the_same():
    xyz = np.random.default_rng(0).integers(0, 9, (500, 3)) * 1e-312
    assert len(morton.distinct(xyz)[0]) == len(np.unique(xyz, axis=0))
    xyz[0] = 1e150
    assert len(morton.distinct(xyz)[0]) == len(np.unique(xyz, axis=0))


def test_distinct_takes_the_two_zeros_for_one():
    points, rows = morton.distinct(np.array([[0.0, 1, 2], [-0.0, 1, 2], [0.0, 1, -2]]))
    assert sorted(rows.tolist()) == [0, 2]
    assert len(points) == 2
