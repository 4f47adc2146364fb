"""No proof is given for an answer that could be wrong, however the arithmetic errs within its bound."""

import numpy as np
import pytest

from gscli.kernels import certificate

CLOUDS = {
    "unit": lambda rng, n: rng.random((n, 3)) - 0.5,
    "cauchy": lambda rng, n: rng.standard_cauchy((n, 3)),
    "cluster": lambda rng, n: rng.normal(size=(n, 3)) * 1e-3 + [1, 2, 3],
    "lattice": lambda rng, n: rng.integers(-9, 9, (n, 3)) / 8,
    "small": lambda rng, n: rng.random((n, 3)) * 1e-20,
    "large": lambda rng, n: rng.normal(size=(n, 3)) * 1e17,
}


@pytest.fixture(params=CLOUDS)
def clouds(request):
    rng = np.random.default_rng(0)
    return CLOUDS[request.param](rng, 400), CLOUDS[request.param](rng, 500)


def squares(queries, targets):
    true = sum((queries[:, None, axis] - targets[None, :, axis]) ** 2 for axis in range(3))
    return true, np.linalg.norm(queries, axis=1), np.linalg.norm(targets, axis=1)


def verdict(true, computed, q, k):
    """What a search makes of computed distances: its best candidate and whether it is proven."""
    slots = np.argsort(computed, axis=1, kind="stable")[:, :k]
    candidates = np.take_along_axis(true, slots, axis=1)
    best = candidates.min(axis=1)
    return best, certificate.proven(q, best, np.take_along_axis(computed, slots, axis=1))


@pytest.mark.parametrize("k", [1, 4, 8])
def test_the_worst_errors_within_the_bound_deceive_nobody(clouds, k):
    true, q, t = squares(*clouds)
    bound = certificate.bound(q[:, None], t[None, :])
    nearest = true == true.min(axis=1)[:, None]
    best, proven = verdict(true, np.where(nearest, true + bound, true - bound), q, k)
    np.testing.assert_array_equal(best[proven], true.min(axis=1)[proven])


def test_proof_is_common_where_float32_suffices():
    rng = np.random.default_rng(1)
    true, q, _ = squares(CLOUDS["unit"](rng, 400), CLOUDS["unit"](rng, 500))
    _, proven = verdict(true, true, q, 4)
    assert proven.mean() > 0.99


def test_no_proof_where_a_tie_could_hide_behind_the_candidates():
    true = np.ones((1, 6))
    _, proven = verdict(true, true, np.ones(1), 4)
    assert not proven.any()


def test_no_proof_from_what_is_not_a_number():
    assert not certificate.proven(np.ones(1), np.ones(1), np.array([[1, np.nan]])).any()
    assert not certificate.sound(np.ones(1), np.ones((1, 2)), np.ones((1, 2)), np.array([[1, np.nan]]))


def expanded(queries, targets):
    """|q|^2 + |t|^2 - 2 q.t with every operation in the precision of the input."""
    norms = [(points * points).sum(axis=1, dtype=points.dtype) for points in (queries, targets)]
    return norms[0][:, None] + norms[1][None, :] - queries.dtype.type(2) * (queries @ targets.T)


def test_float32_keeps_to_the_bound(clouds):
    queries, targets = clouds
    true, q, t = squares(queries, targets)
    computed = expanded(queries.astype(np.float32), targets.astype(np.float32))
    assert certificate.sound(q, np.broadcast_to(t, true.shape), true, computed)


def test_arithmetic_with_the_ten_bits_of_tf32_is_found_out():
    rng = np.random.default_rng(2)
    queries, targets = rng.random((1000, 3)) - 0.5, rng.random((4, 3)) - 0.5
    true, q, t = squares(queries, targets)
    scale = 2.0 ** (np.floor(np.log2(np.abs(queries))) - 10)
    rounded = np.round(queries / scale) * scale
    computed = expanded(rounded, targets)
    assert not certificate.sound(q, np.broadcast_to(t, true.shape), true, computed)
