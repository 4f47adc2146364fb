"""A destination is looked up once, and only the format that it names is imported."""

import re
import subprocess
import sys

import numpy as np
import pytest

from gscli import formats, read, write
from gscli.compare import compare
from gscli.convert import convert
from gscli.coprune import coprune
from gscli.errors import EngineUnavailable, UsageError
from gscli.formats import FORMATS, Source, Target, _source, _target
from gscli.resample import resample


@pytest.fixture
def asked(monkeypatch) -> dict[str, list[str]]:
    """The destinations whose format was looked up, and the files whose content was."""
    found: dict[str, list[str]] = {"written": [], "read": []}
    format_of, identify = _target._format_of, _source.identify

    def written(path, like):
        found["written"].append(str(path))
        return format_of(path, like)

    def read(path):
        found["read"].append(str(path))
        return identify(path)

    monkeypatch.setattr(_target, "_format_of", written)
    monkeypatch.setattr(_source, "identify", read)
    return found


@pytest.mark.parametrize("target", ["half.ply", "a.b.ply", "half.npz", "-"])
def test_one_draw_looks_its_destination_up_once(scene_file, tmp_path, asked, target, capfdbinary):
    resample(scene_file, target if target == "-" else tmp_path / target, allow_lossy=True)
    assert len(asked["written"]) == 1
    assert asked["read"] == [str(scene_file)]


def test_five_draws_look_up_five_destinations(scene_file, tmp_path, asked):
    resample(scene_file, out_dir=tmp_path / "out", method="one-per-grid", repeat=5)
    assert len(asked["written"]) == len(set(asked["written"])) == 5
    assert asked["read"] == [str(scene_file)]


def test_a_folder_of_draws_looks_into_its_scene_once(make_scene, tmp_path, asked):
    write(f"{tmp_path}/scene/", make_scene(50, 0, normals=False), allow_lossy=True)
    asked["written"].clear()
    resample(tmp_path / "scene", out_dir=tmp_path / "out", method=["one-per-grid", "half-density"])
    assert len(asked["written"]) == 2
    assert asked["read"] == [str(tmp_path / "scene")]


def test_every_tool_that_writes_looks_its_destination_up_once(scene_file, tmp_path, asked):
    convert(scene_file, tmp_path / "x.y.npz")
    compare(scene_file, scene_file, distances=tmp_path / "far.away.ply", gaussians=False)
    assert len(asked["written"]) == 2
    coprune(scene_file, scene_file, threshold=1.0, min_points=1, out_dir=tmp_path / "pruned")
    assert len(asked["written"]) == 4
    assert set(asked["read"]) == {str(scene_file)}


@pytest.mark.parametrize(
    ("name", "imported"),
    [
        ("scene.ply", {"ply"}),
        ("a.b.ply", {"ply"}),
        ("scene.half-density.e0.ply", {"ply"}),
        ("scene.e0.compressed.ply", {"compressed_ply", "ply"}),
        ("x.v2.npz", {"npz", "npy"}),
    ],
)
def test_a_name_that_holds_dots_imports_the_format_it_ends_in_and_what_that_is_made_of(
    name, imported, tmp_path
):
    code = (
        "import sys, numpy, gscli; from gscli.cloud import GaussianCloud; from gscli import scene;"
        f"gscli.write({str(tmp_path / name)!r}, scene.make(300), allow_lossy=True);"
        f"gscli.read({str(tmp_path / name)!r});"
        "from gscli.formats import FORMATS;"
        "print(*[n for n in FORMATS.names() if f'gscli.formats.{n}' in sys.modules])"
    )
    said = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert set(said.split()) == imported


def test_a_target_says_what_will_be_lost_before_anything_is_written(make_scene, tmp_path):
    cloud = make_scene(9, 3)
    target = Target.of(tmp_path / "x.splat")
    assert target.format is FORMATS.get("splat")
    lost = target.losses(cloud)
    assert [loss.what for loss in lost] == ["precision", "SH degree 3", "columns nx, ny, nz"]
    assert lost[1].columns == tuple(f"f_rest_{i}" for i in range(45))
    assert lost[2].columns == ("nx", "ny", "nz")
    assert str(lost[1]) == "SH degree 3 (to 0)"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["x", "x.pth", "x.ksplat", "x.scenesplat", "x.checkpoint"])
def test_a_name_without_the_suffix_of_a_format_that_is_written_is_refused(name, tmp_path):
    with pytest.raises(UsageError, match="has no suffix of a format that gscli writes"):
        Target.of(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "meant"), [("x.spx", ".spz"), ("x.PLLY", ".ply"), ("x.jpeg", "end it in .ply")]
)
def test_a_suffix_that_is_nearly_one_is_recognised(name, meant, tmp_path):
    with pytest.raises(UsageError, match=re.escape(meant)):
        Target.of(tmp_path / name)


def test_a_target_that_needs_what_is_not_installed_is_refused_before_the_scene_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("gscli.formats._format.find_spec", lambda name: None)
    with pytest.raises(EngineUnavailable, match="laspy"):
        resample(tmp_path / "absent.ply", tmp_path / "x.las")


def test_a_source_is_called_like_its_file_without_suffixes_and_part(make_scene, tmp_path):
    stems = {
        "in/scene.compressed.ply": "scene",
        "in/scene.half-density.e0.ply": "scene.half-density.e0",
        "run/ckpt.v2.pth::gs1": "ckpt.v2.gs1",
        "scene.unknown": "scene",
        ".ply": ".ply",
        "-": "stdin",
    }
    assert {path: Source.of(path).stem for path in stems} == stems
    formats.write(f"{tmp_path}/a.b/", make_scene(5, 0, normals=False), allow_lossy=True)
    folder = Source.of(tmp_path / "a.b")
    assert (folder.stem, folder.suffix, folder.folder_format) == ("a.b", "/", "scenesplat")
    assert Source.of("scene.splat").suffix == ".ply"
    assert np.array_equal(folder.read().rows, read(tmp_path / "a.b").rows)
