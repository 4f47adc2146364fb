"""Scenes that lie apart are laid on each other, or it is said that they were not."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

import gscli
from gscli import scene
from gscli.align import align
from gscli.aligning import judged
from gscli.aligning.consensus import Recognised
from gscli.aligning.icp import moved_by
from gscli.aligning.landmarks import Landmarks, cell_of, unlike
from gscli.aligning.likeness import Likeness
from gscli.aligning.poses import frame, right_angles
from gscli.aligning.search import Laid
from gscli.cloud import GaussianCloud
from gscli.colors import of_both
from gscli.errors import GateMissed, InputError, UsageError
from gscli.in_memory import as_cloud
from gscli.kernels.registration import pose
from gscli.report.align import summary
from tests.turning import turn

WHOLE = scene.make(4000, sh_degree=0).xyz
SLANTED = np.array([1.0, 2, 3]) / np.sqrt(14)
SHIFT = np.array([30.0, -20, 5])


def halves(xyz: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two draws, each of half the points, about a quarter of them the same."""
    rng = np.random.default_rng(seed)
    return xyz[rng.random(len(xyz)) < 0.5], xyz[rng.random(len(xyz)) < 0.5]


def off(matrix: object, wanted: np.ndarray) -> float:
    """How far a pose moves a point from where it should be, at most, in sizes of the scene."""
    away = moved_by(np.array(matrix), WHOLE) - moved_by(wanted, WHOLE)
    return float(np.linalg.norm(away, axis=1).max() / np.linalg.norm(moved_by(wanted, WHOLE).std(0)))


@pytest.mark.parametrize(
    ("axis", "degrees", "scale"),
    [(SLANTED, 170, 0.01), ((1, 0, 0), 180, 1)],
)
def test_two_draws_of_a_scene_are_laid_on_each_other(axis: object, degrees: float, scale: float) -> None:
    one, other = halves(WHOLE)
    wanted = pose(turn(np.asarray(axis, float), degrees), scale, np.zeros(3), SHIFT)
    found = align(one, moved_by(wanted, other), scaled=scale != 1)
    assert off(found.matrix, wanted) < 5e-3
    assert found.scale == pytest.approx(scale, rel=1e-3)
    assert found.degrees == pytest.approx(degrees, abs=0.2)
    assert found.after[0].fitness > 0.6 > 0.3 > found.before[0].fitness
    assert found.rival is None


def test_floaters_and_a_missing_part_do_not_draw_it_away() -> None:
    one, other = halves(WHOLE)
    rng = np.random.default_rng(3)
    one = np.concatenate([one[one[:, 0] < 1.9], rng.normal(0, 30, (60, 3))])
    wanted = pose(turn(SLANTED, 75), 1, np.zeros(3), SHIFT)
    found = align(one, moved_by(wanted, other), overlap=0.8)
    assert off(found.matrix, wanted) < 1e-2


@pytest.mark.parametrize("lacks", ["source", "target"])
def test_a_third_may_be_missing_of_either(lacks: str) -> None:
    one, other = halves(WHOLE)
    part = one[one @ (1, 0.3, -0.2) <= np.quantile(WHOLE @ (1, 0.3, -0.2), 2 / 3)]
    wanted = pose(turn(SLANTED, 30), 1, np.zeros(3), SHIFT)
    if lacks == "source":
        found = align(part, moved_by(wanted, other), overlap=0.7)
    else:
        found = align(other, moved_by(wanted, part), overlap=0.7)
    assert off(found.matrix, wanted) < 1e-2


BIG = scene.make(12_000, sh_degree=0)


def crops(overlap: float) -> tuple[GaussianCloud, GaussianCloud]:
    """Either end of a scene; of each the other has that share, and none of the same rows."""
    along = BIG.xyz @ SLANTED
    share = 1 / (2 - overlap)
    rows = np.arange(len(along))
    low, high = along <= np.quantile(along, share), along >= np.quantile(along, 1 - share)
    return BIG.take(rows[(rows % 2 == 0) & low]), BIG.take(rows[(rows % 2 == 1) & high])


def placed(cloud: GaussianCloud, matrix: np.ndarray) -> GaussianCloud:
    rows = cloud.rows.copy()
    for name, values in zip("xyz", moved_by(matrix, cloud.xyz).T, strict=True):
        rows[name] = values
    return GaussianCloud(rows, cloud.header)


def test_a_half_may_be_all_that_two_crops_have_in_common() -> None:
    one, other = crops(0.5)
    wanted = pose(turn(SLANTED, 130), 1, np.zeros(3), SHIFT)
    found = align(one, placed(other, wanted), overlap=0.55)
    assert off(found.matrix, wanted) < 5e-2
    assert found.colors is not None
    assert any(line.startswith("colours") for line in summary(found))


def test_colours_have_to_agree_where_they_are_gone_by() -> None:
    one, other = BIG.take(np.arange(0, 12_000, 2)), BIG.take(np.arange(1, 12_000, 2))
    rows = other.rows.copy()
    rng = np.random.default_rng(0)
    for name in ("f_dc_0", "f_dc_1", "f_dc_2"):
        rows[name] = rng.permutation(rows[name])
    mixed = GaussianCloud(rows, other.header)
    with pytest.raises(GateMissed, match="colours disagree, by a correlation of"):
        align(one, mixed)
    assert off(align(one, mixed, colors=False).matrix, np.eye(4)) < 1e-2


def test_of_a_small_overlap_one_of_several_poses_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    clouds = [as_cloud(WHOLE.astype(np.float64), "points", "")] * 2
    found = Laid(np.eye(4), steps=1, rested=True, rival=90.0)
    monkeypatch.setattr(judged, "find", lambda *_, **__: found)
    with pytest.raises(
        GateMissed, match="another pose, turned by 90 degrees from the best one, fits nearly as well"
    ):
        judged.laid_on(*clouds, ("one", "other"), overlap=0.5)
    assert judged.laid_on(*clouds, ("one", "other"), overlap=0.9).motion.rival == 90


def test_places_look_alike_however_they_are_turned() -> None:
    xyz = BIG.xyz.astype(np.float64)
    cell = cell_of(xyz, 400)
    quarter = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])  # of which cells stay cells
    one = Landmarks.of(xyz, None, cell)
    other = Landmarks.of(xyz @ quarter.T + cell * np.array([3, 5, -2]), None, cell)
    assert 200 < len(one.places) <= 400
    apart = unlike(one, other)
    assert np.array_equal(apart, np.rint(apart))
    itself = (
        np.square(one.places @ quarter.T + cell * np.array([3, 5, -2]) - other.places[:, None])
        .sum(2)
        .argmin(1)
    )
    alike = apart[itself, np.arange(len(itself))]
    assert np.median(alike) < 0.1 * np.median(apart)


def test_of_matches_most_of_which_are_wrong_those_that_agree_make_poses() -> None:
    one, other = crops(1.0)
    wanted = pose(turn(SLANTED, 130), 1, np.zeros(3), np.array([1.0, 2, 3]))
    here, there = one.xyz.astype(np.float64), moved_by(wanted, other.xyz.astype(np.float64))
    hues = [of_both(cloud, cloud)[0] for cloud in (one, other)]
    cell = cell_of(there, 1000)
    both = Recognised(Landmarks.of(here, hues[0], cell), Landmarks.of(there, hues[1], cell), cell)
    ratings = [(both.rated(matrix, 1.0), off(matrix, wanted)) for matrix in both.poses()]
    assert max(ratings)[1] < 0.3
    assert both.rated(np.eye(4), 1.0) < max(ratings)[0] / 2


def test_no_more_counts_as_near_than_may_be() -> None:
    xyz = WHOLE.astype(np.float32)
    rng = np.random.default_rng(1)
    hues = rng.random((len(xyz), 3))
    alike = Likeness((xyz, xyz), (hues, hues), seed=0).of(np.eye(4))
    assert alike == (1, 1, pytest.approx(1))
    assert alike.total(0.4) == pytest.approx(0.4)
    other = Likeness((xyz, xyz), (hues, rng.permutation(hues)), seed=0).of(np.eye(4))
    assert other.colors is not None
    assert abs(other.colors) < 0.05
    grey = np.full_like(hues, 0.5)
    assert Likeness((xyz, xyz), (hues, grey), seed=0).of(np.eye(4)).colors is None


@pytest.mark.parametrize("far", [1e7, 1e-7])
def test_neither_far_nor_tiny_scenes_are_any_different(far: float) -> None:
    one, other = (half.astype(np.float64) for half in halves(WHOLE))
    unit = min(far, 1)
    wanted = pose(turn(SLANTED, 30), 1, np.zeros(3), np.full(3, far))
    found = align(one * unit, moved_by(wanted, other * unit))
    moved = moved_by(np.array(found.matrix), one * unit)
    assert np.abs(moved - moved_by(wanted, one * unit)).max() < 1e-2 * unit


def test_a_copy_is_found_to_the_last_digits_and_stays_where_it_is() -> None:
    found = align(WHOLE, WHOLE)
    np.testing.assert_allclose(found.matrix, np.eye(4), atol=1e-6)
    assert found.after[0].fitness == 1


def test_a_matrix_to_start_from_is_refined(tmp_path: Path) -> None:
    one, other = halves(WHOLE)
    wanted = pose(turn(SLANTED, 20), 1, np.zeros(3), SHIFT)
    near = pose(turn(SLANTED, 23), 1, np.zeros(3), SHIFT + 0.05)
    (tmp_path / "near.json").write_text(json.dumps(near.tolist()))
    found = align(one, moved_by(wanted, other), start=tmp_path / "near.json")
    assert off(found.matrix, wanted) < 5e-3
    assert found.options["start"] == near.tolist()


def test_the_matrix_that_is_written_is_what_compare_takes(tmp_path: Path) -> None:
    one, other = halves(WHOLE)
    target = moved_by(pose(turn(SLANTED, 30), 1, np.zeros(3), SHIFT), other)
    found = align(one, target, out=tmp_path / "pose.json")
    assert np.array_equal(json.loads((tmp_path / "pose.json").read_text()), found.matrix)
    compared = gscli.compare(one, target, transform=tmp_path / "pose.json")
    way = compared.centers.source_to_target
    assert (way.at[0].fitness, way.at[0].inlier_rmse) == (found.after[0].fitness, found.after[0].rmse)
    assert way.at[0].threshold == found.threshold
    assert found.to_dict()["after"]["source_to_target"]["fitness"] == found.after[0].fitness
    with pytest.raises(gscli.GscliError, match="exists"):
        align(one, target, out=tmp_path / "pose.json")


def test_compare_aligns_first_where_it_is_asked_to() -> None:
    one, other = halves(WHOLE)
    wanted = pose(turn(SLANTED, 30), 1.3, np.zeros(3), SHIFT)
    target = moved_by(wanted, other)
    found = gscli.compare(one, target, align="scaled")
    assert found.centers.source_to_target.at[0].fitness > 0.6
    assert found.options["align"] == "scaled"
    assert off(found.options["transform"], wanted) < 5e-3
    assert any(note.startswith("aligned: the source is turned by 30") for note in found.notes)
    with pytest.raises(GateMissed, match="does not come to lie on target"):
        gscli.compare(one, target, align=True)


def test_other_scenes_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    with pytest.raises(GateMissed, match=r"does not come to lie on target: .* of its points"):
        align(WHOLE, rng.random((3000, 3)) * (1, 20, 300), out=tmp_path / "pose.json")
    assert list(tmp_path.iterdir()) == []


def test_a_matrix_that_was_given_is_not_asked_for() -> None:
    away = pose(np.eye(3), 1, np.zeros(3), np.array([900.0, 0, 0]))
    with pytest.raises(GateMissed) as refused:
        align(WHOLE, WHOLE, start=away, overlap=1.0)
    assert str(refused.value.remedy).startswith("give a matrix that is nearer")


@pytest.mark.parametrize(("apart", "crosses"), [(0.0, False), (0.5, True)])
def test_surfaces_that_cross_do_not_lie_on_each_other(
    apart: float, crosses: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where that is a match for as many points as were asked for."""
    rng = np.random.default_rng(1)
    ball = rng.normal(size=(2, 600, 3))
    ball /= np.linalg.norm(ball, axis=2)[..., None]
    clouds = [as_cloud(points, "points", "") for points in ball]
    matrix = np.eye(4)
    matrix[0, 3] = apart
    monkeypatch.setattr(judged, "find", lambda *_, **__: Laid(matrix, steps=1, rested=True, rival=None))
    if crosses:
        with pytest.raises(GateMissed, match="in the best pose found both cross: of its points within"):
            judged.laid_on(*clouds, ("one", "other"), overlap=0.2)
    else:
        judged.laid_on(*clouds, ("one", "other"), overlap=0.2)


def test_another_pose_that_fits_as_well_is_told_of() -> None:
    cube = np.stack(np.meshgrid(*[np.linspace(-1, 1, 9)] * 3), -1).reshape(-1, 3)
    found = align(cube, moved_by(pose(turn(np.array([0.0, 0, 1]), 10), 1, np.zeros(3), np.zeros(3)), cube))
    assert found.rival is not None
    assert any("fits nearly as well" in line for line in summary(found))


@pytest.mark.parametrize(
    "points", [[[1, 2, 3]] * 9, np.outer(np.arange(9), [1, 2, 3])], ids=["point", "line"]
)
def test_what_may_lie_any_way_round_is_refused(points: object) -> None:
    with pytest.raises(InputError, match="in one point or on one line"):
        align(np.asarray(points, float) * 1.0, WHOLE)


@pytest.mark.parametrize("overlap", [0, -0.1, 1.1, float("nan"), True, "all"])
def test_a_share_is_a_share(overlap: object) -> None:
    with pytest.raises(UsageError, match="overlap must be above 0 and at most 1"):
        align(WHOLE, WHOLE, overlap=overlap)  # type: ignore[arg-type]


def test_positions_that_are_not_finite_are_refused() -> None:
    odd = WHOLE.copy()
    odd[3, 1] = np.nan
    with pytest.raises(InputError, match=r"not finite|NaN"):
        align(odd, WHOLE)


def test_the_right_angles_are_all_rotations_that_map_axes_to_axes() -> None:
    found = right_angles()
    assert len({matrix.tobytes() for matrix in found}) == 24
    for one, other in itertools.product(found, repeat=2):
        assert any(np.array_equal(one @ other, third) for third in found)
    np.testing.assert_array_equal(found[0], np.eye(3))


def test_where_a_cloud_is_does_not_depend_on_floaters() -> None:
    rng = np.random.default_rng(0)
    cloud = rng.normal(size=(2000, 3)) * (3, 2, 1) + (10, 0, 0)
    plain, odd = frame(cloud), frame(np.concatenate([cloud, rng.normal(0, 1e6, (20, 3))]))
    np.testing.assert_allclose(odd.middle, plain.middle, atol=0.1)
    np.testing.assert_allclose(odd.deviations, plain.deviations, rtol=0.05)
    assert np.linalg.det(plain.axes) == pytest.approx(1)
