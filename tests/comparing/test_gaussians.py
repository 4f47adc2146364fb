"""Differences of paired Gaussians against one pair at a time, worked out by matrices."""

import math
from dataclasses import replace

import numpy as np
import pytest

from gscli import fields
from gscli.cloud import GaussianCloud
from gscli.compare import compare
from gscli.comparing.weights import BLOCK
from gscli.errors import UsageError


def matrix(q):
    w, x, y, z = np.asarray(q, np.float64) / np.linalg.norm(np.asarray(q, np.float64))
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + 2 * w * cross + 2 * cross @ cross


def root(m):
    values, vectors = np.linalg.eigh(m)
    return vectors @ np.diag(np.sqrt(np.maximum(values, 0))) @ vectors.T


def covariance(row, scales):
    r = matrix([row[name] for name in fields.ROTATION])
    lengths = np.zeros(3)
    lengths[: len(scales)] = [math.exp(row[name]) for name in scales]
    return r @ np.diag(lengths**2) @ r.T


def energy(row):
    rest = [float(row[name]) for name in row.dtype.names if name.startswith("f_rest_")]
    return math.sqrt(sum(v * v for v in rest) / (12 * math.pi))


def weight(row, scales):
    lengths = [[math.exp(row[name])] for name in scales]
    return float(1 / (1 + math.exp(-row["opacity"])) * fields.ellipsoid_area(np.array(lengths))[0])


def twin(a, b, i, j):
    """What each number is for a pair of rows."""
    p, q = a.rows[i], b.rows[j]
    sa, sb = fields.scale_names(a.fields), fields.scale_names(b.fields)
    step = np.array([float(p[n]) - float(q[n]) for n in fields.POSITION])
    ca, cb = covariance(p, sa), covariance(q, sb)
    half = root(ca)
    shape = math.sqrt(max(0.0, np.trace(ca + cb - 2 * root(half @ cb @ half))))
    alpha = [1 / (1 + math.exp(-float(row["opacity"]))) for row in (p, q)]
    logs = [np.sort([float(row[n]) for n in s]) for row, s in ((p, sa), (q, sb))]
    rgb = [np.array([fields.SH_C0 * float(row[n]) for n in fields.SH_DC]) for row in (p, q)]
    return {
        "shape": shape,
        "w2": math.sqrt(step @ step + shape**2),
        "opacity": abs(alpha[0] - alpha[1]),
        "log_scale": math.sqrt(((logs[0] - logs[1]) ** 2).mean()) if len(sa) == len(sb) else math.nan,
        "dc": math.sqrt(((rgb[0] - rgb[1]) ** 2).mean()),
        "sh_energy": abs(energy(p) - energy(q)),
    }


def check(found, a, b, pairs):
    expected = [twin(a, b, i, j) for i, j in pairs]
    g = found.gaussians
    assert g.pairs == found.pairing.pairs == len(expected)
    stats = {"w2": g.w2, "shape": g.w2.shape, "opacity": g.opacity, "log_scale": g.log_scale}
    stats |= {"dc": g.color.dc, "sh_energy": g.color.sh_energy}
    for name, stat in stats.items():
        values = np.array([e[name] for e in expected])
        numbers = (values.mean(), math.sqrt((values**2).mean()), np.quantile(values, 0.95))
        assert (stat.mean, stat.rms, stat.p95) == pytest.approx(numbers, rel=1e-6), name


@pytest.fixture
def two(make_scene):
    a, b = make_scene(300, seed=0), make_scene(250, seed=1)
    for axis in fields.POSITION:  # over one another, so that neighbours are near
        b.rows[axis][:250] = a.rows[axis][:250] + np.random.default_rng(2).normal(0, 0.05, 250)
    return a, b


def test_nearest_pairs(two):
    a, b = two
    found = compare(a, b)
    check(found, a, b, enumerate(found.evidence.forth.rows))
    spacing = found.target.spacing
    assert found.gaussians.w2.spacings.p95 == pytest.approx(found.gaussians.w2.p95 / spacing)


def test_pairs_by_row(two):
    a, b = two
    a = a.take(np.arange(250)[::-1])
    check(compare(a, b, pair="rows"), a, b, ((i, i) for i in range(250)))


def test_pairs_by_index_either_way_round(two, tmp_path):
    whole, _ = two
    rows = np.random.default_rng(0).permutation(300)[:120]
    np.save(tmp_path / "rows.npy", rows)
    thin = whole.take(rows)
    for a, b in ((whole, thin), (thin, whole)):
        found = compare(a, b, pair=f"index:{tmp_path / 'rows.npy'}")
        assert found.gaussians.pairs == 120
        assert found.gaussians.w2.mean == found.gaussians.opacity.mean == found.gaussians.color.dc.mean == 0
    other = whole.take(np.roll(np.arange(300), 7))
    found = compare(other, thin, pair=f"index:{tmp_path / 'rows.npy'}")
    check(found, other, thin, ((i, j) for j, i in enumerate(rows)))


def test_a_cloud_does_not_differ_from_itself(two):
    a, _ = two
    assert "f_rest_0" in a.fields
    g = compare(a, a).gaussians
    assert g.w2.rms == g.opacity.rms == g.log_scale.rms == g.color.dc.rms == g.color.sh_energy.rms == 0


@pytest.mark.parametrize("least", [1e-3, 1e-4, 3e-5])
def test_small_differences_of_sh_energy_are_not_rounded_away(two, least):
    """Beside a coefficient of 1 they are 3e-9 and less; float32 rounds by 1e-8 there."""
    a, b = two[0].take(np.arange(250)), two[0].take(np.arange(250))
    rest = [name for name in a.fields if name.startswith("f_rest_")]
    for cloud, small in ((a, 0.0), (b, least)):
        for name in rest:
            cloud.rows[name] = 0.0
        cloud.rows[rest[0]], cloud.rows[rest[1]] = 1.0, small
    small = float(np.float32(least))
    expected = (math.sqrt(1 + small**2) - 1) / math.sqrt(12 * math.pi)
    for one, other in ((a, b), (b, a)):
        found = compare(one, other, pair="rows").gaussians.color.sh_energy
        assert found.mean == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("n", [BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 3])
def test_blocks_join_without_a_seam(make_scene, n):
    a = make_scene(n, degree=0)
    order = np.random.default_rng(0).permutation(n)
    found = compare(a, a.take(order), threshold=1.0)
    assert (found.evidence.forth.rows == np.argsort(order)).all()
    g = found.gaussians
    assert g.w2.mean == g.opacity.mean == g.log_scale.mean == g.color.dc.mean == 0
    assert found.mass.alpha_area == pytest.approx(1, rel=1e-12)


def test_only_sampled_points_are_paired(two):
    a, b = two
    found = compare(a, b, max_queries=40, seed=5)
    check(found, a, b, zip(found.evidence.forth.asked, found.evidence.forth.rows, strict=True))
    w = np.array([weight(row, fields.SCALE) for row in a.rows])[found.evidence.forth.asked]
    expected = (w * found.evidence.forth.distances).sum() / w.sum()
    assert found.weighted.source_to_target == pytest.approx(expected)


def test_weights_and_mass(two):
    a, b = two
    found = compare(a, b)
    totals, moments = [], []
    for cloud, nearest, distance in (
        (a, found.evidence.forth, found.weighted.source_to_target),
        (b, found.evidence.back, found.weighted.target_to_source),
    ):
        w = np.array([weight(row, fields.SCALE) for row in cloud.rows])
        assert distance == pytest.approx((w * nearest.distances).sum() / w.sum())
        xyz = cloud.xyz.astype(np.float64)
        centre = (w[:, None] * xyz).sum(axis=0) / w.sum()
        totals.append(w.sum())
        moments.append((w * ((xyz - centre) ** 2).sum(axis=1)).sum() / w.sum())
    assert found.mass.count == 300 / 250
    assert found.mass.alpha_area == pytest.approx(totals[0] / totals[1])
    assert found.mass.second_moment == pytest.approx(moments[0] / moments[1])
    both = found.weighted
    assert both.chamfer == pytest.approx((both.source_to_target + both.target_to_source) / 2)


def flat(cloud):
    """The same Gaussians as 2DGS stores them: two scales."""
    names = [name for name in cloud.fields if name != "scale_2"]
    rows = np.zeros(len(cloud), [(name, "<f4") for name in names])
    for name in names:
        rows[name] = cloud.rows[name]
    return GaussianCloud(rows)


def test_flat_splats_compare_with_flat_and_with_full_ones(two):
    a, b = two
    both = compare(flat(a), flat(b))
    check(both, flat(a), flat(b), enumerate(both.evidence.forth.rows))
    mixed = compare(flat(a), b)
    assert mixed.gaussians.log_scale is None
    pairs = [twin(flat(a), b, i, j)["w2"] for i, j in enumerate(mixed.evidence.forth.rows)]
    assert mixed.gaussians.w2.mean == pytest.approx(np.mean(pairs), rel=1e-6)


def moved(cloud, rotation, scale, shift):
    """A cloud as a similarity carries it: positions, rotations and scales."""
    rows = cloud.rows.astype([(name, "<f8") for name in cloud.fields])
    xyz = scale * cloud.xyz.astype(np.float64) @ matrix(rotation).T + shift
    for axis, name in enumerate(fields.POSITION):
        rows[name] = xyz[:, axis]
    w, x, y, z = np.asarray(rotation) / np.linalg.norm(rotation)
    left = np.array([[w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w]])
    q = left @ np.array([cloud.rows[name] for name in fields.ROTATION], np.float64)
    for number, name in enumerate(fields.ROTATION):
        rows[name] = q[number]
    for name in fields.SCALE:
        rows[name] = cloud.rows[name].astype(np.float64) + math.log(scale)
    return GaussianCloud(rows)


@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_a_transformation_carries_the_gaussians_along(two, scale):
    a, _ = two
    q, shift = np.array([0.3, -1, 0.5, 2]), np.array([1.0, -2, 3])
    target = moved(a, q, scale, shift)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = scale * matrix(q), shift
    found = compare(a, target, transform=pose, threshold=0.001)
    assert found.centers.source_to_target.at[0].fitness == 1
    assert found.gaussians.w2.shape.p95 < 1e-7
    assert found.gaussians.log_scale.p95 < 1e-12
    assert found.mass.alpha_area == pytest.approx(1)
    assert found.mass.second_moment == pytest.approx(1)
    still = pose.copy()
    still[:3, :3] = scale * np.eye(3)  # the shapes alone tell that a rotation is missing
    centred = compare(a, target, transform=still, pair="rows", threshold=0.001)
    assert centred.gaussians.w2.shape.mean > 0.005


def test_gaussians_cannot_follow_a_shear(two):
    pose = np.diag([1.0, 1, 2, 1])
    with pytest.raises(UsageError, match="gaussians=False"):
        compare(*two, transform=pose)
    assert compare(*two, transform=pose, gaussians=False).gaussians is None
    a, b = (GaussianCloud(c.rows[list(fields.POSITION)].copy()) for c in two)
    assert compare(a, b, transform=pose).gaussians is None


def test_infinite_logits_are_opacities_of_zero_and_one(two):
    a, _ = two
    b = a.take(np.arange(len(a)))
    a.rows["opacity"], b.rows["opacity"] = -np.inf, np.inf
    b.rows["opacity"][:150] = -np.inf
    found = compare(a, b)
    assert found.gaussians.invalid == 0
    assert (found.gaussians.opacity.mean, found.gaussians.opacity.p95) == (0.5, 1.0)
    assert found.weighted.source_to_target is None  # nothing weighs anything
    assert found.mass.alpha_area == 0
    assert found.mass.second_moment is None


def test_what_is_not_finite_is_left_out_counted_and_said(two):
    a, b = two
    a.rows["opacity"][3] = np.nan
    a.rows["scale_1"][4] = np.inf
    for name in fields.ROTATION:
        a.rows[name][5] = 0
    a.rows["f_dc_0"][6] = np.nan
    found = compare(a, b)
    assert found.gaussians.invalid == 4
    good = [twin(a, b, i, j) for i, j in enumerate(found.evidence.forth.rows) if i not in (3, 4, 5, 6)]
    others = [twin(a, b, i, j)["w2"] for i, j in enumerate(found.evidence.forth.rows) if i in (3, 6)]
    assert found.gaussians.w2.mean == pytest.approx(np.mean([*(g["w2"] for g in good), *others]), rel=1e-6)
    assert any("2 Gaussians of source" in note for note in found.notes)
    assert any("4 of 300 pairs" in note for note in found.notes)


def test_a_cloud_without_gaussians_is_compared_by_its_centres(two):
    a, b = two
    points = GaussianCloud(b.rows[list(fields.POSITION)].copy())
    found = compare(a, points)
    assert found.gaussians is found.weighted is found.mass is found.pairing is None
    assert "centres only: target has no opacity, scales and rotation" in found.notes
    with pytest.raises(UsageError, match="pair has no effect: target has no"):
        compare(a, points, pair="nearest")
    with pytest.raises(UsageError, match="no effect with gaussians=False"):
        compare(a, b, pair="nearest", gaussians=False)


def test_colour_is_compared_where_both_have_it(two):
    a, b = two
    plain = GaussianCloud(b.rows[[n for n in b.fields if not n.startswith("f_")]].copy())
    assert compare(a, plain).gaussians.color is None
    assert compare(a, plain).gaussians.opacity == compare(a, b).gaussians.opacity


def test_columns_of_any_type_and_byte_order_count(two):
    a, b = two
    expected = compare(a, b).gaussians
    big = GaussianCloud(b.rows.astype([(name, ">f8") for name in b.fields]), replace(b.header))
    found = compare(a, big).gaussians
    assert found.w2.mean == pytest.approx(expected.w2.mean, rel=1e-6)
    assert found.color.sh_energy.rms == pytest.approx(expected.color.sh_energy.rms, rel=1e-5)


def test_neither_cloud_is_changed(two):
    before = [cloud.rows.tobytes() for cloud in two]
    compare(*two)
    assert [cloud.rows.tobytes() for cloud in two] == before
