from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gscli import fields, formats
from gscli.cloud import GaussianCloud
from gscli.convert import convert, differences
from gscli.errors import UsageError, WriteRefused

ROOT = Path(__file__).parents[1]


def test_a_conversion_without_loss_measures_nothing_and_loses_nothing(scene, scene_file, tmp_path):
    result = convert(scene_file, tmp_path / "x.npz")
    assert (result.source_format, result.output_format, result.points) == ("ply", "npz", 500)
    assert result.lost == ()
    assert result.largest == {}
    assert np.array_equal(formats.read(tmp_path / "x.npz").rows, scene.rows)


def test_a_dry_run_names_losses_and_writes_nothing(scene_file, tmp_path):
    before = sorted(tmp_path.iterdir())
    result = convert(scene_file, tmp_path / "x.splat", dry_run=True)
    assert not result.written
    assert any("precision" in loss.what for loss in result.lost)
    assert any(loss.what == "SH degree 1" for loss in result.lost)
    assert any(loss.columns == ("nx", "ny", "nz") for loss in result.lost)
    assert sorted(tmp_path.iterdir()) == before


def test_losses_are_refused_until_they_are_allowed_and_then_measured(scene_file, tmp_path):
    with pytest.raises(WriteRefused, match="allow_lossy=True"):
        convert(scene_file, tmp_path / "x.splat")
    result = convert(scene_file, tmp_path / "x.splat", allow_lossy=True)
    assert result.largest["position"] == 0
    assert 0 < result.largest["rotation"] < 2


def test_an_existing_target_is_refused(scene_file, tmp_path):
    (tmp_path / "x.npz").write_bytes(b"precious")
    with pytest.raises(WriteRefused, match="exists"):
        convert(scene_file, tmp_path / "x.npz")
    assert (tmp_path / "x.npz").read_bytes() == b"precious"
    convert(scene_file, tmp_path / "x.npz", overwrite=True)


def test_a_target_without_a_known_suffix_is_a_usage_error(scene_file, tmp_path):
    with pytest.raises(UsageError, match="no suffix"):
        convert(scene_file, tmp_path / "x.unknown")


def test_a_conversion_of_a_file_to_itself_keeps_its_bytes(scene_file):
    before = scene_file.read_bytes()
    convert(scene_file, scene_file, overwrite=True)
    assert scene_file.read_bytes() == before


def test_any_format_streams_from_stdin_to_ply_on_stdout(scene, tmp_path):
    formats.write(tmp_path / "x.npz", scene)
    code = "from gscli.convert import convert; convert('-', '-')"
    with (tmp_path / "x.npz").open("rb") as source:
        done = subprocess.run(
            [sys.executable, "-c", code], stdin=source, capture_output=True, check=True, cwd=ROOT
        )
    (tmp_path / "y.ply").write_bytes(done.stdout)
    assert np.array_equal(formats.read(tmp_path / "y.ply").rows, scene.rows)


def test_differences_are_in_the_units_a_reader_expects(make_scene):
    one = make_scene(4, 0, normals=False)
    rows = one.rows.copy()
    rows["x"] += 3
    rows["y"] += 4
    rows["scale_1"] += np.log(1.5)
    rows["f_dc_2"] -= 0.1 / fields.SH_C0
    for name in fields.ROTATION:
        rows[name] *= -2  # the same rotation
    found = differences(one, GaussianCloud(rows))
    assert found["position"] == pytest.approx(5, abs=1e-5)
    assert found["scale"] == pytest.approx(0.5, abs=1e-5)
    assert found["colour"] == pytest.approx(0.1, abs=1e-6)
    assert found["rotation"] == pytest.approx(0, abs=1e-4)
    assert found["opacity"] == 0
    turned = rows.copy()
    for name, value in zip(fields.ROTATION, (np.sqrt(0.5), np.sqrt(0.5), 0, 0), strict=True):
        turned[name] = value
    upright = turned.copy()
    for name, value in zip(fields.ROTATION, (1, 0, 0, 0), strict=True):
        upright[name] = value
    assert differences(GaussianCloud(turned), GaussianCloud(upright))["rotation"] == pytest.approx(
        90, abs=1e-3
    )


def test_differences_are_those_of_all_blocks(make_scene, monkeypatch):
    """The largest is found wherever it lies, and rows are paired in the order that the output has."""
    monkeypatch.setattr(sys.modules[convert.__module__], "BLOCK", 7)
    scene = make_scene(40, 1, normals=False)
    order = np.random.default_rng(0).permutation(40)
    for row, (column, label) in enumerate(
        [("f_rest_3", "harmonics"), ("z", "position"), ("f_dc_1", "colour")]
    ):
        other = scene.take(order)
        other.rows[column][13 * row] += 2
        found = differences(scene, other, order)
        assert found[label] == pytest.approx(2 * (fields.SH_C0 if label == "colour" else 1), abs=1e-5)
        assert [name for name, value in found.items() if value] == [label]
    assert differences(scene.take([]), scene.take([])) == {}
