"""What a look at a scene sees, and what follows from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gscli import fields, rasterizers, scene
from gscli.cameras import Camera
from gscli.progress import nothing
from gscli.simplifying import look
from gscli.simplifying.look import Look
from tests.drawn import ORBIT, cloud

ENGINE = rasterizers.chosen("auto")  # on the CPU
pytestmark = pytest.mark.compiled


def test_what_is_hidden_is_not_seen() -> None:
    """A wall between the camera and half of a scene."""
    given = cloud(101, opacity=np.full(101, 6, np.float32))
    columns = {name: given[name] for name in given.fields}
    way = ORBIT.position / np.linalg.norm(ORBIT.position)
    for axis, name in enumerate(fields.POSITION):
        columns[name] = (columns[name] * 0.3 - way[axis]).astype(np.float32)
        columns[name][100] = 0.2 * way[axis]
    for name in fields.SCALE:
        columns[name][100] = 1.0
    found = Look.at(given.with_columns(columns), "scene", [ORBIT, ORBIT], ENGINE, nothing)
    assert found.seen[100] > 0.9 * 2 * ORBIT.width * ORBIT.height
    assert found.seen[:100].sum() < 0.05 * found.seen[100]
    assert len(found.pictures) == len(found.cameras) == len(found.large) == 2


def test_a_scene_looks_like_itself_and_less_like_another() -> None:
    given = scene.make(800)
    cameras = look.from_where(given, None, None, 100)
    found = Look.at(given, "scene", cameras, ENGINE, nothing)
    assert (len(cameras), len(look.from_where(given, None, None, 400))) == (10, 8)
    assert found.error(look.drawn(given, "scene", ENGINE)) == 0
    assert found.error(look.drawn(given[:700], "scene", ENGINE)) > 0
    assert not found.corrections(look.drawn(given, "scene", ENGINE), 800).any()


def test_colours_are_corrected_towards_what_was_seen() -> None:
    given = scene.make(800, sh_degree=0)
    found = Look.at(given, "scene", look.from_where(given, None, 6, 800), ENGINE, nothing)
    pale = given.with_columns({name: given[name] * np.float32(0.8) for name in fields.SH_DC})
    before = look.drawn(pale, "scene", ENGINE)
    change = found.corrections(before, 800)
    better = pale.with_columns(
        {name: (pale[name] + change[:, i]).astype(np.float32) for i, name in enumerate(fields.SH_DC)}
    )
    assert found.error(look.drawn(better, "scene", ENGINE)) < 0.3 * found.error(before)


def test_of_many_cameras_some_are_taken_evenly_and_their_pictures_made_small() -> None:
    cameras = [replace(ORBIT, name=f"{i}", width=1600, height=800) for i in range(100)]
    found = look.small(cameras, 4, 160 * 160)
    assert [camera.name for camera in found] == ["12", "37", "62", "87"]
    assert {(camera.width, camera.height) for camera in found} == {(226, 113)}
    few: list[Camera] = look.small(cameras[:3], 24, 1 << 40)
    assert [camera.name for camera in few] == ["0", "1", "2"]
    assert few[0].width == 1600


def test_larger_pictures_are_halves_of_what_is_looked_at() -> None:
    """Each half of odd sides has the line between both, and shows what the whole picture does there."""
    given = scene.make(
        800
    )  # of small Gaussians: footprints of large ones are bounded by how far out they are
    small = given.with_columns({name: given[name] - np.float32(2) for name in fields.SCALE})
    odd, drawn = replace(ORBIT, width=81, height=61), look.drawn(small, "scene", ENGINE)
    whole = drawn.draw(odd).color
    assert whole is not None
    assert whole.std() > 0.01
    parts: list[tuple[slice, ...]] = [
        (slice(None), slice(40, None)),
        (slice(None), slice(41)),
        (slice(30, None),),
        (slice(31),),
    ]
    for which, part in enumerate(parts):
        found = drawn.draw(look.half(odd, which)).color
        assert found is not None
        assert (np.abs(found - whole[part]) < 1e-3).mean() > 0.99
    narrow = replace(ORBIT, width=1, height=1)
    assert {(each.width, each.height) for each in map(look.half, [narrow] * 4, range(4))} == {(1, 1)}
    assert len(look.enlarged([ORBIT] * 9)) == 4
