"""M3C2 against one core point at a time, and against what py4dgeo 1.2.0 gave."""

import json
from pathlib import Path

import numpy as np
import pytest

from gscli.kernels import m3c2, vicinity

UP = np.array([0.0, 0.0, 1.0])


def surface(n, seed, rise=0.0, offset=0.0):
    rng = np.random.default_rng(seed)
    x, y = rng.random((2, n))
    z = 0.1 * np.sin(6 * x) * np.cos(5 * y) + rng.normal(0, 0.004, n) + rise * (x > 0.5)
    return np.stack([x, y, z]) + offset


def slow_normal(at, points, radii):
    best, found = -np.inf, np.full(3, np.nan)
    for radius in radii:
        near = points[:, ((points - at[:, None]) ** 2).sum(0) <= radius**2]
        if near.shape[1] < 3:
            continue
        values, vectors = np.linalg.eigh(np.cov(near, bias=True))
        if values[1] <= 1e-12 * values[2]:
            continue
        planar = (values[1] - values[0]) / values.sum()
        if planar > best:
            best, found = planar, vectors[:, 0] * (-1 if vectors[2, 0] < 0 else 1)
    return found


def slow_cylinder(at, axis, points, radius, depth):
    apart = points - at[:, None]
    along = axis @ apart
    inside = along[(np.abs(along) <= depth) & ((apart * apart).sum(0) - along**2 <= radius**2)]
    mean = inside.mean() if len(inside) else np.nan
    return len(inside), mean, inside.var(ddof=1) if len(inside) > 1 else np.nan


CLOUDS = {
    "a surface": (surface(700, 1, 0.02), surface(600, 2)),
    "UTM coordinates": (surface(500, 1, 0.02, 5e5), surface(500, 2, 0.0, 5e5)),
    "a ball, with normals to all sides": tuple(
        (v := np.random.default_rng(s).normal(size=(3, 600))) / np.linalg.norm(v, axis=0) for s in (1, 2)
    ),
    "heavy tails": tuple(np.random.default_rng(s).standard_cauchy((3, 300)) for s in (1, 2)),
    "far apart": (surface(200, 1), surface(200, 2) + 1e6),
    "one point": (np.zeros((3, 1)), np.zeros((3, 1))),
    "duplicates": (np.zeros((3, 50)), np.repeat(surface(20, 3), 3, axis=1)),
    "a line": (np.outer([1.0, 2, 3], np.linspace(0, 1, 60)), surface(60, 3)),
    "a flat square": (surface(300, 1) * [[1], [1], [0]], surface(300, 2) * [[1], [1], [0]]),
}


@pytest.mark.parametrize("radii", [[0.15], [0.05, 0.3, 0.1], [1e-6], [1e6]], ids=str)
@pytest.mark.parametrize("case", CLOUDS)
def test_every_core_point_gets_what_it_gets_alone(case, radii, monkeypatch):
    monkeypatch.setattr(vicinity, "PAIRS", 500)
    monkeypatch.setattr(m3c2, "BLOCK", 64)
    source, target = CLOUDS[case]
    normals, around = m3c2.normals(source, source, radii, UP)
    center = source.mean(axis=1, keepdims=True)  # so that NumPy's covariance does not lose the digits
    expected = np.stack([slow_normal(p, source - center, radii) for p in (source - center).T], axis=1)
    assert (np.isnan(normals[0]) == np.isnan(expected[0])).all()
    assert (around[np.isnan(normals[0])] == 0).all()
    assert (around[~np.isnan(normals[0])] >= 3).all()
    apart = np.minimum(np.abs(normals - expected).max(0), np.abs(normals + expected).max(0))
    assert np.nan_to_num(apart).max() < 1e-6
    for radius, depth in ((0.1, 0.4), (0.3, 0.05), (1e-7, 1.0), (1e7, 1e7)):
        found = m3c2.along(source, normals, target, radius, depth)
        alone = [slow_cylinder(p, n, target, radius, depth) for p, n in zip(source.T, normals.T, strict=True)]
        number, mean, variance = np.array(alone).T
        assert (found.number == number).all()
        np.testing.assert_allclose(found.mean, mean, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found.variance, variance, rtol=1e-7, atol=1e-12)


def test_blocks_and_threads_change_no_bit(monkeypatch):
    source, target = CLOUDS["a surface"]

    def found():
        normals, _ = m3c2.normals(source, source, [0.1, 0.2], UP)
        return [normals, *m3c2.along(source, normals, target, 0.05, 0.2)]

    whole = found()
    monkeypatch.setattr(vicinity, "PAIRS", 300)
    monkeypatch.setattr(m3c2, "BLOCK", 50)
    for threads in ("1", "3"):
        monkeypatch.setenv("GSCLI_THREADS", threads)
        for one, other in zip(whole, found(), strict=True):
            assert one.tobytes() == other.tobytes()


def test_it_is_what_py4dgeo_gives():
    """One radius: of several, py4dgeo 1.2.0 takes the most linear."""
    kept = json.loads((Path(__file__).parents[1] / "data" / "m3c2.json").read_text("utf-8"))
    source, target = surface(kept["points"], 1, 0.02), surface(kept["points"], 2)
    core = source[:, : len(kept["distances"])]
    normals, _ = m3c2.normals(core, source, [kept["normal_radius"]], UP)
    ours, theirs = (
        m3c2.along(core, normals, cloud, kept["cylinder_radius"], kept["depth"]) for cloud in (source, target)
    )
    distances, lods = m3c2.detection(ours, theirs, kept["registration_error"])
    np.testing.assert_allclose(normals.T, kept["normals"], atol=1e-9)
    np.testing.assert_allclose(distances, np.array(kept["distances"], float), atol=1e-9)
    np.testing.assert_allclose(lods, np.array(kept["lods"], float), atol=1e-9)
    assert np.isnan(distances).any()
    assert (np.abs(distances) > lods).any()


def test_what_stands_at_the_border_is_inside():
    cross = np.array([[0.0, 1, -1, 0, 0], [0, 0, 0, 1, -1], [0, 0, 0, 0, 0]])
    normals, around = m3c2.normals(cross[:, :1], cross, [1.0], UP)
    assert around.tolist() == [5]
    assert normals.T.tolist() == [[0, 0, 1]]
    pole = np.array([[0.0, 0, 1, 0], [0, 0, 0, 1.0000001], [2.0, -2, 0, 0]])
    found = m3c2.along(np.zeros((3, 1)), normals, pole, 1.0, 2.0)
    assert (found.number.tolist(), found.mean.tolist(), found.variance.tolist()) == ([3], [0], [4])
