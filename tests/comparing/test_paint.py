"""A cloud with its distances keeps everything that it had."""

from dataclasses import replace

import numpy as np
import pytest

from gscli import fields, formats
from gscli.cloud import GaussianCloud
from gscli.comparing.paint import with_distances
from gscli.errors import WriteRefused
from gscli.kernels import colormap


def test_every_field_stays_and_a_distance_comes(scene, tmp_path):
    distances = np.linspace(0, 1, len(scene))
    with with_distances(scene, distances) as painted:
        assert painted.fields == (*scene.fields, "distance")
        for name in scene.fields:
            assert painted.rows[name].tobytes() == scene.rows[name].tobytes()
        assert (painted.rows["distance"] == distances.astype(np.float32)).all()
        formats.write(tmp_path / "out.ply", painted)
    again = formats.read(tmp_path / "out.ply")
    assert again.fields == (*scene.fields, "distance")
    assert (again.rows["distance"] == distances.astype(np.float32)).all()
    assert again.rows["rot_3"].tobytes() == scene.rows["rot_3"].tobytes()


def test_distances_beyond_float32_stay_finite(scene):
    distances = np.linspace(0, 1e40, len(scene))
    with with_distances(scene, distances, colors_to=1e40) as painted:
        assert (painted.rows["distance"] == distances).all()
        assert painted.rows["x"].tobytes() == scene.rows["x"].tobytes()


def test_many_blocks_join(make_scene):
    scene = make_scene(60_000, degree=2)
    assert len(list(scene.blocks())) > 1
    with with_distances(scene, np.arange(60_000.0)) as painted:
        assert (painted.rows["distance"] == np.arange(60_000)).all()
        assert painted.rows["x"].tobytes() == scene.rows["x"].tobytes()


@pytest.mark.parametrize("order", ["<", ">"])
def test_files_of_either_byte_order_keep_it(scene, tmp_path, order):
    from gscli.formats import ply

    path = tmp_path / "in.ply"
    ply.write(path, scene)
    if order == ">":
        names = "".join(f"property float {name}\n" for name in scene.fields)
        head = f"ply\nformat binary_big_endian 1.0\nelement vertex {len(scene)}\n{names}end_header\n"
        big = scene.rows.astype([(name, ">f4") for name in scene.fields])
        path.write_bytes(head.encode() + big.tobytes())
    cloud = formats.read(path)
    with with_distances(cloud, np.full(len(scene), 0.5)) as painted:
        formats.write(tmp_path / "out.ply", painted)
    again = formats.read(tmp_path / "out.ply")
    assert again.rows["distance"].tolist() == [0.5] * len(scene)
    assert (again.xyz == scene.xyz).all()
    assert (b"big_endian" in (tmp_path / "out.ply").read_bytes()[:60]) == (order == ">")


def test_gaussians_are_painted_by_their_constant_colour(scene):
    distances = np.linspace(0, 2, len(scene))
    with with_distances(scene, distances, colors_to=1.0) as painted:
        rgb = fields.rgb_from_dc(np.stack([painted.rows[n] for n in fields.SH_DC], axis=1)) * 255
        expected = colormap.palette()[colormap.levels(distances, 1.0)]
        assert np.abs(rgb - expected).max() < 0.01
        assert not any(painted.rows[n].any() for n in fields.sh_rest(1))
        assert painted.rows["opacity"].tobytes() == scene.rows["opacity"].tobytes()


def test_points_are_painted_red_green_blue_as_they_store_it():
    xyz = [("x", "<f4"), ("y", "<f4"), ("z", "<f4")]
    first, last = colormap.palette()[0], colormap.palette()[-1]
    for columns, whole in (
        ([], 1),
        ([("red", "u1"), ("green", "u1"), ("blue", "u1")], 1),
        ([("red", "<f4")], 255),
    ):
        cloud = GaussianCloud(np.zeros(2, xyz + columns))
        with with_distances(cloud, np.array([0.0, 1.0]), colors_to=1.0) as painted:
            assert sorted(set(painted.fields) - set("xyz")) == ["blue", "distance", "green", "red"]
            assert painted.rows["red"] * whole == pytest.approx([first[0], last[0]])
            assert painted.rows["blue"].tolist() == [first[2], last[2]]


def test_a_column_of_that_name_is_not_replaced(scene):
    with with_distances(scene, np.zeros(len(scene))) as painted:
        again = replace(scene, rows=painted.rows.copy())
    with pytest.raises(WriteRefused, match="column distance already"), with_distances(again, np.zeros(500)):
        pass
