"""The closed form of the Wasserstein distance against matrix square roots, and what it must not notice."""

import itertools

import numpy as np
import pytest

from gscli.kernels import gaussians


def rotation(q):
    """(3, 3) of one quaternion, column by column: q v conj(q)."""
    w, x, y, z = np.asarray(q, np.float64) / np.linalg.norm(q)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + 2 * w * cross + 2 * cross @ cross


def covariance(scales, q):
    padded = np.zeros(3)
    padded[: len(scales)] = scales
    return rotation(q) @ np.diag(padded**2) @ rotation(q).T


def one(scales_a, qa, scales_b, qb):
    """The kernel on a single pair."""
    column = [np.asarray(v, np.float64)[:, None] for v in (scales_a, qa, scales_b, qb)]
    turn = gaussians.relative_rotation(column[1], column[3])
    return float(gaussians.shape_squared(column[0], turn, column[2])[0])


@pytest.fixture
def pairs(request):
    rng = np.random.default_rng(3)
    n = 40
    return [
        (
            np.exp(rng.normal(-3, 1.5, 3)),
            rng.normal(size=4),
            np.exp(rng.normal(-3, 1.5, 3)),
            rng.normal(size=4),
        )
        for _ in range(n)
    ]


def test_it_is_the_trace_of_the_matrix_square_root(pairs):
    linalg = pytest.importorskip("scipy.linalg", reason="scipy is the oracle of this test")
    for sa, qa, sb, qb in pairs:
        a, b = covariance(sa, qa), covariance(sb, qb)
        root = linalg.sqrtm(a)
        expected = np.trace(a + b - 2 * linalg.sqrtm(root @ b @ root).real)
        assert one(sa, qa, sb, qb) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("flat_a, flat_b", [(2, 2), (2, 3), (3, 2)])
def test_a_flat_gaussian_has_a_third_axis_of_no_length(pairs, flat_a, flat_b):
    for sa, qa, sb, qb in pairs:
        found = one(sa[:flat_a], qa, sb[:flat_b], qb)
        a, b = (
            rotation(qa) * np.append(sa[:flat_a], [0] * (3 - flat_a)),
            rotation(qb) * np.append(sb[:flat_b], [0] * (3 - flat_b)),
        )
        nuclear = np.linalg.svd(a.T @ b, compute_uv=False).sum()
        expected = (sa[:flat_a] ** 2).sum() + (sb[:flat_b] ** 2).sum() - 2 * nuclear
        assert found == pytest.approx(expected, rel=1e-9)


def test_renaming_axes_changes_nothing(pairs):
    for sa, qa, sb, qb in pairs[:10]:
        plain = one(sa, qa, sb, qb)
        for order in itertools.permutations(range(3)):
            turned = rotation(qa)[:, order]
            turned[:, 0] *= np.sign(np.linalg.det(turned))
            assert one(sa[list(order)], quaternion(turned), sb, qb) == pytest.approx(plain, rel=1e-9)


def quaternion(matrix):
    """The quaternion of a rotation: the eigenvector of the matrix of Bar-Itzhack (2000) for its largest."""
    m = matrix
    k = np.array(
        [
            [m[0, 0] + m[1, 1] + m[2, 2], m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]],
            [m[2, 1] - m[1, 2], m[0, 0] - m[1, 1] - m[2, 2], m[0, 1] + m[1, 0], m[0, 2] + m[2, 0]],
            [m[0, 2] - m[2, 0], m[0, 1] + m[1, 0], m[1, 1] - m[0, 0] - m[2, 2], m[1, 2] + m[2, 1]],
            [m[1, 0] - m[0, 1], m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], m[2, 2] - m[0, 0] - m[1, 1]],
        ]
    )
    return np.linalg.eigh(k)[1][:, -1]


def test_the_sign_and_length_of_a_quaternion_change_nothing(pairs):
    for sa, qa, sb, qb in pairs:
        assert one(sa, -qa, sb, qb) == one(sa, qa, sb, qb)
        assert one(sa, 7.5 * qa, sb, 0.01 * qb) == pytest.approx(one(sa, qa, sb, qb), rel=1e-12)


@pytest.mark.parametrize(
    "scales", [(1, 1, 1), (3, 2, 1), (1, 1, 1e-9), (1e-12, 1e-12, 5), (0, 0, 0), (2, 0, 0)]
)
def test_a_gaussian_is_at_no_distance_from_itself(scales):
    rng = np.random.default_rng(0)
    for q in rng.normal(size=(50, 4)):
        assert one(scales, q, scales, -2 * q) == 0.0


def test_spheres_differ_by_their_radii_and_points_by_nothing():
    q = (1, 2, 3, 4)
    assert one((2, 2, 2), q, (5, 5, 5), (1, 0, 0, 0)) == pytest.approx(27)
    assert one((0, 0, 0), q, (1, 2, 3), (1, 0, 0, 0)) == pytest.approx(14)
    assert one((0, 0, 0), q, (0, 0, 0), q) == 0.0


@pytest.mark.parametrize("unit", [1e-140, 1e-60, 1e60, 1e140])
def test_scales_of_any_size_neither_overflow_nor_vanish(unit):
    sa, sb, qa, qb = (1, 2, 3), (2, 2, 0.5), (1, 2, 3, 4), (1, 0, 1, 0)
    plain = one(sa, qa, sb, qb)
    found = one(np.multiply(sa, unit), qa, np.multiply(sb, unit), qb)
    assert found / unit / unit == pytest.approx(plain, rel=1e-9)


def test_what_is_no_gaussian_has_no_distance():
    good = (1, 1, 1), (1, 0, 0, 0)
    with np.errstate(all="raise", under="ignore"):
        for bad in (
            ((np.inf, 1, 1), (1, 0, 0, 0)),
            ((np.nan, 1, 1), (1, 0, 0, 0)),
            ((1, 1, 1), (0, 0, 0, 0)),
        ):
            assert np.isnan(one(*bad, *good))


def test_newton_starts_close_enough_whatever_the_axes(pairs):
    rng = np.random.default_rng(1)
    a, b = np.exp(rng.normal(0, 6, (2, 3, 20000)))
    q = rng.normal(size=(4, 20000))
    k = a.T[:, :, None] * np.moveaxis(gaussians._matrix(q), 2, 0) * b.T[:, None, :]
    traces = (a**2 + b**2).sum(axis=0)
    expected = traces - 2 * np.linalg.svd(k, compute_uv=False).sum(axis=1)
    assert (np.abs(gaussians.shape_squared(a, q, b) - expected) / traces).max() < 1e-14


def test_log_scales_are_compared_largest_with_largest():
    a = np.array([[0.0, 1.0], [1.0, -np.inf], [2.0, 5.0]])
    assert gaussians.log_scale_difference(a, a[::-1]).tolist() == [0.0, 0.0]
    b = a + np.array([[0.0], [0.0], [3.0]])
    assert gaussians.log_scale_difference(a, b) == pytest.approx([3 / np.sqrt(3)] * 2)
