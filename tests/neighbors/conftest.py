"""Clouds that nearest-neighbour searches get wrong, and the answer written out in full."""

import numpy as np
import pytest


def _scene(rng, n):
    """Tilted discs of points at random places, and a few points far outside."""
    places = rng.normal(size=(30, 3)) * 3
    frames = np.linalg.qr(rng.normal(size=(30, 3, 3)))[0]
    disc = rng.integers(0, 30, n)
    points = places[disc] + np.einsum("nij,nj->ni", frames[disc], rng.normal(size=(n, 3)) * [1, 0.7, 0.02])
    far = rng.random(n) < 0.02
    points[far] *= 1 + rng.pareto(1.5, far.sum())[:, None]
    return points


def _tight_and_outliers(rng, n):
    points = rng.normal(size=(n, 3)) * 1e-4 + 3
    points[: n // 20] = rng.normal(size=(n // 20, 3)) * 1e4
    return points


def _shell_and_cluster(rng, n):
    points = rng.normal(size=(n, 3))
    points /= np.linalg.norm(points, axis=1)[:, None]
    points[: n // 2] *= 1e-3
    return points


def _both(make):
    return lambda rng, q, t: (make(rng, q), make(rng, t))


CASES = {
    "uniform": _both(lambda rng, n: rng.random((n, 3))),
    "scene": _both(_scene),
    "cauchy": _both(lambda rng, n: rng.standard_cauchy((n, 3))),
    "georeferenced": _both(lambda rng, n: rng.random((n, 3)) * 100 + [5e5, 5e6, 100]),
    "sixfold": _both(lambda rng, n: np.repeat(rng.random((n // 6 + 1, 3)), 6, axis=0)[rng.permutation(n)]),
    "all equal": _both(lambda rng, n: np.full((n, 3), 0.1)),
    "one other": lambda rng, q, t: (np.full((q, 3), 0.1), np.vstack([np.zeros((t - 1, 3)), np.ones((1, 3))])),
    "plane": _both(lambda rng, n: rng.random((n, 3)) * [1, 1, 0]),
    "line": _both(lambda rng, n: rng.random((n, 1)) * [[1, 2, 3]]),
    "lattice": _both(lambda rng, n: rng.integers(0, 9, (n, 3)) / 4),
    "decimal lattice": _both(lambda rng, n: rng.integers(0, 9, (n, 3)) * 0.1),
    "between a lattice": lambda rng, q, t: (
        rng.integers(0, 8, (q, 3)) * 0.1 + 0.05,
        rng.integers(0, 9, (t, 3)) * 0.1,
    ),
    "far apart": lambda rng, q, t: (rng.random((q, 3)), rng.random((t, 3)) + 1e6),
    "far plane": lambda rng, q, t: (
        rng.random((q, 3)) * [9, 9, 0],
        rng.random((t, 3)) * [9, 9, 0] + [0, 0, 50],
    ),
    "tight and outliers": _both(_tight_and_outliers),
    "shell and cluster": lambda rng, q, t: (_shell_and_cluster(rng, q) * 0.01, _shell_and_cluster(rng, t)),
    "centre of a sphere": lambda rng, q, t: (
        rng.normal(size=(q, 3)) * 1e-17,
        _shell_and_cluster(rng, 2 * t)[t:],
    ),
    "signed zeros": _both(lambda rng, n: rng.choice([-0.0, 0.0, 1.0], (n, 3))),
    "very small": _both(lambda rng, n: rng.random((n, 3)) * 1e-158),
    "very large": _both(lambda rng, n: rng.normal(size=(n, 3)) * 1e37),
    "column order": _both(lambda rng, n: np.asfortranarray(rng.random((n, 3)))),
}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


@pytest.fixture
def truth():
    """The answer of the definition: every pair, one query at a time."""

    def answer(queries, targets):
        targets = np.asarray(targets, np.float64)
        distances, rows = [], []
        for x, y, z in np.asarray(queries, np.float64):
            dx, dy, dz = x - targets[:, 0], y - targets[:, 1], z - targets[:, 2]
            squared = dx * dx + dy * dy + dz * dz
            rows.append(int(np.flatnonzero(squared == squared.min())[0]))
            distances.append(np.sqrt(squared[rows[-1]]))
        return np.array(distances), np.array(rows)

    return answer
