"""Distances between centres: every number from every pair tried, the conventions, hard input."""

import math
import sys

import numpy as np
import pytest

from gscli import neighbors
from gscli.comparing.centers import color_top, compare_centers
from gscli.errors import EngineUnavailable, InputError, UsageError
from gscli.progress import Timings


def cloud(n, seed, offset=0.0, scale=1.0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-5, 5, (6, 3))
    return (centres[rng.integers(0, 6, n)] + rng.normal(0, 0.3, (n, 3))).astype(dtype) * dtype(scale) + dtype(
        offset
    )


CASES = {
    "a scene": (cloud(400, 0), cloud(300, 1)),
    "UTM coordinates": (cloud(300, 0, 5e6, dtype=np.float64), cloud(300, 1, 5e6, dtype=np.float64)),
    "far from zero in float32": (cloud(300, 0, 1e4), cloud(300, 1, 1e4)),
    "heavy tails": tuple(np.random.default_rng(s).standard_cauchy((300, 3)) for s in (0, 1)),
    "far apart": (cloud(100, 0), cloud(100, 1, 1e6)),
    "sixfold duplicates": (np.repeat(cloud(60, 0), 6, axis=0), np.repeat(cloud(50, 1), 6, axis=0)),
    "a plane": (cloud(300, 0) * np.float32([1, 1, 0]), cloud(300, 1) * np.float32([1, 1, 0])),
    "a lattice": tuple(np.random.default_rng(s).integers(0, 5, (300, 3)).astype(np.float64) for s in (0, 1)),
    "all equal": (np.ones((50, 3)), np.ones((40, 3))),
    "one point each": (np.zeros((1, 3)), np.array([[3.0, 4.0, 0.0]])),
    "identical": (cloud(300, 0, 100), cloud(300, 0, 100)),
}


def centers(*clouds, **settings):
    """The numbers alone."""
    return compare_centers(*clouds, **settings)[0]


def all_pairs(a, b):
    """(A, B) squared distances."""
    a, b = a.astype(np.float64)[:, None], b.astype(np.float64)[None]
    step = a - b
    return (step[..., 0] * step[..., 0] + step[..., 1] * step[..., 1]) + step[..., 2] * step[..., 2]


@pytest.mark.parametrize("name", CASES)
def test_every_number_is_that_of_every_pair_tried(name):
    a, b = CASES[name]
    squared = all_pairs(a, b)
    there, back = squared.min(axis=1), squared.min(axis=0)
    t = float(np.sqrt(np.median(there))) or 0.5
    found, forth, home = compare_centers(a, b, thresholds=[t, 3 * t])
    assert (forth.distances == np.sqrt(there)).all()
    assert (forth.rows == squared.argmin(axis=1)).all()
    assert (home.distances == np.sqrt(back)).all()
    for side, best in ((found.source_to_target, there), (found.target_to_source, back)):
        root = np.sqrt(best)
        expected = (root.mean(), math.sqrt(best.mean()), np.median(root), np.quantile(root, 0.95), root.max())
        assert (side.mean, side.rms, side.median, side.p95, side.max) == pytest.approx(expected, rel=1e-12)
        for at in side.at:
            inside = best[best < at.threshold**2]
            assert at.matched == len(inside)
            assert at.fitness == len(inside) / len(best)
            rmse = pytest.approx(math.sqrt(inside.mean()), rel=1e-12) if len(inside) else None
            assert at.inlier_rmse == rmse
    both = found.symmetric
    assert both.chamfer == pytest.approx((np.sqrt(there).mean() + np.sqrt(back).mean()) / 2)
    assert both.chamfer_squared == pytest.approx(there.mean() + back.mean())
    assert both.hausdorff == math.sqrt(max(there.max(), back.max()))
    p, r = found.source_to_target.at[0].fitness, found.target_to_source.at[0].fitness
    assert both.at[0].fscore == pytest.approx(2 * p * r / (p + r) if p + r else 0.0)


@pytest.mark.parametrize("name", CASES)
def test_fitness_and_rmse_are_those_of_open3d(name):
    open3d = pytest.importorskip("open3d", reason="Open3D is the oracle of this test")
    a, b = CASES[name]
    clouds = [open3d.geometry.PointCloud(open3d.utility.Vector3dVector(p.astype(np.float64))) for p in (a, b)]
    t = float(np.sqrt(np.median(all_pairs(a, b).min(axis=1)))) * 1.001 or 0.5
    expected = open3d.pipelines.registration.evaluate_registration(*clouds, t)
    at = centers(a, b, thresholds=[t]).conventions.open3d.at[0]
    assert at.fitness == pytest.approx(expected.fitness, rel=1e-9)
    assert at.rmse == pytest.approx(expected.inlier_rmse, rel=1e-9)


def test_the_conventions_differ_at_the_border_in_emptiness_and_in_direction():
    a = np.array([[0.0, 0, 0], [10, 0, 0]])
    b = np.array([[1.0, 0, 0], [10, 3, 0], [10, 0, 0], [50, 0, 0]])  # a -> b: 1, 0; b -> a: 1, 3, 0, 40
    named = centers(a, b, thresholds=[1.0, 5.0]).conventions
    assert [(x.fitness, x.rmse) for x in named.open3d.at] == [(0.5, 0.0), (1.0, math.sqrt(0.5))]
    assert [(x.fitness, x.rmse) for x in named.corgs.at] == [(0.5, 0.0), (1.0, math.sqrt(0.5))]
    overall = math.sqrt((1 + 0 + 1 + 9 + 0 + 1600) / 6)
    assert [x.fitness for x in named.coprune.at] == [(1.0 + 0.5) / 2, (1.0 + 0.75) / 2]  # d <= 1 counts
    assert [x.rmse for x in named.coprune.at] == pytest.approx([overall, overall])
    apart = centers(a[:1], b[3:], thresholds=[1.0]).conventions
    assert (apart.open3d.at[0].fitness, apart.open3d.at[0].rmse) == (0.0, 0.0)
    assert (apart.corgs.at[0].fitness, apart.corgs.at[0].rmse) == (0.0, math.inf)


def test_open3d_judges_the_border_by_squares_and_corgs_by_roots():
    points = np.random.default_rng(0).normal(size=(100, 1, 3))
    squares = [float(all_pairs(np.zeros((1, 3)), point)[0, 0]) for point in points]
    # a threshold that is exactly the rounded distance, and whose square is more than the distance's
    b, t = next((p, math.sqrt(s)) for p, s in zip(points, squares, strict=True) if s < math.sqrt(s) ** 2)
    named = centers(np.zeros((1, 3)), b, thresholds=[t]).conventions
    assert (named.open3d.at[0].fitness, named.corgs.at[0].fitness) == (1.0, 0.0)


def test_the_default_threshold_is_twice_the_spacing_of_the_target():
    a, b = np.zeros((1, 3)), np.array([[0.0, 0, 0], [0.25, 0, 0], [0.5, 0, 0]])
    found = centers(a, b)
    assert found.thresholds == (0.5,)
    assert found.threshold_why == "2 x the target's spacing"
    assert found.spacings == (None, 0.25)
    mixed = centers(a, b, thresholds=["3spacing", 1])
    assert mixed.thresholds == (0.75, 1.0)
    assert mixed.threshold_why == "3 x the target's spacing, as given"
    assert centers(a, b, thresholds=[1, 2]).threshold_why == "as given"
    assert centers(a, b, thresholds=["2spacing"]).threshold_why == found.threshold_why
    with pytest.raises(UsageError, match=r"ref has no spacing: all its positions are equal.*scene units"):
        centers(b, a, names=("new", "ref"))
    with pytest.raises(UsageError, match=r"ref has no spacing.*nearer than 1e-161"):
        centers(b, np.arange(6.0).reshape(2, 3) * 1e-170, names=("new", "ref"))


def test_a_threshold_beyond_the_scene_is_noted():
    a = cloud(50, 0)
    assert any("exceeds the diagonal" in note for note in centers(a, a, thresholds=[1000.0]).notes)
    assert not centers(a, a, thresholds=[0.1]).notes
    (note,) = centers(a, np.zeros((3, 3)), thresholds=[0.1]).notes
    assert "exceeds the diagonal of target, 0" in note


def test_the_colour_scale_reaches_the_few_points_that_differ():
    a = cloud(400, 0).astype(np.float64)
    b = a.copy()
    b[0] += 100
    found = centers(b, a, thresholds=[1.0])
    there, back = found.source_to_target, found.target_to_source
    assert there.p99 == back.p99 == 0 < there.max
    assert color_top(there) == there.max
    assert color_top(there, back) == max(there.max, back.max)
    usual = centers(a, a[::2], thresholds=[1.0]).source_to_target
    assert color_top(usual) == usual.p99 > 0


def test_a_sample_of_queries_estimates_with_the_error_it_states():
    a, b = cloud(4000, 0), cloud(4000, 1)
    t = centers(a, b).source_to_target.median
    full, forth, _ = compare_centers(a, b, thresholds=[t])
    assert full.source_to_target.standard_error is None
    misses = {name: [] for name in ("mean", "rms", "median", "p95", "p99", "fitness", "inlier_rmse")}
    for seed in range(60):
        part, asked, _ = compare_centers(a, b, thresholds=[t], max_queries=500, seed=seed)
        side, error = part.source_to_target, part.source_to_target.standard_error
        assert side.queries == len(asked.distances) == 500
        assert (forth.distances[asked.asked] == asked.distances).all()  # the target is whole
        for name in ("mean", "rms", "median", "p95", "p99"):
            off = getattr(side, name) - getattr(full.source_to_target, name)
            misses[name].append(off / getattr(error, name))
        for name in ("fitness", "inlier_rmse"):
            off = getattr(side.at[0], name) - getattr(full.source_to_target.at[0], name)
            misses[name].append(off / getattr(error, name)[0])
    for name, z in misses.items():
        assert abs(np.mean(z)) < 0.6, name
        assert 0.7 < np.std(z) < (1.8 if name == "p99" else 1.4), name  # of 500 points, 5 are above p99


def test_a_share_of_none_or_all_of_a_sample_is_not_certain():
    """Wilson: of 50 asked, none or all of which match, 1 in 51 of the others may be otherwise."""
    a, b = cloud(4000, 0), cloud(4000, 1)
    for threshold in (1e-9, 1e9):
        found = centers(a, b, thresholds=[threshold], max_queries=50).source_to_target
        assert found.at[0].fitness in (0, 1)
        assert found.standard_error.fitness[0] == pytest.approx(1 / 102, rel=0.02)
    assert (
        centers(a, b, thresholds=[1e-9], max_queries=3999).source_to_target.standard_error.fitness[0] < 1e-6
    )


def test_sums_of_both_ways_err_by_no_more_than_they_state():
    """Clouds with corresponding rows: the same rows are asked of both, and the samples err alike."""
    a = cloud(4000, 0).astype(np.float64)
    b = a + np.random.default_rng(1).normal(scale=0.01, size=a.shape)
    full = centers(a, b, thresholds=[1.0]).symmetric
    assert full.standard_error is None
    misses = {"chamfer": [], "chamfer_squared": []}
    for seed in range(60):
        part = centers(a, b, thresholds=[1.0], max_queries=300, seed=seed).symmetric
        for name, found in misses.items():
            error = getattr(part.standard_error, name)
            found.append((getattr(part, name) - getattr(full, name)) / error)
    for name, z in misses.items():
        assert abs(np.mean(z)) < 0.6, name
        assert 0.4 < np.std(z) < 1.3, name


def test_rmse_without_a_match_does_not_exist():
    a, b = cloud(400, 0), cloud(400, 1) + 50
    found = centers(a, b, thresholds=[0.1, 1e3])
    assert [at.matched for at in found.source_to_target.at] == [0, 400]
    assert found.source_to_target.at[0].inlier_rmse is None
    assert found.source_to_target.at[1].inlier_rmse > 0
    named = found.conventions
    assert (named.open3d.at[0].rmse, named.corgs.at[0].rmse) == (0.0, math.inf)
    sampled = centers(a, b, thresholds=[0.1], max_queries=50).source_to_target
    assert sampled.standard_error.inlier_rmse == (None,)


def test_asking_all_is_no_sample():
    a = cloud(100, 0)
    found = centers(a, a[:40], thresholds=[1.0], max_queries=60)
    assert found.source_to_target.queries == 60
    assert found.target_to_source.standard_error is None
    assert centers(a, a[:40], thresholds=[1.0], max_queries=1).source_to_target.standard_error.mean is None
    with pytest.raises(UsageError, match="at least 1"):
        centers(a, a, max_queries=0)


@pytest.mark.parametrize("engine", neighbors.ENGINES.names())
def test_every_engine_gives_the_same_report(engine):
    a, b = cloud(700, 0), cloud(600, 1)
    expected, timings = centers(a, b, engine="brute"), Timings()
    try:
        found = centers(a, b, engine=engine, timings=timings)
    except EngineUnavailable as missing:
        pytest.skip(str(missing))
    assert found.engine.name == engine
    assert list(timings) == ["search", "spacing", "metrics"]
    assert found.engine.proven + found.engine.fallback == 1300
    for part in ("spacings", "source_to_target", "target_to_source", "symmetric", "conventions"):
        assert getattr(found, part) == getattr(expected, part)


def test_tensors_are_taken_like_arrays():
    torch = pytest.importorskip("torch", reason="torch is an extra")
    a, b = cloud(300, 0), cloud(200, 1)
    expected = centers(a, b)
    found = centers(torch.from_numpy(a), torch.from_numpy(b), max_queries=None)
    assert found.source_to_target == expected.source_to_target
    assert found.symmetric == expected.symmetric


@pytest.mark.parametrize("engine", ["kdtree", "faiss"])
def test_a_device_without_effect_is_refused(engine):
    torch = pytest.importorskip("torch", reason="torch is an extra")
    with pytest.raises(UsageError, match="device='torch-cpu' has no effect"):
        centers(cloud(9, 0), cloud(9, 1), engine=engine, where=torch.device("cpu"))


def test_what_the_machine_lacks_is_the_fault_of_no_file(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)  # as where it is not installed
    with pytest.raises(EngineUnavailable, match=r"^the faiss engine needs faiss"):
        centers(cloud(9, 0), cloud(9, 1), engine="faiss", names=("new", "ref"))


def test_what_cannot_be_compared_is_refused_by_name():
    good, names = np.zeros((2, 3)), ("new", "ref")
    with pytest.raises(InputError, match=r"^new: "):
        centers(np.empty((0, 3)), good, names=names)
    with pytest.raises(InputError, match=r"^ref: "):
        centers(good, np.full((2, 3), np.nan), names=names)
    with pytest.raises(UsageError, match="no engine 'fast'"):
        centers(good, good, engine="fast")
