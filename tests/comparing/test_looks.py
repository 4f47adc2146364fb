"""How alike two scenes look: the numbers are those of their pictures, whatever moves or hides them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gscli import compare, fields, render, write
from gscli.cloud import GaussianCloud
from gscli.errors import InputError, UsageError
from gscli.rendering.metrics import Likeness
from tests.drawn import cloud

pytestmark = pytest.mark.compiled

SMALL: dict[str, Any] = {"render": True, "size": (48, 40), "views": 3}


@pytest.fixture
def scene() -> GaussianCloud:
    return cloud(400, 1)


@pytest.fixture
def other(scene: GaussianCloud) -> GaussianCloud:
    return scene[::2]


def test_numbers_are_those_of_the_pictures_that_render_writes(
    scene: GaussianCloud, other: GaussianCloud, tmp_path: Path
) -> None:
    found = compare(other, scene, **SMALL).render
    assert found is not None
    poses = _cameras(tmp_path, scene)
    again = compare(other, scene, render=True, cameras=poses).render
    for looks, background in ((again, "black"), (again.on_white, "white")):
        likeness = Likeness()
        for place in ("a", "b"):
            render(
                other if place == "a" else scene,
                tmp_path / background / place,
                cameras=poses,
                file_type="npy",
                background=background,
            )
        for path in sorted((tmp_path / background / "a").iterdir()):
            a, b = np.load(path), np.load(tmp_path / background / "b" / path.name)
            likeness.add(path.stem, a, None, b, None)
        wanted = likeness.alike()
        for name in ("mean", "worst", "pooled"):
            assert getattr(looks.psnr, name) == pytest.approx(getattr(wanted.psnr, name), rel=1e-6)
        assert looks.ssim.mean == pytest.approx(wanted.ssim.mean, rel=1e-6)
    assert again.alpha_mae > 0
    assert 0 < again.covered <= 1


def _cameras(folder: Path, scene: GaussianCloud) -> Path:
    """Cameras around a scene, as the reference code writes them."""
    import json

    from gscli.cameras import orbit

    said = []
    for camera in orbit(scene.xyz, 3, 48, 40):
        turn = camera.world_to_camera[:3, :3].T
        lens = {"fx": camera.fx, "fy": camera.fy, "width": 48, "height": 40}
        said.append(
            {"img_name": camera.name, "position": camera.position.tolist(), "rotation": turn.tolist(), **lens}
        )
    path = folder / "cameras.json"
    path.write_text(json.dumps(said))
    return path


def test_a_scene_looks_like_itself(scene: GaussianCloud) -> None:
    result = compare(
        scene,
        scene,
        **SMALL,
        min_psnr=90,
        require=["render.ssim.worst >= 1", "render.on_white.psnr.worst > 200"],
    )
    found = result.render
    assert found is not None
    assert (found.psnr.mean, found.psnr.worst, found.psnr.pooled, found.psnr.foreground) == (None,) * 4
    assert found.psnr.identical == 3
    assert (found.ssim.mean, found.alpha_mae) == (1, 0)
    assert result.passed, "nothing differs, which no limit on PSNR is missed by"
    assert [str(gate).split(" is ")[1].split(",")[0] for gate in result.gates] == [
        "no difference",
        "1",
        "no difference",
    ]
    assert result.to_dict()["render"]["psnr"]["mean"] is None


def test_limits_are_held(scene: GaussianCloud, other: GaussianCloud) -> None:
    result = compare(other, scene, **SMALL, min_psnr=60, require="render.ssim.worst <= .999")
    assert [gate.passed for gate in result.gates] == [False, True]
    assert result.gates[0].metric == "render.psnr.mean"


def test_a_move_that_is_undone_changes_nothing(scene: GaussianCloud) -> None:
    """Cameras follow: harmonics, rotations and scales need not be turned."""
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = 2 * turn, (1, -2, 0.5)
    bare = GaussianCloud.from_columns({n: scene[n] for n in scene.fields if not n.startswith("f_rest")})
    xyz = bare.xyz.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
    w, x, y, z = (bare[f"rot_{i}"].astype(np.float64) for i in range(4))
    half = angle / 2
    turned = {
        "rot_0": np.cos(half) * w - np.sin(half) * z,
        "rot_1": np.cos(half) * x - np.sin(half) * y,
        "rot_2": np.cos(half) * y + np.sin(half) * x,
        "rot_3": np.cos(half) * z + np.sin(half) * w,
    }
    moved = {name: xyz[:, i] for i, name in enumerate("xyz")} | turned
    moved |= {f"scale_{i}": bare[f"scale_{i}"] + np.log(2) for i in range(3)}
    placed = GaussianCloud.from_columns(
        {n: np.asarray(moved.get(n, bare[n]), np.float32) for n in bare.fields}
    )
    for more in ({}, {"near": 3.0}):
        found = compare(bare, placed, transform=matrix, **SMALL, **more).render
        assert found is not None
        assert found.psnr.worst is None or found.psnr.worst > 90


def test_an_xray_that_is_moved_is_as_much_longer(scene: GaussianCloud) -> None:
    bare = _densities(scene)
    matrix = np.diag([3.0, 3, 3, 1])
    columns = {name: bare[name] * (3 if name in "xyz" else 1) for name in bare.fields}
    columns |= {f"scale_{i}": bare[f"scale_{i}"] + np.float32(np.log(3)) for i in range(3)}
    large = GaussianCloud.from_columns(
        {name: np.asarray(values, np.float32) for name, values in columns.items()}
    )
    found = compare(bare, large, transform=matrix, **SMALL).render
    assert found is not None
    assert (found.background, found.on_white, found.alpha_mae) == (None, None, None)
    assert found.psnr.worst is None or found.psnr.worst > 90
    assert found.data_range > 0


def _densities(scene: GaussianCloud) -> GaussianCloud:
    names = [name for name in scene.fields if name != "opacity" and not name.startswith("f_")]
    return GaussianCloud.from_columns({name: scene[name] for name in names}, density=scene["opacity"])


def test_the_worst_views_are_kept_to_be_shown(scene: GaussianCloud, other: GaussianCloud) -> None:
    result = compare(other, scene, **{**SMALL, "views": 7})
    assert result.evidence is not None
    kept = result.evidence.pictures
    assert [each.view for each in kept] == sorted(result.render.each, key=lambda view: view.psnr)[:3]
    assert kept[0].source.shape == (40, 48, 3)


def test_what_is_too_bright_to_be_shown_makes_no_view_worse(scene: GaussianCloud) -> None:
    """Colours beyond 1 are shown as 1, and that is what is compared."""
    bright = scene.with_columns({name: np.where(scene["x"] > 0, 9, scene[name]) for name in fields.SH_DC})
    brighter = bright.with_columns({name: bright[name] * np.float32(1.5) for name in fields.SH_DC})
    result = compare(brighter, bright, **{**SMALL, "views": 9})
    worst = sorted(result.render.each, key=lambda view: math.inf if view.psnr is None else view.psnr)
    assert [each.view for each in result.evidence.pictures] == worst[:3]


def test_an_artefact_of_what_is_judged_gains_nothing(scene: GaussianCloud) -> None:
    """The range of X-rays is that of the reference: a brighter one would flatter every other pixel."""
    reference, judged = _densities(scene), _densities(scene[::2])
    spoilt = judged.with_columns({"density": np.where(np.arange(len(judged)) == 5, 400, judged["density"])})
    found, worse = (compare(each, reference, **SMALL).render for each in (judged, spoilt))
    assert found.data_range == worse.data_range
    assert worse.psnr.mean < found.psnr.mean
    assert worse.ssim.mean < found.ssim.mean
    said = compare(judged, reference, data_range=2 * found.data_range, **SMALL).render
    assert said.psnr.mean == pytest.approx(found.psnr.mean + 20 * math.log10(2))
    with pytest.raises(UsageError, match="no effect on colours, whose range is 1"):
        compare(scene, scene, data_range=2.0, **SMALL)
    with pytest.raises(UsageError, match="data_range must be a positive number"):
        compare(reference, reference, data_range=-1.0, **SMALL)


def test_the_document_says_all_that_decides_the_numbers(scene: GaussianCloud, other: GaussianCloud) -> None:
    told = compare(other, scene, **SMALL).to_dict()
    assert list(told["render"]) == [
        *("views", "width", "height", "cameras_sha256", "around", "engine", "background", "psnr", "ssim"),
        *("alpha_mae", "covered", "data_range", "on_white", "each"),
    ]
    assert list(told["render"]["psnr"]) == ["mean", "worst", "pooled", "foreground", "identical"]
    assert len(told["render"]["each"]) == told["render"]["views"] == 3
    assert told["options"]["render"] == {
        **{"views": 3, "size": [48, 40], "cameras": None, "up": "-y", "fov": 50.0, "near": None},
        **{"rasterizer": "auto", "data_range": None},
    }
    assert "render" in told["timings_s"]
    assert compare(other, scene).to_dict()["render"] is None


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"views": 3}, "`?views`? has no effect without `?render"),
        ({"cameras": "c.json"}, "`?cameras`? has no effect without `?render"),
        ({"rasterizer": "core"}, "`?rasterizer`? has no effect without `?render"),
        ({"min_psnr": 30}, "`?min_psnr`? has no effect without `?render"),
        ({"require": "render.ssim.mean > 0"}, "render.ssim.mean has no effect without `?render"),
        ({"render": True, "memory_limit": "4GB"}, "draws all Gaussians at once"),
        ({"render": True, "min_psnr": -1}, "number of dB over 0"),
        ({"render": True, "rasterizer": "gpu"}, "no rasterizer 'gpu'"),
        (
            {"render": True, "require": "render.each[0].psnr > 3"},
            "what is listed there cannot be required",
        ),
        ({"render": True, "require": "render.psnr > 3"}, "is no number, but holds mean, worst"),
        ({"render": True, "transform": np.diag([-1.0, 1, 1, 1])}, "a transform that stretches or mirrors"),
        ({"render": True, "transform": np.diag([2.0, 1, 1, 1])}, "a transform that stretches or mirrors"),
    ],
)
def test_options_that_cannot_be_honoured_are_refused(
    scene: GaussianCloud, settings: dict[str, Any], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        compare(scene, scene, **settings)


def test_scenes_that_cannot_be_drawn_are_refused_by_name(scene: GaussianCloud, tmp_path: Path) -> None:
    points = GaussianCloud.from_columns({name: scene[name] for name in "xyz"})
    write(tmp_path / "points.ply", points)
    with pytest.raises(InputError, match=r"points\.ply: has no opacity, scales and rotation"):
        compare(scene, tmp_path / "points.ply", **SMALL)
    with pytest.raises(InputError, match="source: holds densities, and target colours"):
        compare(_densities(scene), scene, **SMALL)
    with pytest.raises(InputError, match="is seen from none of 3 cameras"):
        compare(scene, scene, **SMALL, near=1e9)
