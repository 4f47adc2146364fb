"""The first run of a newcomer, and the commands that look at the machine."""

import json
import re
import shlex
import tempfile

import numpy as np
import pytest
from click.testing import CliRunner

import gscli
from gscli import _core, doctor, formats
from gscli.cli import main
from gscli.errors import EngineUnavailable, GscliError
from gscli.simplifying import judging


def run(*args):
    return CliRunner().invoke(main, args, catch_exceptions=False)


def test_a_demo_that_finds_no_room_leaves_no_folder(tmp_path, monkeypatch):
    def full(*args, **settings):
        raise GscliError("cannot be written")

    monkeypatch.setattr(formats, "write", full)
    (tmp_path / "mine").mkdir()
    for name in ("new", "mine"):
        assert CliRunner().invoke(main, ["demo", "--out-dir", str(tmp_path / name)]).exit_code == 1
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert CliRunner().invoke(main, ["demo"]).exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.once
def test_a_demo_makes_a_scene_thins_it_and_says_what_to_try(tmp_path):
    result = run("demo", "--out-dir", str(tmp_path))
    assert result.exit_code == 0
    points = len(gscli.read(tmp_path / "scene.ply"))
    assert f"Made {tmp_path / 'scene.ply'}: {points:,} points." in result.stderr
    for method in ("half-density", "one-per-grid", "k-per-grid"):
        kept = len(gscli.read(tmp_path / f"{method}.ply"))
        assert f"{method}: kept {kept:,} points" in result.stderr
        assert 0 < kept < points
    commands = [line.split() for line in result.stderr.splitlines() if line.startswith("  gscli ")]
    assert len(commands) == 3 + _core.available()
    page = (tmp_path / "before-and-after.html").read_text()
    assert ("How they look" in page) == _core.available()
    quarters = [tmp_path / f"quarter-{how}.ply" for how in ("resampled", "compensated", "simplified")]
    assert [path.exists() for path in quarters] == [_core.available()] * 3
    if _core.available():
        assert {len(gscli.read(path)) for path in quarters} == {points // 4}
        for path in quarters:
            assert run("verify", str(tmp_path / "scene.ply"), str(path)).exit_code == 0
    for command in commands:
        assert run(*command[1:]).exit_code == 0, command


@pytest.mark.once
@pytest.mark.compiled
def test_a_demo_shows_the_whole_and_three_quarters_side_by_side_with_their_psnr(tmp_path):
    gscli.write(tmp_path / "scene.ply", gscli.scene.make(4000))
    result = run("demo", str(tmp_path / "scene.ply"), "--out-dir", str(tmp_path / "out"))
    page = (tmp_path / "out/side-by-side.html").read_text()
    psnr = [
        float(found) for found in re.findall(r": PSNR ([\d.]+) dB, [\d.]+ of the worst view\n", result.stderr)
    ]
    assert len(psnr) == 3
    assert psnr[0] < psnr[1] < psnr[2]
    assert [float(found) for found in re.findall(r"PSNR ([\d.]+) dB", page)] == psnr
    assert f"in {judging.VIEWS} views around the scene" in page
    assert re.findall(r"<b>(.*?)</b>(.*?) Gaussians", page) == [
        ("the whole scene", "4,000"),
        ("selected by resample", "1,000"),
        ("selected, opacity compensated", "1,000"),
        ("merged by simplify", "1,000"),
    ]
    assert page.count('src="data:image/webp;base64,') == 12
    assert str(tmp_path / "out/side-by-side.html") in result.stderr
    assert page == page.replace("http:", "").replace("https:", "")


def test_a_demo_on_splats_that_are_not_merged_shows_no_quarters(tmp_path, make_scene):
    flat = make_scene(300).rows
    names = [name for name in flat.dtype.names if name != "scale_2"]
    gscli.write(tmp_path / "flat.ply", gscli.GaussianCloud(flat[names].copy()))
    done = run("demo", str(tmp_path / "flat.ply"), "--out-dir", str(tmp_path / "out"))
    assert done.exit_code == 0
    assert not (tmp_path / "out" / "side-by-side.html").exists()


def test_a_demo_on_a_scene_of_the_users_leaves_it_alone(tmp_path, scene_file):
    before = scene_file.read_bytes()
    result = run("demo", str(scene_file), "--out-dir", str(tmp_path / "out"))
    assert result.stderr.startswith(f"Read {scene_file}: 500 points.")
    assert scene_file.read_bytes() == before


def test_a_demo_on_points_alone_compares_them_alone(tmp_path):
    gscli.write(tmp_path / "points.ply", gscli.GaussianCloud.from_columns(x=[0.0, 1], y=[0.0, 1], z=[0.0, 1]))
    done = run("demo", str(tmp_path / "points.ply"), "--out-dir", str(tmp_path / "out"))
    assert done.exit_code == 0
    assert "How they look" not in (tmp_path / "out" / "before-and-after.html").read_text()


def test_a_demo_on_nothing_has_no_page(tmp_path):
    gscli.write(tmp_path / "none.ply", gscli.GaussianCloud.from_columns(x=[], y=[], z=[]))
    assert run("demo", str(tmp_path / "none.ply"), "--out-dir", str(tmp_path / "out")).exit_code == 0
    assert not (tmp_path / "out" / "before-and-after.html").exists()


def test_a_demo_does_not_overwrite_without_leave(tmp_path):
    (tmp_path / "scene.ply").write_text("mine")
    assert run("demo", "--out-dir", str(tmp_path)).exit_code == 4
    assert (tmp_path / "scene.ply").read_text() == "mine"


def test_overwriting_nothing_in_a_new_folder_is_refused():
    result = run("demo", "--overwrite")
    assert result.exit_code == 2
    assert "--out-dir" in result.stderr


def test_a_demo_that_is_refused_writes_nothing(tmp_path, scene_file):
    (tmp_path / "k-per-grid.ply").write_text("mine")
    before = sorted(p.name for p in tmp_path.iterdir())
    assert run("demo", str(scene_file), "--out-dir", str(tmp_path)).exit_code == 4
    assert run("demo", str(tmp_path / "missing.ply"), "--out-dir", str(tmp_path / "new")).exit_code == 3
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_a_demo_does_not_replace_its_own_scene(tmp_path, scene_file):
    scene = scene_file.rename(tmp_path / "half-density.ply")
    before = scene.read_bytes()
    result = run("demo", str(scene), "--out-dir", str(tmp_path), "--overwrite")
    assert result.exit_code == 2
    assert "is an input" in result.stderr
    assert scene.read_bytes() == before


def test_what_a_demo_says_to_try_can_be_pasted(tmp_path, scene_file):
    folder = tmp_path / "it's my demo"
    lines = run("demo", str(scene_file), "--out-dir", str(folder)).stderr.splitlines()
    tries = [shlex.split(line) for line in lines if line.startswith("  gscli ")]
    assert tries[0] == ["gscli", "info", str(folder / "half-density.ply")]


def test_doctor_finds_what_works_and_what_is_missing(monkeypatch):
    findings = {(f["kind"], f["name"]): f for f in json.loads(run("doctor", "--json").output)["findings"]}
    assert findings["device", "cpu"]["works"]
    assert findings["engine", "kdtree"]["works"]
    assert findings["format", "ply"]["works"]
    assert findings["system", "numpy"]["detail"] == np.__version__

    def missing(name):
        raise EngineUnavailable(f"no {name} here", remedy="pip install it, or use `device='cpu'`")

    monkeypatch.setattr(doctor.device, "resolve", missing)
    monkeypatch.setitem(doctor.EXTRAS, "torch", (("a_package_that_is_not_there",), "nothing"))
    said = run("doctor").output
    assert "  no  cuda" in said
    assert re.search(r"^  no  triton-walk +no cuda here; pip install it", said, re.MULTILINE)
    assert "no cuda here; pip install it, or use --device cpu" in said
    assert "pip install a_package_that_is_not_there" in said


def test_doctor_says_what_a_format_lacks(monkeypatch):
    missing = ("PIL", "lazrs")
    monkeypatch.setattr("gscli.formats._format.find_spec", lambda name: None if name in missing else name)
    sog, las, ply = (
        next(f for f in doctor.examine() if (f.kind, f.name) == ("format", name))
        for name in ("sog", "las", "ply")
    )
    assert (sog.works, las.works, ply.works) == (False, True, True)
    assert sog.detail.endswith("; PIL is missing")
    assert las.detail.endswith("; lazrs is missing, for some files")
    assert (sog.remedy, las.remedy) == ("pip install pillow", "pip install lazrs")
    assert ply.remedy == ""


def test_doctor_says_that_a_file_is_no_place_for_a_cache(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    for folder, works in (("file", False), ("file/below", False), ("new/folder", True)):
        monkeypatch.setenv("GSCLI_CACHE_DIR", str(tmp_path / folder))
        (found,) = (f for f in doctor.examine() if f.kind == "cache")
        assert found.works is works, folder
