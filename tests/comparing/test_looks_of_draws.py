"""How alike a draw looks to its scene, and two models before and after they are pruned: as of `compare`."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from gscli import compare, write
from gscli.cli import main
from gscli.coprune import coprune
from gscli.errors import InputError, UsageError
from gscli.in_memory import as_cloud
from gscli.rendering import views
from gscli.resample import resample
from tests.drawn import cloud

pytestmark = pytest.mark.compiled


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "SIZE", (48, 40))
    monkeypatch.setattr(views, "VIEWS", 3)


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    path = tmp_path / "whole.ply"
    write(path, cloud(400, 1))
    return path


def test_every_draw_is_seen_as_compare_sees_it(whole: Path, tmp_path: Path) -> None:
    result = resample(whole, out_dir=tmp_path / "out", repeat=2, render=True)
    for output in result.outputs:
        assert output.render is not None
        seen = compare(output.path, whole, render=True).render
        assert replace(output.render, around=seen.around) == seen
    first, second = (output.render for output in result.outputs)
    assert first is not None
    assert second is not None
    assert first.cameras_sha256 == second.cameras_sha256
    assert first.psnr != second.psnr
    assert first.around.startswith("around the input; ")
    document = result.to_dict()
    assert document["outputs"][0]["render"]["psnr"]["mean"] == first.psnr.mean


def test_without_it_nothing_is_drawn(whole: Path, tmp_path: Path) -> None:
    result = resample(whole, tmp_path / "out.ply")
    assert result.outputs[0].to_dict()["render"] is None
    assert "render" not in result.timings


def test_models_are_seen_from_the_same_cameras_before_and_after(whole: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.ply"
    write(other, cloud(500, 1)[50:])
    pruned = coprune(whole, other, threshold="1spacing", min_points=1, out_dir=tmp_path / "out", render=True)
    assert pruned.render is not None
    before, after = pruned.render.before, pruned.render.after
    assert before.psnr == compare(whole, other, render=True).render.psnr
    assert after.cameras_sha256 == before.cameras_sha256
    assert after.psnr != before.psnr
    assert after.covered < before.covered
    assert pruned.to_dict()["render"]["after"]["ssim"]["mean"] == after.ssim.mean


@pytest.mark.parametrize("tool", ["resample", "coprune"])
def test_what_cannot_be_drawn_is_refused_before_anything_is_written(tool: str, tmp_path: Path) -> None:
    points = tmp_path / "points.ply"
    write(points, as_cloud(np.random.default_rng(0).random((300, 3))))
    run = (
        partial(resample, points, tmp_path / "out.ply")
        if tool == "resample"
        else partial(coprune, points, points, threshold=1.0, min_points=1, out_dir=tmp_path / "out")
    )
    with pytest.raises(InputError, match="points alone cannot be rendered"):
        run(render=True)
    assert [path.name for path in tmp_path.iterdir()] == ["points.ply"]


def test_pieces_and_renders_exclude_each_other(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="whatever memory_limit says"):
        resample(whole, tmp_path / "out.ply", render=True, memory_limit="2GB")


def test_people_are_told(whole: Path, tmp_path: Path) -> None:
    from click.testing import CliRunner

    done = CliRunner().invoke(main, ["resample", str(whole), str(tmp_path / "a.ply"), "--render"])
    assert done.exit_code == 0, done.output
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("looks"))
    assert re.match(r"looks    PSNR .* dB, .*; SSIM .*, of 3 views around the input; ", line)
    done = CliRunner().invoke(
        main, ["resample", str(whole), str(tmp_path / "b.ply"), "-m", "dense", "--render"]
    )
    assert "looks    equal in every pixel" in done.stderr
