"""What `gscli.info` counts as wrong with a scene."""

from __future__ import annotations

import numpy as np
import pytest

import gscli
from gscli.info import describe
from gscli.report.info import summary


@pytest.fixture
def flawed(make_scene):
    """Ten each: no opacity, no scale, an infinite scale, no rotation, half a colour, no position."""
    scene = make_scene(300, 1)
    rows = scene.rows
    rows["opacity"][:10] = np.nan
    rows["scale_1"][10:20] = np.nan
    rows["scale_2"][20:30] = np.inf
    for name in ("rot_0", "rot_1", "rot_2", "rot_3"):
        rows[name][30:40] = 0
    rows["f_rest_3"][40:50] = -np.inf
    rows["x"][50:60] = np.nan
    rows["opacity"][55:80] = np.nan
    rows["opacity"][100:110] = np.inf  # wholly solid, or not there at all
    rows["scale_0"][110:120] = -np.inf  # flat
    return scene


def test_gaussians_that_no_renderer_can_draw_are_counted(flawed, tmp_path):
    gscli.write(tmp_path / "x.ply", flawed)
    found = gscli.info(tmp_path / "x.ply")
    assert (found.invalid, found.not_finite, found.unrotated) == (10, 60, 10)
    assert found.to_dict()["invalid"] == {
        "points": 10,
        "first_row": 50,
        "not_finite": 60,
        "unrotated": 10,
    }
    assert (
        "  flawed    60 Gaussians with a value that is not finite, 10 Gaussians without a rotation"
        in summary(found)
    )


def test_a_scene_without_flaws_says_nothing_of_them(make_scene):
    found = describe(make_scene(50, 0))
    assert (found.not_finite, found.unrotated) == (0, 0)
    assert not any("flawed" in line for line in summary(found))


def test_points_are_no_gaussians_and_have_no_flaws_of_theirs(tmp_path):
    gscli.write(tmp_path / "x.npy", np.zeros((5, 3)))
    found = gscli.info(tmp_path / "x.npy")
    assert (found.not_finite, found.unrotated) == (None, None)
    assert not any("flawed" in line for line in summary(found))
