"""Cameras around what a scene is about: they see all of it, from above, and never move for nothing."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from gscli.cameras import Camera, around, front, orbit
from gscli.cameras.orbit import box
from gscli.errors import InputError
from gscli.files import upwards


def inside(camera: Camera, points: np.ndarray) -> np.ndarray:
    seen = points @ camera.world_to_camera[:3, :3].T + camera.world_to_camera[:3, 3]
    u, v = camera.fx * seen[:, 0] / seen[:, 2] + camera.cx, camera.fy * seen[:, 1] / seen[:, 2] + camera.cy
    return (seen[:, 2] > camera.near) & (u > 0) & (u < camera.width) & (v > 0) & (v < camera.height)


@pytest.mark.parametrize("way", upwards.WAYS)
@pytest.mark.parametrize("size", [(80, 80), (160, 90), (60, 200)])
@pytest.mark.parametrize("spread", [(1, 1, 1), (9, 1, 1), (1, 0.01, 30)])
def test_every_camera_sees_the_whole_box_upright_and_from_above(
    way: str, size: tuple[int, int], spread: tuple[float, float, float]
) -> None:
    xyz = np.random.default_rng(0).normal(size=(2000, 3)) * spread + [5, -3, 1]
    up = np.array(upwards.WAYS[way])
    low, high = box(xyz)
    corners = np.stack(np.meshgrid(*zip(low, high, strict=True)), -1).reshape(-1, 3)
    for camera in [*orbit(xyz, 12, *size, up=up), front(xyz, *size, up=up)]:
        assert inside(camera, corners).all()
        seen_up = camera.world_to_camera[:3, :3] @ up
        assert abs(seen_up[0]) < 1e-9, "the horizon is level"
        assert seen_up[1] < 0, "what is up is up in the picture"
        assert (camera.position - (low + high) / 2) @ up > 0, "from above"


def test_cameras_stand_all_around() -> None:
    xyz = np.random.default_rng(0).normal(size=(500, 3))
    ways = np.array([camera.position for camera in orbit(xyz, 24, 64, 64, up=(0, 0, 1))])
    turns = np.sort(np.degrees(np.arctan2(ways[:, 1], ways[:, 0])))
    assert np.diff(turns).max() < 45
    assert len({camera.name for camera in orbit(xyz, 24, 64, 64)}) == 24


def test_a_backdrop_is_not_what_a_scene_is_about() -> None:
    rng = np.random.default_rng(1)
    thing, sky = rng.normal(size=(900, 3)), rng.normal(size=(300, 3))
    sky *= 500 / np.linalg.norm(sky, axis=1)[:, None]
    low, high = box(np.concatenate([thing, sky]))
    assert np.abs([low, high]).max() < 5


@pytest.mark.parametrize("xyz", [[[1, 2, 3]], [[4e6, 5e5, 9]] * 50, [[np.nan, 0, 0], [1, 1, 1]]])
def test_points_of_one_place_can_be_looked_at(xyz: list[list[float]]) -> None:
    for camera in orbit(np.array(xyz), 3, 20, 20):
        assert inside(camera, np.array(xyz[-1:])).all()


@pytest.mark.parametrize("xyz", [np.empty((0, 3)), np.full((4, 3), np.inf)])
def test_nothing_cannot_be_looked_at(xyz: np.ndarray) -> None:
    with pytest.raises(InputError, match="no position"):
        orbit(xyz, 3, 20, 20)


def test_positions_too_far_apart_are_refused() -> None:
    with pytest.raises(InputError, match="too far apart"):
        orbit(np.array([[-3e307] * 3, [3e307] * 3] * 9) * 5, 3, 20, 20)


def test_an_orbit_does_not_depend_on_the_order_of_axes_of_an_array() -> None:
    xyz = np.random.default_rng(0).normal(size=(5000, 3)).astype(np.float32)
    a, b = (orbit(each, 4, 30, 30) for each in (xyz, np.asfortranarray(xyz)))
    for one, other in zip(a, b, strict=True):
        np.testing.assert_array_equal(one.world_to_camera, other.world_to_camera)


def test_views_are_the_same_cameras_on_every_processor() -> None:
    """BLAS adds up in another order on each; what is hashed must not."""
    code = (
        "import numpy as np; from gscli.cameras import around, digest, front, orbit; "
        "xyz = np.random.default_rng(4).normal(size=(500, 3)) * [1, 2, 3] + [5e5, 4e6, 100]; "
        "every = orbit(xyz, 12, 64, 48, up=(.3, -1, .2)), [front(xyz, 50, 50)], around(xyz, 5, 40); "
        "print(digest(sum(every, [])))"
    )
    told = set()
    for processor in ("Prescott", "Haswell"):
        env = {**os.environ, "OPENBLAS_CORETYPE": processor}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True
        )
        told.add(done.stdout)
    assert len(told) == 1


def test_cameras_all_around_look_from_below_too_and_every_other_one_closer() -> None:
    xyz = np.random.default_rng(0).uniform(-1, 1, (5000, 3)) * (3, 1, 2) + 5
    cameras = around(xyz, 10, 64)
    low, high = box(xyz)
    ways = np.array([camera.position for camera in cameras]) - (low + high) / 2
    far = np.linalg.norm(ways, axis=1)
    np.testing.assert_allclose(far[1::2] / far[0], 0.6)
    np.testing.assert_allclose(far[::2], far[0])
    ways /= far[:, None]
    assert np.abs(ways.mean(0)).max() < 0.1
    assert np.abs(ways).max() < 0.999  # along no axis of the scene
    assert all(inside(camera, xyz).mean() > 0.97 for camera in cameras[::2])
    assert {(camera.width, camera.height) for camera in cameras} == {(64, 64)}
