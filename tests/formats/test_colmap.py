"""Points of COLMAP: the same of text and bytes, known by what they hold, and damaged ones refused."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from click.testing import CliRunner

import gscli
from gscli import formats
from gscli.cli import main
from gscli.errors import InputError
from tests.formats import samples


@pytest.fixture
def scene(make_scene):
    return make_scene(300, 0, normals=False)


@pytest.mark.parametrize("name", ["points3D.bin", "points3D.txt"])
def test_points_are_read_with_all_but_the_pictures_that_see_them(tmp_path, scene, name):
    cloud = gscli.read(samples.colmap(tmp_path / name, scene))
    assert cloud.header.format == "colmap"
    assert np.array_equal(cloud.xyz, scene.xyz.astype(np.float64))
    rows = np.arange(300)
    assert cloud["red"].tolist() == (rows % 256).tolist()
    assert set(cloud["green"]) == {0}
    assert set(cloud["blue"]) == {255}
    assert cloud["error"].tolist() == (rows / 8).tolist()
    assert cloud["track_length"].tolist() == (rows % 5).tolist()
    assert cloud["point3d_id"].tolist() == (7 + 3 * rows).tolist()
    assert "which pictures see a point is left out" in cloud.header.notes


def test_both_are_known_by_any_name_and_by_their_folder(tmp_path, scene):
    for name in ("points3D.bin", "points3D.txt"):
        samples.colmap(tmp_path / name, scene)
        renamed = samples.colmap(tmp_path / f"a{name[-4:]}", scene).rename(tmp_path / "renamed")
        assert formats.identify(renamed).name == "colmap"
        claims = [form.name for form in formats.FORMATS if form.sniff(formats.head_of(renamed))]
        assert claims == ["colmap"]
    assert len(gscli.read(tmp_path)) == 300
    (tmp_path / "points3D.bin").unlink()
    assert len(gscli.read(tmp_path)) == 300


def test_one_point_and_none_are_read(tmp_path, scene):
    for count in (1, 0):
        for suffix in (".bin", ".txt"):
            path = samples.colmap(tmp_path / f"points3D{suffix}", scene.take(slice(0, count)))
            assert len(gscli.read(path)) == count


def test_a_model_is_thinned_by_one_line(tmp_path, scene):
    (tmp_path / "0").mkdir()
    samples.colmap(tmp_path / "0" / "points3D.bin", scene)
    ran = CliRunner().invoke(
        main, ["resample", f"{tmp_path}/0", f"{tmp_path}/half.ply"], catch_exceptions=False
    )
    assert ran.exit_code == 0
    assert 0 < len(gscli.read(tmp_path / "half.ply")) < 300


def changed(path, at, value):
    data = bytearray(path.read_bytes())
    data[at : at + len(value)] = value
    path.write_bytes(data)


def test_what_is_no_such_file_is_refused_in_one_line(tmp_path, scene):
    path = samples.colmap(tmp_path / "points3D.bin", scene)
    whole = path.read_bytes()
    for data, match in (
        (whole[:-1], "ends after .* bytes, within point 299 of 300"),
        (whole + b"\0", "goes on for 1 byte after its points"),
        (struct.pack("<Q", 1 << 60) + whole[8:], "claims 1,152,921,504,606,846,976 points"),
        (whole[:51] + struct.pack("<Q", 1 << 62) + whole[59:], "within point 0 of 300"),
        (b"\7" * 7, "cannot be read as points3D of COLMAP"),
    ):
        path.write_bytes(data)
        with pytest.raises(InputError, match=match):
            gscli.read(path)
    path = samples.colmap(tmp_path / "x.txt", scene)
    text = path.read_text()
    for data, match in (
        (text.replace("points: 300", "points: 301"), "has 300 points where it says 301"),
        (text + "1 2 3\n", "cannot be read as points3D of COLMAP"),
        (text + "1 2 3 4 256 6 7 8\n", "cannot be read as points3D of COLMAP"),
        (text + "1 2 3 4 5 6 7 8 9\n", "point 1 has half a picture"),
    ):
        path.write_text(data)
        with pytest.raises(InputError, match=match):
            gscli.read(path)
