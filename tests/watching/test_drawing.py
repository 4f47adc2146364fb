"""Models in training are drawn from cameras that stay, and measured as trainers measure renders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from gscli import _core, fields, rasterizers, write
from gscli.cli import main
from gscli.cloud import GaussianCloud
from gscli.errors import EngineUnavailable, InputError, UsageError
from gscli.rasterizers import core
from gscli.rendering.views import find
from gscli.runtime.libraries import Trouble
from gscli.splats import Splats
from gscli.training import DisagreementMonitor
from gscli.watch import watch
from gscli.watching import disagreement, drawing
from tests.drawn import cloud

SOON: dict[str, Any] = {"once": True, "every": 0.02}
SMALL: dict[str, Any] = {"render": True, "views": 2, "size": (40, 30)}


def save(run: Path, step: int, model: GaussianCloud) -> None:
    path = run / f"point_cloud/iteration_{step}/point_cloud.ply"
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, model, overwrite=True)


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    for name, first in (("a", 0), ("b", 10)):
        for step in (1, 2):
            save(tmp_path / name, step, cloud(200, 1, seed=first + step))
    return tmp_path / "a", tmp_path / "b"


def by_hand(a: GaussianCloud, b: GaussianCloud, around: GaussianCloud) -> tuple[float, float]:
    """The means over views of what two renders of one camera are told to differ by."""
    found = []
    for camera in find(drawing.asked(2, (40, 30)), around, "x").cameras:
        pictures = [core.Drawable(Splats.of(each)).draw(camera).color.clip(0, 1) for each in (a, b)]
        found.append(disagreement.renders(*pictures))
    return tuple(float(np.mean([each[f"corgs/render_{n}_diff"] for each in found])) for n in ("psnr", "ssim"))


def test_on_another_device_the_numbers_are_the_same(runs: tuple[Path, Path]) -> None:
    pytest.importorskip("torch")
    expected = [each.scalars for each in watch(runs, **SOON)]
    assert [each.scalars for each in watch(runs, device="torch-cpu", **SOON)] == expected
    said: list[str] = []
    assert [each.scalars for each in watch(runs, device="auto", say=said.append, **SOON)] == expected
    assert len(said) == 1
    assert said[0].startswith("device auto: cpu, as ")
    with pytest.raises(UsageError, match="no device"):
        next(watch(runs, device="tpu", **SOON))
    with pytest.raises(UsageError, match="device='auto' may be the CPU, where the triton rasterizer"):
        next(watch(runs, device="auto", rasterizer="triton", **SMALL, **SOON))


@pytest.mark.compiled
def test_models_are_drawn_where_they_are_searched(
    runs: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    real, asked = rasterizers.chosen, []
    monkeypatch.setattr(rasterizers, "chosen", lambda *told: asked.append(told) or real(*told))
    cpu, other = ("auto", None), ("auto", torch.device("cpu"))
    for device, expected in (("torch-cpu", [other]), ("auto", [cpu, cpu])):
        asked.clear()
        next(watch(runs, device=device, **SMALL, **SOON))
        assert asked == expected


@pytest.mark.compiled
def test_two_runs_have_all_four_scalars_at_every_step(runs: tuple[Path, Path]) -> None:
    measured = list(watch(runs, **SMALL, **SOON))
    assert [each.step for each in measured] == [1, 2]
    for each in measured:
        wanted = by_hand(*(cloud(200, 1, seed=s + each.step) for s in (0, 10)), cloud(200, 1, seed=1))
        names = ("corgs/render_psnr_diff", "corgs/render_ssim_diff")
        assert [each.scalars[name] for name in names] == pytest.approx(wanted)
        assert {"corgs/point_fitness", "corgs/point_rmse"} <= set(each.scalars)
    assert measured[0].cameras_sha256 == measured[1].cameras_sha256 is not None, "cameras stay"


@pytest.mark.compiled
def test_one_run_and_a_reference_have_theirs(runs: tuple[Path, Path], tmp_path: Path) -> None:
    write(tmp_path / "ref.ply", cloud(200, 1, seed=99))
    first, second = watch(runs[0], reference=tmp_path / "ref.ply", **SMALL, **SOON)
    around = cloud(200, 1, seed=99)
    assert "successive/render_psnr_diff" not in first.scalars
    models = [cloud(200, 1, seed=step) for step in (1, 2)]
    for tag, pair in (("successive", models), ("reference", (models[1], around))):
        wanted = by_hand(*pair, around)
        found = [second.scalars[f"{tag}/render_{name}_diff"] for name in ("psnr", "ssim")]
        assert found == pytest.approx(wanted)


@pytest.mark.compiled
def test_cameras_stay_over_a_restart(runs: tuple[Path, Path], tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    (first, _) = watch(runs, tensorboard=logs, **SMALL, **SOON)
    for run, seed in zip(runs, (3, 13), strict=True):
        far = cloud(200, 1, seed=seed)
        save(run, 3, far.with_columns({"x": far["x"] + np.float32(5)}))
    (third,) = watch(runs, tensorboard=logs, **SMALL, **SOON)
    assert third.step == 3
    assert third.cameras_sha256 == first.cameras_sha256
    with pytest.raises(UsageError, match="other views"):
        list(watch(runs, tensorboard=logs, **{**SMALL, "views": 3}, **SOON))


@pytest.mark.compiled
def test_densities_are_measured_by_their_own_range(tmp_path: Path) -> None:
    models = []
    for name, seed in (("a", 0), ("b", 1)):
        made = cloud(150, seed=seed)
        keep = [n for n in made.fields if n != "opacity" and not n.startswith("f_dc")]
        bare = GaussianCloud.from_columns({n: made[n] for n in keep}, density=made["opacity"] + np.float32(3))
        models.append(bare)
        save(tmp_path / name, 1, bare)
    (found,) = watch([tmp_path / "a", tmp_path / "b"], **SMALL, **SOON)
    cameras = find(drawing.asked(2, (40, 30)), models[0], "x").cameras
    shots = [[core.Drawable(Splats.of(each)).draw(c).xray for each in models] for c in cameras]
    top = max(float(image.max()) for pair in shots for image in pair)
    assert top > 1
    wanted = np.mean([disagreement.renders(*p, data_range=top)["corgs/render_psnr_diff"] for p in shots])
    assert found.scalars["corgs/render_psnr_diff"] == pytest.approx(float(wanted))


@pytest.mark.compiled
def test_models_that_cannot_be_drawn_are_measured_by_their_points_and_told_of_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        for step in (1, 2):
            made = cloud(50, seed=step)
            save(tmp_path / name, step, GaussianCloud.from_columns({n: made[n] for n in "xyz"}))
    told: list[str] = []
    measured = list(watch([tmp_path / "a", tmp_path / "b"], say=told.append, **SMALL, **SOON))
    assert [len(each.scalars) for each in measured] == [4, 4]
    assert [each.cameras_sha256 for each in measured] == [None, None]
    (said,) = told
    assert said.startswith("step 1 is not rendered: ")
    assert "points alone" in said


@pytest.mark.compiled
def test_what_is_seen_from_nowhere_is_said(runs: tuple[Path, Path]) -> None:
    told: list[str] = []
    (first, _) = watch(runs, say=told.append, near=1e9, **SMALL, **SOON)
    assert "corgs/render_psnr_diff" not in first.scalars
    assert len(told) == 1
    assert "is not seen from any camera" in told[0]


@pytest.mark.compiled
def test_the_command_draws_four_small_views(runs: tuple[Path, Path]) -> None:
    done = CliRunner().invoke(main, ["watch", *map(str, runs), "--render", "--once", "--every", "0.02"])
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[0]["scalars"]["corgs/render_psnr_diff"] > 5
    assert len(lines[0]["cameras_sha256"]) == 64
    assert (drawing.asked().count, drawing.asked().size) == (4, (400, 400))


def test_options_of_renders_are_refused_without_them(runs: tuple[Path, Path]) -> None:
    for name, value in (("views", 3), ("cameras", "c.json"), ("rasterizer", "core"), ("up", "z")):
        with pytest.raises(UsageError, match=f"{name}`? has no effect without"):
            list(watch(runs, **{name: value}, **SOON))


def test_without_compiled_kernels_it_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_core, "trouble", lambda: Trouble("are not built", "reinstall gscli"))
    with pytest.raises(EngineUnavailable, match="are not built"):
        next(iter(watch(tmp_path / "none", render=True)))


@pytest.mark.compiled
def test_colours_and_densities_are_nothing_to_compare() -> None:
    made = cloud(20)
    keep = [n for n in made.fields if n != "opacity" and not n.startswith("f_dc")]
    bare = GaussianCloud.from_columns({n: made[n] for n in keep}, density=made["opacity"])
    with pytest.raises(InputError, match="a: holds colours, and b densities"):
        drawing.Drawing(drawing.asked(1, 20)).renders(made, bare, ("a", "b"))


@pytest.mark.compiled
def test_models_that_are_dark_are_seen() -> None:
    dark = {name: np.full(80, -9, np.float32) for name in fields.SH_DC}
    a, b = (cloud(80, seed=seed, **dark) for seed in (1, 2))
    found = drawing.Drawing(drawing.asked(2, (40, 30))).renders(a, b, ("a", "b"))
    assert found["corgs/render_psnr_diff"] == pytest.approx(80)  # both are black


@pytest.mark.compiled
def test_what_xrays_span_is_settled_once(tmp_path: Path) -> None:
    made = [cloud(80, seed=seed) for seed in (1, 2)]
    keep = [n for n in made[0].fields if n != "opacity" and not n.startswith("f_")]
    models = [GaussianCloud.from_columns({n: m[n] for n in keep}, density=m["opacity"]) for m in made]
    denser = [m.with_columns({"density": m["density"] + np.float32(5)}) for m in models]
    drawn = drawing.Drawing(drawing.asked(2, (40, 30)))
    drawn.renders(*models, ("a", "b"))
    first = drawn.settled.data_range
    drawn.renders(*denser, ("a", "b"))
    assert drawn.settled.data_range == first
    again = drawing.Settled.from_dict(json.loads(json.dumps(drawn.settled.to_dict())))
    assert again.data_range == first
    assert [c.to_dict() for c in again.cameras] == [c.to_dict() for c in drawn.settled.cameras]
    said = drawing.Drawing(drawing.asked(2, (40, 30)), data_range=7.0)
    said.renders(*models, ("a", "b"))
    assert said.settled.data_range == 7.0
    with pytest.raises(UsageError, match="no effect on colours"):
        said.renders(*made, ("a", "b"))


@pytest.mark.compiled
def test_cameras_that_cannot_be_read_are_refused_before_anything_is_watched(runs: tuple[Path, Path]) -> None:
    with pytest.raises(InputError, match=r"none\.json"):
        next(watch(runs, render=True, cameras="none.json", **SOON))
    with pytest.raises(InputError, match=r"none\.json"):
        DisagreementMonitor(print, cameras="none.json")
