"""Frames of a page: from all around, of one scene or two, and their difference."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gscli import view
from gscli.cameras import turntable
from gscli.cameras.orbit import box
from gscli.cloud import GaussianCloud
from gscli.errors import InputError, UsageError
from tests.drawn import cloud

SMALL: dict[str, Any] = {"turns": 4, "size": (40, 30)}


def pixels(frame: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(frame)).convert("RGB"), int)


@pytest.mark.compiled
def test_a_page_on_which_nothing_is_seen_says_so() -> None:
    assert view(cloud(50), near=1e9, **SMALL).notes == (
        "nothing is seen: they look elsewhere, or all is too near",
    )


def test_a_turntable_keeps_its_distance_and_sees_everything() -> None:
    xyz = np.random.default_rng(0).normal(size=(900, 3)) * [5, 1, 1]
    low, high = box(xyz)
    corners = np.stack(np.meshgrid(*zip(low, high, strict=True)), -1).reshape(-1, 3)
    cameras = turntable(xyz, 12, (0.2, 0.6), 40, 30, up=(0, 0, 1))
    assert len({camera.name for camera in cameras}) == 24
    distances = [np.linalg.norm(camera.position - (low + high) / 2) for camera in cameras]
    np.testing.assert_allclose(distances, distances[0])
    for camera in cameras:
        seen = corners @ camera.world_to_camera[:3, :3].T + camera.world_to_camera[:3, 3]
        u, v = (
            camera.fx * seen[:, 0] / seen[:, 2] + camera.cx,
            camera.fy * seen[:, 1] / seen[:, 2] + camera.cy,
        )
        assert ((u > 0) & (u < 40) & (v > 0) & (v < 30)).all()
    rises = [(camera.position - (low + high) / 2)[2] / distances[0] for camera in cameras]
    np.testing.assert_allclose(rises, [0.2] * 12 + [0.6] * 12)


@pytest.mark.compiled
def test_one_scene_has_one_panel() -> None:
    found = view(cloud(200), **SMALL)
    assert [len(panel) for panel in found.frames] == [8]
    assert (found.turns, found.rises, found.psnr) == (4, (0.2, 0.55), ())
    assert pixels(found.frames[0][0]).shape == (30, 40, 3)
    told = found.to_dict()
    assert told["schema"] == "gscli/view/1"
    assert told["scenes"] == [{"path": "source", "format": "ply", "points": 200, "bytes": None}]
    assert "frames" not in told


@pytest.mark.compiled
def test_two_scenes_have_their_difference_and_how_large_it_is() -> None:
    whole = cloud(300)
    found = view((whole[::2], whole), background="white", **SMALL)
    assert [len(panel) for panel in found.frames] == [8, 8, 8]
    for a, b, apart, decibels in zip(*found.frames, found.psnr, strict=True):
        wanted = np.abs(pixels(a) - pixels(b)) * found.brighter
        assert np.abs(wanted.clip(0, 255) - pixels(apart)).mean() < 25
        assert decibels is not None
        assert 5 < decibels < 60
    same = view([whole, whole], **SMALL)
    assert set(same.psnr) == {None}
    assert max(pixels(frame).max() for frame in same.frames[2]) <= 2


@pytest.mark.compiled
def test_the_same_scene_makes_the_same_frames() -> None:
    assert view(cloud(100), **SMALL).frames == view(cloud(100), **SMALL).frames


@pytest.mark.compiled
def test_densities_are_seen_through() -> None:
    made = cloud(100)
    names = [n for n in made.fields if n != "opacity" and not n.startswith("f_dc")]
    bare = GaussianCloud.from_columns({n: made[n] for n in names}, density=made["opacity"])
    found = view(bare, **SMALL)
    assert found.xray
    assert pixels(found.frames[0][0]).max() > 100
    with pytest.raises(InputError, match="holds densities, and target colours"):
        view((bare, made), **SMALL)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"turns": 3}, "whole number from 4 to 360"),
        ({"turns": 4.0}, "whole number from 4 to 360"),
        ({"background": "transparent"}, "cannot be transparent"),
        ({"size": "big"}, "WIDTHxHEIGHT"),
        ({"rasterizer": "gpu"}, "no rasterizer 'gpu'"),
        ({"up": "w"}, "is no direction"),
        ({"trust_pickle": True}, "no effect on clouds in memory"),
    ],
)
def test_options_that_cannot_be_honoured_are_refused(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        view(cloud(3), **settings)


def test_one_scene_or_two() -> None:
    for given in ([], [cloud(1)] * 3):
        with pytest.raises(UsageError, match="one scene or two"):
            view(given)
    with pytest.raises(UsageError, match="stdin can be one"):
        view(["-", "-"])


@pytest.mark.compiled
def test_what_cannot_be_drawn_is_refused() -> None:
    points = GaussianCloud.from_columns(x=[0.0], y=[0.0], z=[0.0])
    for made, told in ((points, "points alone"), (cloud(0), "has no points")):
        with pytest.raises(InputError, match=told):
            view(made)
