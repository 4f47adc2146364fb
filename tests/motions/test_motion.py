"""Moved scenes look, from moved cameras, as they did before; and what no motion changes keeps its bytes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from gscli import fields
from gscli.cameras import Camera
from gscli.cloud import GaussianCloud
from gscli.errors import InputError, UsageError
from gscli.files import upwards
from gscli.motions.algebra import applied
from gscli.motions.motion import Motion
from gscli.rasterizers import ON_CPU, RASTERIZERS
from tests.drawn import ORBIT, as_splats, brute, cloud, psnr

Array = npt.NDArray[Any]

MIRROR = Motion(np.diag([1.0, -1, 1]), np.zeros(3))
MOTIONS = {
    "turned": Motion.turn((20.0, -70, 145)),
    "turned by right angles": Motion.turn((90.0, 0, -90)),
    "scaled": Motion.scaling(3.7),
    "made tiny": Motion.scaling(1e-3),
    "shifted": Motion.shifting((3.0, -1, 0.5)),
    "all of it": Motion.turn((5.0, 6, 7)).then(Motion.scaling(0.2)).then(Motion.shifting((1.0, 2, -3))),
    "mirrored": MIRROR,
    "mirrored and turned": MIRROR.then(Motion.turn((31.0, 41, 59))).then(Motion.scaling(2)),
}


def moved(scene: GaussianCloud, motion: Motion) -> GaussianCloud:
    motion.require(scene.fields)
    rows = scene.rows.copy()
    motion.move(rows)
    return GaussianCloud(rows, scene.header)


def from_there(camera: Camera, motion: Motion) -> tuple[Camera, bool]:
    """The camera that sees a moved scene as this one saw it before, and whether in a mirror."""
    assert motion.similarity is not None
    scale, rotation = motion.similarity
    mirrors = bool(np.linalg.det(rotation) < 0)
    flip = np.diag([-1.0 if mirrors else 1.0, 1, 1])
    pose = np.eye(4)
    pose[:3, :3] = flip @ camera.world_to_camera[:3, :3] @ rotation.T
    pose[:3, 3] = scale * (flip @ camera.world_to_camera[:3, 3]) - pose[:3, :3] @ motion.shift
    cx = camera.width - camera.cx if mirrors else camera.cx
    return replace(camera, world_to_camera=pose, cx=cx, near=scale * camera.near), mirrors


@pytest.mark.parametrize("name", MOTIONS)
@pytest.mark.parametrize("degree", range(5))
def test_a_moved_scene_looks_from_the_moved_camera_as_before(name: str, degree: int) -> None:
    """By the slow twin in float64; what is left is the rounding of columns to float32."""
    scene, motion = cloud(60, degree, seed=degree), MOTIONS[name]
    there, mirrors = from_there(ORBIT, motion)
    before, after = brute(scene, ORBIT)["color"], brute(moved(scene, motion), there)["color"]
    assert psnr(after[:, ::-1] if mirrors else after, before) > 100


@pytest.mark.compiled
@pytest.mark.parametrize("name", MOTIONS)
def test_a_rasterizer_in_float32_sees_no_difference_either(name: str) -> None:
    scene, motion = cloud(3000, 3, seed=7), MOTIONS[name]
    there, mirrors = from_there(ORBIT.resized(280, 200), motion)
    engine = RASTERIZERS.get(ON_CPU)
    before = engine.prepare(as_splats(scene)).draw(ORBIT.resized(280, 200)).color
    after = engine.prepare(as_splats(moved(scene, motion))).draw(there).color
    assert psnr(after[:, ::-1] if mirrors else after, before) > 60


def test_the_pictures_would_show_harmonics_that_were_not_turned() -> None:
    scene, motion = cloud(60, 2), MOTIONS["turned"]
    there, _ = from_there(ORBIT, motion)
    wrong = moved(scene, motion).with_columns({name: scene[name] for name in fields.sh_rest(2)})
    assert psnr(brute(wrong, there)["color"], brute(scene, ORBIT)["color"]) < 40


def test_an_identity_changes_no_byte() -> None:
    scene = cloud(50, 3, nx=np.full(50, -0.0, np.float32), label=np.arange(50))
    for motion in (Motion.turn((0.0, 360, 0)), Motion.scaling(1.0), Motion.shifting((0.0, 0, 0))):
        assert moved(scene, motion) == scene


def test_a_shift_changes_positions_alone_and_a_scale_those_and_scales() -> None:
    scene = cloud(50, 3, label=np.arange(50))
    shifted, scaled = moved(scene, Motion.shifting((1.0, 2, 3))), moved(scene, Motion.scaling(2.0))
    for name in scene.fields:
        assert (shifted[name].tobytes() == scene[name].tobytes()) == (name not in fields.POSITION)
        assert (scaled[name].tobytes() == scene[name].tobytes()) == (
            name not in (*fields.POSITION, *fields.SCALE)
        )
    np.testing.assert_array_equal(
        shifted.xyz, (scene.xyz.astype(float) + np.array((1.0, 2, 3))).astype(np.float32)
    )
    np.testing.assert_allclose(scaled["scale_1"], scene["scale_1"] + np.log(2), rtol=1e-6)


def test_a_turn_by_a_right_angle_is_exact() -> None:
    scene = cloud(50)
    turned = moved(scene, Motion.turn((0.0, 0, 90)))
    np.testing.assert_array_equal(turned["x"], -scene["y"])
    np.testing.assert_array_equal(turned["y"], scene["x"])
    assert turned["z"].tobytes() == scene["z"].tobytes()


def test_turns_are_about_x_then_y_then_z() -> None:
    one = Motion.turn((10.0, 20, 30))
    steps = Motion.turn((10.0, 0, 0)).then(Motion.turn((0.0, 20, 0))).then(Motion.turn((0.0, 0, 30)))
    np.testing.assert_array_equal(one.linear, steps.linear)
    np.testing.assert_allclose(Motion.turn((90.0, 0, 0)).linear @ (0, 1, 0), (0, 0, 1))
    np.testing.assert_allclose(np.linalg.det(one.linear), 1)


@pytest.mark.parametrize("one", upwards.WAYS)
@pytest.mark.parametrize("other", upwards.WAYS)
def test_the_least_turn_from_one_way_to_another_is_one(one: str, other: str) -> None:
    a, b = upwards.WAYS[one], upwards.WAYS[other]
    linear = Motion.least_turn(a, b).linear
    np.testing.assert_array_equal(linear @ a, b)
    np.testing.assert_array_equal(linear @ linear.T, np.eye(3))
    assert np.linalg.det(linear) == pytest.approx(1)
    assert np.trace(linear) == {1: 3, 0: 1, -1: -1}[int(np.dot(a, b))]  # 1 + 2 cos of its angle


def test_motions_in_one_are_motions_in_turn() -> None:
    points = np.random.default_rng(0).normal(0, 1, (3, 40))
    one, two = MOTIONS["all of it"], MOTIONS["mirrored and turned"]
    both, step = one.then(two), applied(one.linear, points) + one.shift[:, None]
    np.testing.assert_allclose(
        applied(both.linear, points) + both.shift[:, None], applied(two.linear, step) + two.shift[:, None]
    )


def test_points_move_with_their_normals() -> None:
    rng = np.random.default_rng(0)
    made = {name: rng.normal(0, 1, 30).astype(np.float32) for name in (*fields.POSITION, *fields.NORMAL)}
    made["nx"][:3] = made["ny"][:3] = made["nz"][:3] = 0
    scene = GaussianCloud.from_columns(made, intensity=np.arange(30, dtype=np.uint16))
    motion = MOTIONS["all of it"]
    after = moved(scene, motion)
    np.testing.assert_allclose(after.xyz, scene.xyz @ motion.linear.T + motion.shift, atol=1e-6)
    normals, before = (each.columns(fields.NORMAL) for each in (after, scene))
    np.testing.assert_allclose(normals, motion.linear / 0.2 @ before, atol=1e-6)
    assert normals[:, :3].tobytes() == before[:, :3].tobytes()
    assert after["intensity"].tobytes() == scene["intensity"].tobytes()


def test_points_alone_may_be_stretched_and_their_normals_stay_upright() -> None:
    rng = np.random.default_rng(0)
    along = rng.normal(0, 1, (3, 2, 40))  # two directions in a surface
    normal = np.cross(along[:, 0], along[:, 1], axis=0)
    normal /= np.linalg.norm(normal, axis=0)
    made = dict(zip((*fields.POSITION, *fields.NORMAL), (*rng.normal(0, 1, (3, 40)), *normal), strict=True))
    motion = Motion(rng.normal(0, 1, (3, 3)), np.zeros(3))
    after = moved(GaussianCloud.from_columns(made), motion).columns(fields.NORMAL)
    for way in (along[:, 0], along[:, 1]):
        np.testing.assert_allclose((after * (motion.linear @ way)).sum(0), 0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(after, axis=0), 1)


def test_a_rotation_of_few_digits_is_made_one_to_the_last() -> None:
    written = np.eye(4)
    written[:3, :3] = 2.5 * np.round(MOTIONS["turned"].linear, 6)
    found = Motion.of_matrix(written).similarity
    assert found is not None
    assert found[0] == pytest.approx(2.5, rel=1e-5)
    np.testing.assert_allclose(found[1] @ found[1].T, np.eye(3), atol=1e-15)


@pytest.mark.parametrize("linear", [np.diag([1.0, 1, 1.1]), np.zeros((3, 3)), np.diag([1.0, 1, 0])])
def test_what_gaussians_cannot_follow_is_refused(linear: Array) -> None:
    with pytest.raises(UsageError, match="stretches"):
        Motion(linear, np.zeros(3)).require(cloud(1).fields)
    Motion(linear, np.zeros(3)).require(fields.POSITION)


@pytest.mark.parametrize("factor", [1e-300, 1e-170, 1e170, 1e300])
def test_a_scale_is_one_however_far_from_one_it_is(factor: float) -> None:
    found = Motion.turn((20.0, -70, 145)).then(Motion.scaling(factor)).similarity
    assert found is not None
    assert np.isclose(found[0], factor, rtol=1e-12)


def test_lengths_beyond_floats_are_no_scale() -> None:
    turn = np.array([[2.0, -1, 2], [2, 2, -1], [-1, 2, 2]])  # three times a rotation
    assert Motion(turn * 0.5e308, np.zeros(3)).similarity is not None
    assert Motion(turn * 0.8e308, np.zeros(3)).similarity is None


def test_densities_are_turned_and_not_scaled() -> None:
    names = ("density", *fields.POSITION, *fields.SCALE, *fields.ROTATION)
    Motion.turn((1.0, 2, 3)).require(names)
    with pytest.raises(UsageError, match="unit of length"):
        Motion.scaling(2.0).require(names)


def test_harmonics_of_no_degree_are_refused_where_they_would_turn() -> None:
    names = (*cloud(1, 1).fields, "f_rest_9")
    Motion.shifting((1.0, 0, 0)).require(names)
    with pytest.raises(InputError, match="of no degree"):
        Motion.turn((1.0, 0, 0)).require(names)


def test_positions_that_could_not_be_stored_are_refused() -> None:
    scene = GaussianCloud.from_columns(x=np.arange(3, dtype=np.int16), y=np.zeros(3), z=np.zeros(3))
    with pytest.raises(InputError, match="stores x as int16"):
        moved(scene, Motion.shifting((0.5, 0, 0)))
    with pytest.raises(InputError, match="beyond what float32 holds"):
        moved(cloud(3), Motion.scaling(1e39))
    with pytest.raises(InputError, match="no x, y and z"):
        Motion.scaling(1.0).require(("a", "b"))


def test_what_is_not_finite_moves_and_stays_so() -> None:
    scene = cloud(4, 1, x=np.array([np.nan, np.inf, 1, 2], np.float32))
    after = moved(scene, MOTIONS["all of it"])
    assert np.isfinite(after.xyz).all(1).tolist() == [False, False, True, True]
