"""Pictures of scenes: which are drawn, where they go, and what is refused before anything is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gscli import _core, formats, render
from gscli.cloud import GaussianCloud
from gscli.errors import EngineUnavailable, InputError, UsageError, WriteRefused
from gscli.render import Rendered
from gscli.rendering.targets import stems
from tests.drawn import brute, cloud, look, psnr

SMALL = {"size": (40, 30)}


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    path = tmp_path / "scene.ply"
    formats.write(path, cloud(300, 1))
    return path


@pytest.fixture
def cameras(tmp_path: Path) -> Path:
    pose = {"position": [0, -0.2, -3], "rotation": np.eye(3).tolist()}
    lens = {"fx": 40, "fy": 40, "width": 44, "height": 36}
    path = tmp_path / "cameras.json"
    names = ("left/a.JPG", "right/a.png", "b c", "a_2")
    path.write_text(json.dumps([{"img_name": name, **pose, **lens} for name in names]))
    return path


@pytest.mark.compiled
def test_one_picture_of_a_scene(scene: Path, tmp_path: Path) -> None:
    result = render(scene, tmp_path / "shot.npy", **SMALL)
    assert isinstance(result, Rendered)
    (shot,) = result.shots
    assert (shot.width, shot.height, shot.camera) == (40, 30, "front")
    assert shot.seen > 0.2
    found = np.load(shot.path)
    assert found.shape == (30, 40, 3)
    assert found.dtype == np.float32
    assert (result.engine, result.mode, result.up) == ("core", "rgb", "-y, as trained scenes usually have it")


@pytest.mark.compiled
def test_a_camera_file_is_drawn_as_its_cameras_see_the_scene(
    scene: Path, cameras: Path, tmp_path: Path
) -> None:
    from gscli.cameras import files

    result = render(scene, tmp_path / "shots", cameras=cameras, file_type="npy")
    names = [Path(shot.path).name for shot in result.shots]
    assert names == ["a.npy", "a_2.npy", "b_c.npy", "a_2_2.npy"]
    assert result.up is None
    for shot, camera in zip(result.shots, files.read(cameras), strict=True):
        assert shot.camera == camera.name
        assert psnr(np.load(shot.path), brute(formats.read(scene), camera)["color"]) > 110


@pytest.mark.compiled
def test_one_of_the_cameras_by_name_or_number(scene: Path, cameras: Path, tmp_path: Path) -> None:
    for word in ("b c", 2, "2"):
        result = render(scene, tmp_path / "one.png", cameras=cameras, camera=word, overwrite=True)
        assert [shot.camera for shot in result.shots] == ["b c"]
    with pytest.raises(UsageError, match="has no camera 99"):
        render(scene, tmp_path / "two.png", cameras=cameras, camera="9" * 5000)
    with pytest.raises(UsageError, match=r"has no camera 9; give a number below 4, or a name: left/a.JPG"):
        render(scene, tmp_path / "one.png", cameras=cameras, camera=9, overwrite=True)
    with pytest.raises(UsageError, match=r"has 4 cameras, and .*one.png is one picture"):
        render(scene, tmp_path / "one.png", cameras=cameras, overwrite=True)


@pytest.mark.compiled
def test_a_width_alone_keeps_the_proportions_of_a_camera_file(
    scene: Path, cameras: Path, tmp_path: Path
) -> None:
    result = render(scene, tmp_path / "shots", cameras=cameras, size=22)
    assert {(shot.width, shot.height) for shot in result.shots} == {(22, 18)}
    result = render(scene, tmp_path / "one.png", size="22")
    assert (result.shots[0].width, result.shots[0].height) == (22, 22)


@pytest.mark.compiled
@pytest.mark.parametrize("mode", ["rgb", "alpha", "depth", "xray"])
def test_modes(scene: Path, tmp_path: Path, mode: str) -> None:
    result = render(scene, tmp_path / "shots", mode=mode, views=3, file_type="npy", **SMALL)
    assert len(result.shots) == 3
    for shot in result.shots:
        values = np.load(shot.path)
        assert values.shape == ((30, 40, 3) if mode == "rgb" else (30, 40))
        assert values.max() > 0
        assert (shot.span is None) == (mode in ("rgb", "alpha"))


@pytest.mark.compiled
def test_densities_are_seen_through_of_their_own_accord(tmp_path: Path) -> None:
    made = cloud(200)
    names = [name for name in made.fields if name != "opacity" and not name.startswith("f_dc")]
    bare = GaussianCloud.from_columns({name: made[name] for name in names}, density=made["opacity"])
    result = render(bare, tmp_path / "x.npy", **SMALL)
    assert result.mode == "xray"
    assert result.options["background"] is None
    with pytest.raises(UsageError, match="background"):
        render(bare, tmp_path / "y.npy", background="white", **SMALL)
    with pytest.raises(InputError, match="has no colours to be drawn in; render it with mode='xray'"):
        render(bare, tmp_path / "y.npy", mode="rgb", **SMALL)


@pytest.mark.compiled
def test_the_document_says_what_decides_the_pixels(scene: Path, tmp_path: Path) -> None:
    first = render(scene, tmp_path / "a.png", **SMALL).to_dict()
    again = render(scene, tmp_path / "b.png", **SMALL).to_dict()
    other = render(scene, tmp_path / "c.png", fov=60, **SMALL).to_dict()
    assert first["schema"] == "gscli/render/1"
    assert first["cameras_sha256"] == again["cameras_sha256"] != other["cameras_sha256"]
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert list(first) == [
        *("schema", "version", "input", "options", "engine", "cameras_sha256", "up", "outputs"),
        *("notes", "timings_s"),
    ]
    assert first["options"] == {
        **{"mode": "rgb", "background": "black", "views": 1, "cameras": None, "camera": None},
        **{"size": [40, 30], "up": "-y", "fov": 50.0, "near": None, "rasterizer": "auto", "axes": None},
    }


@pytest.mark.compiled
def test_it_says_where_nothing_is_seen(scene: Path, tmp_path: Path) -> None:
    result = render(scene, tmp_path / "shots", near=1e9, views=2, **SMALL)
    assert any("nothing is seen" in note for note in result.notes)


@pytest.mark.compiled
def test_existing_pictures_are_not_replaced_without_leave(scene: Path, tmp_path: Path) -> None:
    folder = tmp_path / "shots"
    render(scene, folder, views=2, **SMALL)
    with pytest.raises(WriteRefused, match="exists already"):
        render(scene, folder, views=3, **SMALL)
    assert len(list(folder.iterdir())) == 2
    render(scene, folder, views=3, overwrite=True, **SMALL)
    assert len(list(folder.iterdir())) == 3


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"mode": "rbg"}, r"`?mode`? 'rbg' is none there is; did you mean rgb"),
        ({"views": 3}, "asks for 3 pictures"),
        ({"views": 0}, "from 1 to 10,000"),
        ({"views": True}, "from 1 to 10,000"),
        ({"size": "12by13"}, "WIDTHxHEIGHT"),
        ({"size": (0, 5)}, "WIDTHxHEIGHT"),
        ({"size": (99_999, 5)}, "WIDTHxHEIGHT"),
        ({"fov": 0}, "degrees"),
        ({"fov": 1e-320}, "degrees, 0.1 to 170"),
        ({"fov": float("nan")}, "degrees"),
        ({"near": -1}, "number from 0"),
        ({"up": "w"}, "is no direction"),
        ({"camera": 3}, "no effect without `?cameras"),
        ({"cameras": "c.json", "up": "z"}, "no effect with `?cameras"),
        ({"cameras": "c.json", "views": 2}, "no effect with `?cameras"),
        ({"file_type": "png"}, "no effect on one picture"),
        ({"background": "pink"}, "is no colour"),
        ({"background": "white", "mode": "alpha"}, "no effect with"),
        ({"rasterizer": "gpu"}, "no rasterizer 'gpu'"),
    ],
)
def test_options_that_cannot_be_honoured_are_refused_before_anything_is_read(
    tmp_path: Path, settings: dict[str, Any], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        render(tmp_path / "none.ply", tmp_path / "shot.png", **settings)


@pytest.mark.parametrize("name", ["shot.gif", "shot.ply"])
def test_outputs_of_other_kinds_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="no picture is called"):
        render(tmp_path / "none.ply", tmp_path / name)


@pytest.mark.compiled
def test_scenes_that_are_no_gaussians_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    points = GaussianCloud.from_columns(x=[0.0, 1], y=[0.0, 1], z=[0.0, 1])
    for made, told in ((points, "points alone"), (cloud(0), "has no points")):
        with pytest.raises(InputError, match=told):
            render(made, tmp_path / "shots")
    assert not list(tmp_path.iterdir())


def test_without_compiled_kernels_it_says_so(
    scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gscli.runtime.libraries import Trouble

    monkeypatch.setattr(_core, "trouble", lambda: Trouble("are not built", "reinstall gscli"))
    with pytest.raises(EngineUnavailable, match="compiled kernels are not built; reinstall gscli"):
        render(scene, tmp_path / "shot.png")


def test_twenty_thousand_pictures_of_one_name_are_told_apart_at_once() -> None:
    some = look((1, 2, 3), width=2, height=2)
    names = stems([replace(some, name=f"{n}/rgb.png") for n in range(20_000)])
    assert names[:3] == ["rgb", "rgb_2", "rgb_3"]
    assert len(set(names)) == 20_000


def test_names_differ_on_disks_that_take_large_letters_for_small_and_fit_them() -> None:
    some = look((1, 2, 3), width=2, height=2)
    names = stems([replace(some, name=name) for name in ("A.png", "a.png", "a_2", "\u5bb6" * 120)])
    assert names[:3] == ["A", "a_2", "a_2_2"]
    assert len(names[3].encode()) == 99


def test_harmonics_counted_from_one_are_refused(tmp_path: Path) -> None:
    made = cloud(50, 1)
    columns = {n if "rest" not in n else f"f_rest_{int(n[7:]) + 1}": made[n] for n in made.fields}
    with pytest.raises(InputError, match="harmonics of no degree"):
        render(GaussianCloud.from_columns(columns), tmp_path / "a.png")


@pytest.mark.compiled
def test_an_xray_too_dense_for_numbers_is_bright(tmp_path: Path) -> None:
    made = cloud(50)
    dense = np.full(50, 1e38, np.float32)
    names = [n for n in made.fields if n != "opacity" and not n.startswith("f_dc")]
    bare = GaussianCloud.from_columns({n: made[n] for n in names}, density=dense)
    result = render(bare, tmp_path / "a.png", size=(30, 20))
    shown = np.asarray(Image.open(tmp_path / "a.png"))
    assert shown.max() == 255
    assert np.isfinite(result.shots[0].span).all()
