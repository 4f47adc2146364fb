"""Which way is up: asked for, said by the file, told by the ground, or as usual."""

from __future__ import annotations

import numpy as np
import pytest

from gscli import formats, scene
from gscli.cameras import upright
from gscli.cloud import GaussianCloud, Header
from gscli.errors import UsageError
from gscli.files import upwards
from tests.drawn import cloud


def ground(axis: int, side: int) -> GaussianCloud:
    """Flat discs on a plane at one end of an axis, and a few things above it."""
    rng = np.random.default_rng(axis)
    xyz = rng.normal(size=(900, 3))
    xyz[:, axis] = side * np.where(np.arange(900) < 700, rng.normal(0, 0.01, 900), -rng.uniform(0, 1, 900))
    scales = np.full((900, 3), -2.0)
    scales[:, axis] = -6
    columns = {name: xyz[:, i] for i, name in enumerate("xyz")}
    columns |= {f"scale_{i}": scales[:, i] for i in range(3)}
    columns |= {"rot_0": np.ones(900)} | {f"rot_{i}": np.zeros(900) for i in (1, 2, 3)}
    return cloud(900, **{name: np.asarray(values, np.float32) for name, values in columns.items()})


@pytest.mark.parametrize("way", upwards.WAYS)
def test_things_stand_on_their_ground(way: str) -> None:
    side = 1 if way.startswith("-") else -1
    found = upright.up(ground("xyz".index(way[-1]), side))
    assert (found.way, found.why) == (way, "by its ground")


def test_without_a_ground_it_is_as_usual() -> None:
    assert upright.up(cloud(500)).way == "-y"
    assert upright.up(cloud(0)).way == "-y"
    assert upright.up(GaussianCloud.from_columns(x=[0.0], y=[0.0], z=[0.0])).way == "z"


def test_what_is_asked_for_counts_and_then_what_the_file_says() -> None:
    told = GaussianCloud(cloud(5).rows, Header(comments=("up -z", "by hand", "Up: X")))
    assert upright.up(told).way == "x"
    assert upright.up(told).vector == (1, 0, 0)
    assert upright.up(told, "y").way == "y"


def test_made_scenes_say_which_way_is_up(tmp_path: object) -> None:
    path = f"{tmp_path}/made.ply"
    scene.write(path, 50)
    assert upright.up(formats.read(path)) == upright.Up("z", "as the file says")
    assert upright.up(scene.make(50)).way == "z"


def test_other_words_are_refused() -> None:
    with pytest.raises(UsageError, match=r"up 'zz' is no direction.*did you mean z"):
        upright.up(cloud(1), "zz")


def test_hostile_gaussians_have_an_up_all_the_same() -> None:
    names = ("x", "scale_0", "rot_0", "opacity")
    odd = np.resize(np.array([np.nan, np.inf, -np.inf, 3e38], np.float32), 80)
    assert upright.up(cloud(80, **dict.fromkeys(names, odd))).way in upwards.WAYS
