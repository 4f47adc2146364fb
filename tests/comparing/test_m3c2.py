"""M3C2 and point to plane in a comparison: figures, columns, gates, refusals, hard input."""

import numpy as np
import pytest

import gscli
from gscli import formats
from gscli.cloud import GaussianCloud
from gscli.errors import UsageError, WriteRefused


def plane(n, seed, z=0.0, noise=0.01, **more):
    rng = np.random.default_rng(seed)
    x, y = rng.random((2, n))
    return GaussianCloud.from_columns(x=x, y=y, z=z + rng.normal(0, noise, n), **more)


NEW, REFERENCE = plane(900, 1, 0.05), plane(800, 2)


def test_a_raised_plane_is_found_raised():
    result = gscli.compare(NEW, REFERENCE, m3c2=(0.3, 0.1), m3c2_depth=0.3)
    found = result.m3c2
    assert (found.core_points, found.without_normal, found.without_target) == (900, 0, 0)
    assert abs(found.mean - 0.05) < 0.002
    assert found.significant == found.detectable == 900
    assert (found.significant_share, found.nan_share) == (1, 0)
    moved = result.evidence.moved
    assert found.mean == pytest.approx(moved.distances.mean())
    assert found.std == pytest.approx(moved.distances.std(ddof=1))
    assert found.median == pytest.approx(np.median(moved.distances))
    assert found.rms == pytest.approx(np.sqrt((moved.distances**2).mean()))
    assert found.mean_lod == pytest.approx(moved.lods.mean())
    back = gscli.compare(REFERENCE, NEW, m3c2=(0.3, 0.1), m3c2_depth=0.3).m3c2
    assert abs(back.mean + 0.05) < 0.002
    down = gscli.compare(NEW, REFERENCE, m3c2=(0.3, 0.1), m3c2_depth=0.3, orientation=(0, 0, -2)).m3c2
    assert down.mean == -found.mean


def test_the_error_of_registration_widens_the_level_of_detection():
    sharp, blunt = (
        gscli.compare(NEW, REFERENCE, m3c2="0.3,0.1", registration_error=e).m3c2 for e in (0, 0.1)
    )
    assert blunt.mean_lod == pytest.approx(sharp.mean_lod + 0.196)
    assert blunt.mean == sharp.mean
    assert blunt.significant == 0


def test_lengths_count_spacings_of_the_target_and_depth_is_five_radii():
    result = gscli.compare(NEW, REFERENCE, m3c2="10spacing,20spacing,4spacing")
    used, spacing = result.to_dict()["options"]["m3c2"], result.target.spacing
    assert used["normal_radii"] == [10 * spacing, 20 * spacing]
    assert used["cylinder_radius"] == 4 * spacing
    assert used["depth"] == pytest.approx(20 * spacing)
    assert used["orientation"] == [0, 0, 1]


def test_core_points_are_the_points_that_are_asked():
    whole = gscli.compare(NEW, REFERENCE, m3c2=(0.3, 0.1))
    part = gscli.compare(NEW, REFERENCE, m3c2=(0.3, 0.1), max_queries=50, seed=3)
    assert part.m3c2.core_points == 50
    asked = part.evidence.forth.asked
    assert part.evidence.moved.distances.tobytes() == whole.evidence.moved.distances[asked].tobytes()


@pytest.mark.parametrize(
    ("source", "target", "m3c2", "told"),
    [
        (plane(50, 1, 100.0), REFERENCE, (0.5, 0.2), "no point of the target in the cylinder"),
        (plane(50, 1), REFERENCE, (1e-9, 0.2), "without a normal"),
        (np.zeros((1, 3)), REFERENCE, (0.5, 0.2), "1 core point without a normal"),
        (
            np.outer(np.linspace(0, 1, 30), [1, 2, 3]),
            REFERENCE,
            (0.5, 0.2),
            "30 core points without a normal",
        ),
    ],
)
def test_where_nothing_can_be_measured_it_says_why(source, target, m3c2, told):
    result = gscli.compare(source, target, m3c2=m3c2, require="m3c2.significant_share >= 0")
    assert any(told in note for note in result.notes)
    found = result.m3c2
    assert (found.nan_share, found.mean, found.std, found.significant) == (1, None, None, 0)
    assert not result.passed
    assert result.to_dict()["m3c2"]["significant_share"] is None


@pytest.mark.parametrize("m3c2", [(1e9, 1e9), (1e-3, 1e9), (1e9, 1e-9)])
def test_lengths_of_any_size_are_measured(m3c2):
    found = gscli.compare(NEW, REFERENCE, m3c2=m3c2).m3c2
    assert found.core_points == 900
    if min(m3c2) > 1:
        assert (found.neighbors, found.in_cylinder_target) == (900, 800)


def test_without_it_nothing_is_said_of_it():
    result = gscli.compare(NEW, REFERENCE)
    assert (result.m3c2, result.point_to_plane, result.evidence.moved) == (None, None, None)
    assert result.to_dict()["options"]["m3c2"] is None


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"m3c2": "0.1"}, "`m3c2` must be radii"),
        ({"m3c2": ()}, "`m3c2` must be radii"),
        ({"m3c2": "0,1"}, "`m3c2` 0 is no positive number"),
        ({"m3c2": "nan,1"}, "no positive number"),
        ({"m3c2": (0.1, None)}, "`m3c2` must be radii"),
        ({"m3c2": 3}, "`m3c2` must be radii"),
        ({"m3c2": "1,1", "m3c2_depth": -1}, "`m3c2_depth` -1 is no positive number"),
        ({"m3c2": "1,1", "registration_error": -1.0}, "`registration_error` must be a number from 0"),
        ({"m3c2": "1,1", "registration_error": float("nan")}, "`registration_error` must be"),
        ({"m3c2": "1,1", "orientation": (0, 0, 0)}, "`orientation` must be finite, and not zero"),
        ({"m3c2": "1,1", "orientation": (0, 1)}, "`orientation` must be three numbers"),
        ({"m3c2": "1,1", "memory_limit": "2GB"}, "`m3c2` holds both scenes whole"),
        ({"m3c2_depth": 1.0}, "`m3c2_depth` has no effect without `m3c2`"),
        ({"registration_error": 0.0}, "`registration_error` has no effect without `m3c2`"),
        ({"orientation": (0, 0, 1)}, "`orientation` has no effect without `m3c2`"),
        ({"require": "m3c2.mean < 1"}, "`require` m3c2.mean has no effect without `m3c2`"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_read(options, what):
    with pytest.raises(UsageError, match=what.replace("`", "")):
        gscli.compare("missing.ply", "missing.ply", **options)


def test_a_target_without_spacing_needs_lengths_in_scene_units():
    with pytest.raises(UsageError, match="give m3c2 in scene units"):
        gscli.compare(NEW, np.zeros((3, 3)), threshold=1.0, m3c2="2spacing,2spacing")


def test_what_was_found_is_written_beside_every_field(tmp_path):
    path = tmp_path / "moved.ply"
    source = plane(900, 1, 0.05, label=np.arange(900))
    result = gscli.compare(source, REFERENCE, m3c2=(0.3, 0.02), distances=path)
    written, moved = formats.read(path), result.evidence.moved
    assert written.fields == (
        *source.fields,
        "distance",
        "m3c2_distance",
        "m3c2_lod",
        "m3c2_significant",
    )
    assert written.rows["label"].tolist() == list(range(900))
    assert np.isnan(moved.distances).any()
    np.testing.assert_array_equal(written.rows["m3c2_distance"], moved.distances.astype("f4"))
    np.testing.assert_array_equal(written.rows["m3c2_lod"], moved.lods.astype("f4"))
    assert written.rows["m3c2_significant"].dtype == np.uint8
    assert written.rows["m3c2_significant"].astype(bool).tolist() == moved.significant.tolist()
    again = plane(900, 1, m3c2_lod=np.zeros(900))
    with pytest.raises(WriteRefused, match="a column m3c2_lod already"):
        gscli.compare(again, REFERENCE, m3c2=(0.3, 0.1), distances=tmp_path / "again.ply")


def test_planes_of_the_reference_forgive_what_lies_along_them():
    rng = np.random.default_rng(3)
    x, y = rng.random((2, 500))
    normals = {"nx": np.zeros(500), "ny": np.zeros(500), "nz": np.full(500, -3.0)}
    normals["nz"][:50] = 0
    normals["nz"][50:60] = np.nan
    target = GaussianCloud.from_columns(x=x, y=y, z=np.zeros(500), **normals)
    result = gscli.compare(NEW, target, threshold=(0.06, 1.0))
    found, nearest = result.point_to_plane, result.evidence.forth
    left = ~(nearest.rows < 60)
    z = NEW["z"][left]
    assert found.queries == left.sum()
    assert found.without_normal == (~left).sum() > 0
    assert found.signed_mean == pytest.approx(-z.mean())
    assert found.mean == pytest.approx(np.abs(z).mean())
    assert found.rms == pytest.approx(np.sqrt((z * z).mean()))
    assert found.max == pytest.approx(np.abs(z).max())
    for at, threshold in zip(found.at, (0.06, 1.0), strict=True):
        matched = z[nearest.distances[left] < threshold]
        assert at.matched == len(matched)
        assert at.fitness == len(matched) / left.sum()
        assert at.inlier_rmse == pytest.approx(np.sqrt((matched**2).mean()))
    sampled = gscli.compare(NEW, target, threshold=0.06, max_queries=100)
    assert sampled.point_to_plane.queries + sampled.point_to_plane.without_normal == 100


def test_normals_of_zero_are_none():
    target = plane(800, 2, nx=np.zeros(800), ny=np.zeros(800), nz=np.zeros(800))
    assert gscli.compare(NEW, target).point_to_plane is None


def test_within_a_limit_of_memory_planes_are_left_out(tmp_path):
    target = plane(800, 2, nx=np.zeros(800), ny=np.zeros(800), nz=np.ones(800))
    formats.write(tmp_path / "new.ply", NEW)
    formats.write(tmp_path / "target.ply", target)
    assert gscli.compare(tmp_path / "new.ply", tmp_path / "target.ply").point_to_plane is not None
    limited = gscli.compare(tmp_path / "new.ply", tmp_path / "target.ply", memory_limit="2GB")
    assert limited.point_to_plane is None
