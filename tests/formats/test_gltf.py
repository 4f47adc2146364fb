"""glTF by its specification: what is written, what is read of others' files, and where nodes put it."""

from __future__ import annotations

import json
import os
import re
import struct
import threading
from pathlib import Path

import numpy as np
import pytest

import gscli
from gscli import fields, formats
from gscli.cloud import GaussianCloud
from gscli.containers import glb
from gscli.convert import differences
from gscli.errors import GscliError, InputError, UsageError, WriteRefused
from gscli.formats import _gltf_colours
from tests.formats import gltfs
from tests.formats.gltfs import PREFIX, SPLATS, Maker
from tests.formats.test_codecs import harmonics, rotation_matrix

LUF = np.diag([-1.0, -1.0, 1.0])  # glTF's axes in those of clouds, either way


@pytest.fixture
def scene(make_scene):
    return make_scene(50, 3, normals=False)


def opened(path: Path) -> tuple[dict, bytes]:
    """The JSON and the buffer of a .glb, as its specification lays them out."""
    data = path.read_bytes()
    magic, version, size, length, kind = struct.unpack_from("<4sIIII", data)
    assert (magic, version, size, kind) == (b"glTF", 2, len(data), 0x4E4F534A)
    assert length % 4 == 0
    body, kind = struct.unpack_from("<II", data, 20 + length)
    assert (kind, body % 4, 28 + length + body) == (0x004E4942, 0, size)
    return json.loads(data[20 : 20 + length]), data[28 + length :]


def attribute(document: dict, body: bytes, name: str) -> np.ndarray:
    """(N, width) numbers of an attribute, read value by value."""
    primitive = document["meshes"][0]["primitives"][0]
    accessor = document["accessors"][primitive["attributes"][name]]
    view = document["bufferViews"][accessor["bufferView"]]
    code = {number: code for code, number in gltfs.CODES.items()}[accessor["componentType"]]
    width = {kind: width for width, kind in gltfs.KINDS.items()}[accessor["type"]]
    size = np.dtype(code).itemsize
    step = view.get("byteStride", size * width)
    assert step % 4 == 0
    assert view["byteLength"] >= (accessor["count"] - 1) * step + size * width
    rows = [
        np.frombuffer(body, code, width, view["byteOffset"] + row * step) for row in range(accessor["count"])
    ]
    return np.array(rows)


def seen(cloud: GaussianCloud, degree: int, directions: np.ndarray) -> np.ndarray:
    """(N, 3) what the harmonics beyond the first add, seen along a direction each."""
    rest = cloud.columns(fields.sh_rest(degree)).T.reshape(len(cloud), 3, -1)
    return np.einsum("nck,nk->nc", rest, harmonics(degree, directions))


def covariances(cloud: GaussianCloud) -> np.ndarray:
    """(N, 3, 3)."""
    out = []
    for q, s in zip(cloud.columns(fields.ROTATION).T, cloud.columns(fields.SCALE).T, strict=True):
        axes = rotation_matrix(q.astype(np.float64)) * np.exp(s.astype(np.float64))
        out.append(axes @ axes.T)
    return np.array(out)


def directions(count: int) -> np.ndarray:
    way = np.random.default_rng(1).normal(size=(count, 3))
    return way / np.linalg.norm(way, axis=1, keepdims=True)


@pytest.mark.parametrize("degree", range(4))
def test_what_is_written_is_what_the_extension_says(tmp_path, make_scene, degree):
    scene = make_scene(50, degree, normals=False)
    gscli.write(tmp_path / "x.glb", scene, allow_lossy=True)
    document, body = opened(tmp_path / "x.glb")
    assert document["asset"]["version"] == "2.0"
    assert document["extensionsUsed"] == ["KHR_gaussian_splatting"]
    assert document["scenes"][document["scene"]]["nodes"] == [0]
    assert document["nodes"] == [{"mesh": 0}]
    (primitive,) = document["meshes"][0]["primitives"]
    assert primitive["mode"] == 0
    about = primitive["extensions"]["KHR_gaussian_splatting"]
    assert about == {**SPLATS, "projection": "perspective", "sortingMethod": "cameraDistance"}
    assert document["buffers"] == [{"byteLength": len(body)}]
    ends = [0]
    for view in document["bufferViews"]:
        assert view["byteOffset"] == ends[-1]
        ends.append(view["byteOffset"] + view["byteLength"])
    assert ends[-1] == len(body)
    names = set(primitive["attributes"])
    wanted = {"POSITION", "COLOR_0", *(f"{PREFIX}{name}" for name in ("ROTATION", "SCALE", "OPACITY"))}
    for order in range(degree + 1):
        wanted |= {f"{PREFIX}SH_DEGREE_{order}_COEF_{n}" for n in range(2 * order + 1)}
    assert names == wanted
    found = {name: attribute(document, body, name) for name in names}
    xyz = found["POSITION"]
    assert np.array_equal(xyz, scene.xyz * np.float32([-1, -1, 1]))
    accessor = document["accessors"][primitive["attributes"]["POSITION"]]
    assert accessor["min"] == xyz.min(axis=0).tolist()
    assert accessor["max"] == xyz.max(axis=0).tolist()
    logits = scene["opacity"].astype(np.float64)
    assert np.allclose(found[f"{PREFIX}OPACITY"][:, 0], 1 / (1 + np.exp(-logits)), rtol=1e-7, atol=0)
    lengths = np.exp(scene.columns(fields.SCALE).T.astype(np.float64))
    assert np.allclose(found[f"{PREFIX}SCALE"], lengths, rtol=1e-7, atol=0)
    assert np.array_equal(found[f"{PREFIX}SH_DEGREE_0_COEF_0"], scene.columns(fields.SH_DC).T)
    xyzw = found[f"{PREFIX}ROTATION"]
    assert np.allclose(np.linalg.norm(xyzw, axis=1), 1, atol=1e-6)
    for row, q in enumerate(xyzw[:, [3, 0, 1, 2]]):
        axes = rotation_matrix(q) * lengths[row]
        assert np.allclose(LUF @ axes @ axes.T @ LUF, covariances(scene)[row], rtol=1e-4, atol=1e-9)
    coefficients = [
        found[f"{PREFIX}SH_DEGREE_{order}_COEF_{n}"]
        for order in range(1, degree + 1)
        for n in range(2 * order + 1)
    ]
    if degree:
        way = directions(50)
        there = np.einsum("knc,nk->nc", np.array(coefficients), harmonics(degree, way @ LUF))
        assert np.allclose(there, seen(scene, degree, way), atol=1e-5)
    share = np.clip(0.5 + 0.2820947917738781 * scene.columns(fields.SH_DC).T, 0, 1)
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    assert np.abs(found["COLOR_0"][:, :3] - light * 255).max() < 1
    assert np.abs(found["COLOR_0"][:, 3] - 255 / (1 + np.exp(-logits))).max() <= 0.5


def test_what_is_read_and_written_again_is_the_same_to_the_bit(tmp_path, scene):
    gscli.write(tmp_path / "a.glb", scene, allow_lossy=True)
    first = gscli.read(tmp_path / "a.glb")
    gscli.write(tmp_path / "b.glb", first, allow_lossy=True)
    assert (tmp_path / "a.glb").read_bytes() == (tmp_path / "b.glb").read_bytes()
    largest = differences(scene, first)
    assert largest.pop("rotation") < 1e-4
    assert largest.pop("scale") < 1e-6
    assert largest.pop("opacity") < 1e-7
    assert set(largest.values()) == {0.0}


def test_opacities_and_scales_at_the_ends_of_float32_are_finite_and_come_back(tmp_path, scene):
    rows = scene.rows.copy()
    rows["opacity"][:6] = [-np.inf, np.inf, 30, -120, 17, -17]
    rows["scale_0"][:2] = [-np.inf, -200]
    gscli.write(tmp_path / "a.glb", GaussianCloud(rows), allow_lossy=True)
    found = gscli.read(tmp_path / "a.glb")
    assert np.isfinite(found["opacity"]).all()
    assert np.isfinite(found["scale_0"]).all()
    document, body = opened(tmp_path / "a.glb")
    assert attribute(document, body, f"{PREFIX}OPACITY")[:3, 0].tolist() == [0, 1, 1]
    gscli.write(tmp_path / "b.glb", found, allow_lossy=True)
    assert (tmp_path / "a.glb").read_bytes() == (tmp_path / "b.glb").read_bytes()


@pytest.mark.parametrize(
    ("column", "value"), [("x", np.nan), ("scale_1", 90.0), ("scale_2", np.nan), ("rot_3", np.inf)]
)
def test_a_value_that_no_number_of_gltf_is_is_refused_by_its_row(tmp_path, scene, column, value):
    rows = scene.rows.copy()
    rows[column][31] = value
    with pytest.raises(
        GscliError, match=f"row 31 of what is to be written has {column} = {value}.*write .ply"
    ):
        gscli.write(tmp_path / "x.glb", GaussianCloud(rows), allow_lossy=True)
    assert not list(tmp_path.iterdir())


TURN = [0.2, -0.5, 0.1, 0.8]
QUARTER = [np.sqrt(0.5), 0, 0, -np.sqrt(0.5)]  # about x, what lays z-up scenes down
NODES = {
    "turned": [{"rotation": TURN}],
    "a quarter": [{"rotation": QUARTER}],
    "half a turn": [{"rotation": [0, 1, 0, 0]}],
    "scaled": [{"scale": [3, 3, 3], "translation": [1, -2, 3]}],
    "mirrored": [{"scale": [1, 1, -1], "rotation": TURN}],
    "stretched": [{"scale": [1, 2, 0.5], "rotation": TURN}],
    "nested": [{"translation": [0, 5, 0], "rotation": QUARTER}, {"rotation": TURN, "scale": [2, 2, 2]}],
    "matrix": [{"matrix": [0, 2, 0, 0, -2, 0, 0, 0, 0, 0, 2, 0, 7, 8, 9, 1]}],
}


def turn_of(x: float, y: float, z: float, w: float) -> np.ndarray:
    return rotation_matrix(np.array([w, x, y, z]))


def matrix_of(node: dict) -> np.ndarray:
    """(4, 4) (slow twin)."""
    if "matrix" in node:
        return np.array(node["matrix"], float).reshape(4, 4).T
    out = np.eye(4)
    out[:3, :3] = turn_of(*node.get("rotation", (0, 0, 0, 1))) @ np.diag(node.get("scale", (1, 1, 1)))
    out[:3, 3] = node.get("translation", (0, 0, 0))
    return out


@pytest.mark.parametrize("degree", [0, 3])
@pytest.mark.parametrize("case", NODES)
def test_splats_are_where_their_nodes_put_them(tmp_path, make_scene, case, degree):
    """Centres, shapes and the colours seen from anywhere are those of the node's matrix."""
    scene, maker = make_scene(30, degree, normals=False), Maker()
    nodes = [dict(node) for node in NODES[case]]
    for number, node in enumerate(nodes[:-1]):
        node["children"] = [number + 1]
    nodes[-1]["mesh"] = maker.mesh(gltfs.splats(maker, scene, degree), SPLATS)
    maker.show(*nodes)
    found = gscli.read(maker.save(tmp_path / "x.glb"))
    matrix = np.eye(4)
    for node in nodes:
        matrix = matrix @ matrix_of(node)
    linear = LUF @ matrix[:3, :3]
    wanted = scene.xyz.astype(np.float64) @ linear.T + LUF @ matrix[:3, 3]
    assert np.allclose(found.xyz, wanted, atol=1e-5)
    shapes = linear @ covariances(scene) @ linear.T
    assert np.allclose(covariances(found), shapes, rtol=2e-3, atol=1e-7)
    if degree:
        turn = linear / np.linalg.norm(linear, axis=0)
        way = directions(30)
        assert np.allclose(seen(found, degree, way @ turn.T), seen(scene, degree, way), atol=1e-4)


def test_positions_far_from_the_origin_keep_their_digits(tmp_path, scene):
    maker = Maker()
    moved = {"mesh": maker.mesh(gltfs.splats(maker, scene, 0), SPLATS), "translation": [4e6, 0, 5e6]}
    maker.show(moved)
    found = gscli.read(maker.save(tmp_path / "x.glb"))
    assert found.rows.dtype["x"] == np.float64
    wanted = scene.xyz.astype(np.float64) * [-1, -1, 1] + [-4e6, 0, 5e6]
    assert np.abs(found.xyz - wanted).max() < 1e-8


def test_two_primitives_become_one_scene_of_the_higher_degree(tmp_path, make_scene):
    maker, one, two = Maker(), make_scene(10, 1, normals=False), make_scene(7, 2, seed=1, normals=False)
    label = {"_LABEL": maker.accessor(np.arange(10, dtype="u1")), "_ODD": maker.accessor(np.ones(10, "<f4"))}
    first = maker.mesh(gltfs.splats(maker, one, 1) | label, SPLATS)
    label = {"_LABEL": maker.accessor(np.arange(7, dtype="u1"))}
    second = maker.mesh(gltfs.splats(maker, two, 2) | label, SPLATS)
    maker.show({"mesh": first}, {"mesh": second}, {"mesh": first, "translation": [1, 0, 0]})
    found = gscli.read(maker.save(tmp_path / "x.glb"))
    assert len(found) == 27
    assert fields.sh_degree(found.fields) == 2
    assert found["LABEL"].tolist() == [*range(10), *range(7), *range(10)]
    assert "ODD" not in found
    assert any("not all primitives have them: ODD" in note for note in found.header.notes)
    way, turned = directions(10), directions(10) @ LUF
    assert np.allclose(seen(found[:10], 2, turned), seen(one, 1, way), atol=1e-5)
    assert np.allclose(seen(found[10:17], 2, directions(7) @ LUF), seen(two, 2, directions(7)), atol=1e-5)
    assert not found.rows["f_rest_3"][:10].any()
    assert np.allclose(found["x"][17:], found["x"][:10] - 1, atol=1e-5)


def test_integers_strides_and_sparse_accessors_mean_what_the_specification_says(tmp_path, scene):
    maker = Maker()
    out, n = gltfs.splats(maker, scene, 0), len(scene)
    rng = np.random.default_rng(0)
    rotations, scales = (
        rng.integers(-128, 128, (n, 4)).astype("i1"),
        rng.integers(1, 65536, (n, 3)).astype("<u2"),
    )
    opacities = rng.integers(0, 256, n).astype("u1")
    opacities[:2] = 0, 255
    out[f"{PREFIX}ROTATION"] = maker.accessor(rotations, normalized=True, step=8)
    out[f"{PREFIX}SCALE"] = maker.accessor(scales, step=20)
    out[f"{PREFIX}OPACITY"] = maker.accessor(opacities, normalized=True)
    rows, values = np.array([[3], [44]], "u1"), np.array([[1, 2, 3], [4, 5, 6]], "<f4")
    maker.json["accessors"][out["POSITION"]]["sparse"] = {
        "count": 2,
        "indices": {"bufferView": maker.view(rows.tobytes()), "componentType": 5121},
        "values": {"bufferView": maker.view(values.tobytes())},
    }
    maker.show({"mesh": maker.mesh(out, SPLATS)})
    found = gscli.read(maker.save(tmp_path / "x.glb"))
    wanted = scene.xyz.copy()
    wanted[[3, 44]] = values
    assert np.array_equal(found.xyz, wanted * np.float32([-1, -1, 1]))
    assert np.allclose(np.exp(found.columns(fields.SCALE).T), scales, rtol=1e-6)
    alpha = fields.sigmoid(found["opacity"])
    assert np.array_equal(np.rint(alpha * 255), opacities)
    assert np.isfinite(found["opacity"]).all()
    x, y, z, w = np.maximum(rotations / 127, -1).T
    turned = np.stack([-z, -y, x, w], axis=1)  # by half a turn about z
    assert np.allclose(found.columns(fields.ROTATION).T, turned, atol=1e-6)


@pytest.mark.parametrize("version", ["", "_2"])
def test_packed_splats_are_those_of_the_spz_in_it(tmp_path, scene, version):
    gscli.write(tmp_path / "x.spz", scene, allow_lossy=True)
    found = gscli.read(gltfs.packed(tmp_path / "x.glb", tmp_path / "x.spz", version=version))
    wanted = gscli.read(tmp_path / "x.spz")
    assert np.array_equal(found.xyz, wanted.xyz)
    assert np.allclose(covariances(found), covariances(wanted), rtol=1e-4, atol=1e-9)
    assert np.array_equal(found.columns(fields.sh_rest(3)), wanted.columns(fields.sh_rest(3)))


def test_splats_packed_by_a_draft_are_in_the_axes_of_gltf_as_they_are_stored(tmp_path, scene):
    gscli.write(tmp_path / "x.spz", scene, allow_lossy=True)
    found = gscli.read(gltfs.packed(tmp_path / "x.glb", tmp_path / "x.spz", kernel=False))
    stored = gscli.read(tmp_path / "x.spz", axes="rdf").xyz  # as they are
    assert np.array_equal(found.xyz, stored * np.float32([-1, -1, 1]))


def points(count: int = 300) -> GaussianCloud:
    rng = np.random.default_rng(0)
    columns = {axis: rng.normal(size=count).astype("<f4") for axis in "xyz"}
    normals = rng.normal(size=(count, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    columns |= {name: normals[:, i].astype("<f4") for i, name in enumerate(fields.NORMAL)}
    columns |= {
        name: np.roll(np.arange(count) % 256, i).astype("u1")
        for i, name in enumerate(("red", "green", "blue"))
    }
    return GaussianCloud.from_columns(
        columns, alpha=columns["red"], label=np.arange(count) - 7, half=np.arange(count) / 4
    )


def test_points_are_written_without_loss_and_shown_by_any_viewer(tmp_path):
    cloud = points()
    gscli.write(tmp_path / "x.glb", cloud)
    found = gscli.read(tmp_path / "x.glb")
    for name in cloud.fields:
        assert np.array_equal(found[name], cloud[name]), name
    document, body = opened(tmp_path / "x.glb")
    (primitive,) = document["meshes"][0]["primitives"]
    assert "extensionsUsed" not in document
    assert "extensions" not in primitive
    assert set(primitive["attributes"]) == {"POSITION", "NORMAL", "COLOR_0", "_label", "_half"}
    light = attribute(document, body, "COLOR_0") / 65535
    assert np.allclose(light[:, 3] * 255, cloud["alpha"])
    assert np.allclose(_gltf_colours.srgb(light[:, 0]) * 255, cloud["red"], atol=0.1)


def test_every_byte_of_colour_survives_linear_light():
    colours = np.arange(256, dtype=np.uint8)[:, None].repeat(3, axis=1)
    assert np.array_equal(_gltf_colours.from_linear(_gltf_colours.to_linear(colours)), colours)
    share = np.linspace(0, 1, 1001)
    assert np.allclose(_gltf_colours.srgb(_gltf_colours.linear(share)), share, atol=1e-12)


def test_colours_of_other_types_are_shown_and_kept_beside(tmp_path):
    cloud = points().take(slice(0, 100))
    rows = {name: cloud[name] for name in "xyz"}
    rows |= {name: (cloud[name] / np.float32(255)).astype("<f4") for name in ("red", "green", "blue")}
    gscli.write(tmp_path / "x.glb", GaussianCloud.from_columns(rows))
    found = gscli.read(tmp_path / "x.glb")
    assert all(np.array_equal(found[name], rows[name]) for name in rows)
    document, body = opened(tmp_path / "x.glb")
    light = attribute(document, body, "COLOR_0") / 65535
    assert np.allclose(_gltf_colours.srgb(light[:, 1]), rows["green"], atol=0.01)


def test_floats_of_colour_are_linear_too(tmp_path):
    maker, xyz = Maker(), np.zeros((3, 3), "<f4")
    colours = np.array([[0, 0.5, 1, 0.25]] * 3, "<f4")
    mesh = maker.mesh({"POSITION": maker.accessor(xyz), "COLOR_0": maker.accessor(colours)})
    maker.show({"mesh": mesh})
    found = gscli.read(maker.save(tmp_path / "x.glb"))
    assert np.allclose(
        [found[name][0] for name in ("red", "green", "blue", "alpha")], [0, 0.7354, 1, 0.25], atol=1e-4
    )
    assert any("linear by the specification" in note for note in found.header.notes)


def test_what_is_no_integer_or_float_of_gltf_is_named(scene):
    writer = formats.FORMATS.get("gltf").writer
    far = scene.with_columns(big=np.arange(50) + (1 << 40), fine=np.full(50, 0.1), small=np.arange(50))
    lost = [str(loss) for loss in writer.unsupported(far)]
    assert any("opacities and scales as float32" in loss for loss in lost)
    assert "digits of column big (int64)" in lost
    assert "digits of column fine (float64)" in lost
    assert not any("small" in loss for loss in lost)


def test_normals_that_are_no_directions_are_attributes_of_their_own(tmp_path, make_scene):
    gscli.write(tmp_path / "x.glb", make_scene(20, 0, normals=True), allow_lossy=True)
    document, _ = opened(tmp_path / "x.glb")
    assert {"_nx", "_ny", "_nz"} < set(document["meshes"][0]["primitives"][0]["attributes"])
    assert not gscli.read(tmp_path / "x.glb")["nx"].any()


@pytest.mark.parametrize("above", [None, [0, 0, 0.6, 0.8]], ids=["as written", "turned"])
@pytest.mark.parametrize("kind", ["f4", "i2"])
@pytest.mark.parametrize("names", [fields.NORMAL, ("nx",)], ids=len)
def test_attributes_of_ones_own_stay_as_they_are_whatever_they_are_called(tmp_path, names, kind, above):
    columns = {name: np.arange(2 + i, 6 + i).astype(kind) for i, name in enumerate(names)}
    cloud = GaussianCloud.from_columns({axis: np.arange(4, dtype="f4") for axis in "xyz"}, **columns)
    gscli.write(tmp_path / "x.gltf", cloud)
    document = json.loads((tmp_path / "x.gltf").read_text())
    if above is not None:
        document["nodes"][0]["rotation"] = above
    (tmp_path / "x.gltf").write_text(json.dumps(document))
    found = gscli.read(tmp_path / "x.gltf")
    assert np.array_equal(found.xyz, cloud.xyz) == (above is None)
    for name in names:
        assert np.array_equal(found[name], cloud[name]), name


def test_comments_and_how_splats_are_rendered_are_kept(tmp_path, scene):
    maker = Maker()
    about = {**SPLATS, "colorSpace": "lin_rec709_display", "sortingMethod": "depth"}
    maker.show({"mesh": maker.mesh(gltfs.splats(maker, scene, 0), about)})
    first = gscli.read(maker.save(tmp_path / "a.glb"))
    assert any("colorSpace lin_rec709_display, sortingMethod depth" in note for note in first.header.notes)
    gscli.write(tmp_path / "b.glb", first.with_comment("by höhe").with_comment("\udcfc"), allow_lossy=True)
    again = gscli.read(tmp_path / "b.glb")
    assert again.header.comments == ("by höhe",)
    assert again.header.native == first.header.native
    document, _ = opened(tmp_path / "b.glb")
    found = document["meshes"][0]["primitives"][0]["extensions"]["KHR_gaussian_splatting"]
    assert found["colorSpace"] == "lin_rec709_display"


def test_axes_that_are_asked_for_are_told_and_believed(tmp_path, scene):
    gscli.write(tmp_path / "x.glb", scene, axes="rdf", allow_lossy=True)
    document, body = opened(tmp_path / "x.glb")
    assert np.array_equal(attribute(document, body, "POSITION"), scene.xyz)
    found = gscli.read(tmp_path / "x.glb")
    assert np.array_equal(found.xyz, scene.xyz)
    assert found.header.axes == "rdf"
    maker = Maker()
    maker.show({"mesh": maker.mesh(gltfs.splats(maker, scene, 0), SPLATS)})
    raw = maker.save(tmp_path / "raw.glb")
    assert np.array_equal(gscli.read(raw, axes="rdf").xyz, scene.xyz)
    assert np.array_equal(gscli.read(raw).xyz, scene.xyz * np.float32([-1, -1, 1]))


def test_what_else_a_file_holds_is_named_as_left_out(tmp_path, scene):
    maker = Maker()
    splats = maker.mesh(gltfs.splats(maker, scene, 0), SPLATS)
    plain = {"POSITION": maker.accessor(np.zeros((3, 3), "<f4"))}
    maker.show(
        {"mesh": splats}, {"mesh": maker.mesh(plain, mode=4)}, {"mesh": maker.mesh(plain)}, {"camera": 0}
    )
    maker.json |= {"cameras": [{}], "animations": [{}, {}], "materials": [{}]}
    maker.json["scenes"].append({"nodes": []})
    found = gscli.read(maker.save(tmp_path / "x.glb"))
    assert len(found) == 50
    (note,) = [note for note in found.header.notes if note.startswith("left out")]
    said = (
        "1 primitive of triangles, 1 primitive of points, 2 animations, 1 camera, 1 material, 1 other scene"
    )
    assert note == f"left out: {said}"


def test_a_gltf_is_json_and_a_buffer_beside_it(tmp_path, scene):
    gscli.write(tmp_path / "my scene.gltf", scene, allow_lossy=True)
    assert {path.name for path in tmp_path.iterdir()} == {"my scene.gltf", "my scene.bin"}
    document = json.loads((tmp_path / "my scene.gltf").read_text())
    assert document["buffers"][0]["uri"] == "my%20scene.bin"
    gscli.write(tmp_path / "x.glb", scene, allow_lossy=True)
    assert opened(tmp_path / "x.glb")[1] == (tmp_path / "my scene.bin").read_bytes()
    assert np.array_equal(gscli.read(tmp_path / "my scene.gltf").rows, gscli.read(tmp_path / "x.glb").rows)


def test_a_buffer_that_is_there_is_not_replaced_without_leave(tmp_path, scene):
    (tmp_path / "x.bin").write_bytes(b"precious")
    gscli.write(tmp_path / "x.ply", scene)
    for use in (
        lambda: gscli.write(tmp_path / "x.gltf", scene, allow_lossy=True),
        lambda: gscli.convert(tmp_path / "x.ply", tmp_path / "x.gltf", allow_lossy=True),
        lambda: gscli.resample(tmp_path / "x.ply", tmp_path / "x.gltf", allow_lossy=True),
    ):
        with pytest.raises(WriteRefused, match=r"x\.bin: exists already"):
            use()
        assert not (tmp_path / "x.gltf").exists()
    assert (tmp_path / "x.bin").read_bytes() == b"precious"
    gscli.convert(tmp_path / "x.ply", tmp_path / "x.gltf", allow_lossy=True, overwrite=True)
    assert len(gscli.read(tmp_path / "x.gltf")) == 50


def test_a_gltf_is_thinned_onto_itself(tmp_path, make_scene):
    gscli.write(tmp_path / "x.gltf", make_scene(2000, 1, normals=False), allow_lossy=True)
    gscli.resample(tmp_path / "x.gltf", tmp_path / "x.gltf", overwrite=True, allow_lossy=True)
    assert 0 < len(gscli.read(tmp_path / "x.gltf")) < 2000


@pytest.mark.parametrize("kind", ["splats", "points"])
def test_a_draw_in_gltf_is_verified(tmp_path, make_scene, kind):
    scene = make_scene(1500, 1, normals=False) if kind == "splats" else points(1500)
    gscli.write(tmp_path / "all.ply", scene, allow_lossy=True)
    gscli.resample(tmp_path / "all.ply", tmp_path / "some.glb", allow_lossy=True)
    found = gscli.verify(tmp_path / "all.ply", tmp_path / "some.glb")
    assert found.violations == 0


def test_a_failed_write_of_a_gltf_leaves_nothing(tmp_path, scene):
    rows = scene.rows.copy()
    rows["scale_1"][40] = np.nan
    with pytest.raises(GscliError, match="row 40"):
        gscli.write(tmp_path / "x.gltf", GaussianCloud(rows), allow_lossy=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "match"),
    [
        pytest.param(lambda f: (f / "x.bin").unlink(), "its buffer x.bin: no such file", id="missing"),
        pytest.param(lambda f: os.truncate(f / "x.bin", 999), "ends after 999 bytes where", id="cut short"),
        pytest.param(
            lambda f: (f / "x.bin").unlink() or os.mkfifo(f / "x.bin"), "is a pipe or device", id="pipe"
        ),
    ],
)
def test_a_buffer_that_is_not_as_it_should_be_is_told(tmp_path, scene, change, match):
    gscli.write(tmp_path / "x.gltf", scene, allow_lossy=True)
    change(tmp_path)
    with pytest.raises(InputError, match=match) as caught:
        gscli.read(tmp_path / "x.gltf")
    assert str(caught.value).startswith(f"{tmp_path / 'x.gltf'}: ")


@pytest.mark.parametrize(
    "uri",
    [
        "../x.bin",
        "/etc/passwd",
        "file:///etc/passwd",
        "a/../../x.bin",
        "%2e%2e/x.bin",
        "http://a/b",
        "a\\..\\b",
    ],
)
def test_a_buffer_outside_of_the_folder_is_not_read(tmp_path, scene, uri):
    gscli.write(tmp_path / "x.gltf", scene, allow_lossy=True)
    document = json.loads((tmp_path / "x.gltf").read_text())
    document["buffers"][0]["uri"] = uri
    (tmp_path / "x.gltf").write_text(json.dumps(document))
    with pytest.raises(InputError, match="outside of its folder"):
        gscli.read(tmp_path / "x.gltf")


def test_a_buffer_in_the_json_is_read_however_its_base64_is_spelled(tmp_path, scene):
    path = gltfs.embedded(tmp_path / "x.gltf", scene.take(slice(0, 40)))
    wanted = gscli.read(path).rows
    path.write_bytes(b"\xef\xbb\xbf \n" + path.read_bytes().replace(b"/", b"\\/"))
    assert np.array_equal(gscli.read(path).rows, wanted)


def test_a_pipe_takes_a_glb(tmp_path, scene):
    gscli.write(tmp_path / "x.glb", scene, allow_lossy=True)
    os.mkfifo(tmp_path / "pipe.glb")
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe.glb").read_bytes()))
    reader.start()
    gscli.write(tmp_path / "pipe.glb", scene, allow_lossy=True)
    reader.join()
    assert got == [(tmp_path / "x.glb").read_bytes()]


def test_a_glb_of_more_than_four_gigabytes_is_refused_and_a_gltf_is_not(tmp_path, scene, monkeypatch):
    monkeypatch.setattr(glb, "LARGEST", 10_000)
    with pytest.raises(GscliError, match=r"would take 1.,... bytes.*write .gltf"):
        gscli.write(tmp_path / "x.glb", scene, allow_lossy=True)
    assert not list(tmp_path.iterdir())
    gscli.write(tmp_path / "x.gltf", scene, allow_lossy=True)


def test_no_points_are_no_gltf(tmp_path, make_scene):
    with pytest.raises(GscliError, match="has no points"):
        gscli.write(tmp_path / "x.glb", make_scene(0, 0), allow_lossy=True)


def spoiled(maker: Maker, how: str) -> None:
    """Make one thing of a document of splats wrong."""
    document = maker.json
    (primitive,) = document["meshes"][0]["primitives"]
    attributes, about = primitive["attributes"], primitive["extensions"]["KHR_gaussian_splatting"]
    position = document["accessors"][attributes["POSITION"]]
    scale = document["accessors"][attributes[f"{PREFIX}SCALE"]]
    if how == "a view":
        position["bufferView"] = 99
    elif how == "a view before the first":
        position["bufferView"] = -1
    elif how == "beyond the buffer":
        document["bufferViews"][position["bufferView"]]["byteLength"] += 10**6
    elif how == "beyond the view":
        position["byteOffset"] = 4
    elif how == "a count":
        position["count"] = 10**15
    elif how == "another count":
        scale["count"] = 3
    elif how == "a sparse count":
        sparse = {"bufferView": maker.view(bytes(12)), "componentType": 5125}
        scale |= {"count": 10**10, "sparse": {"count": 1, "indices": sparse, "values": sparse}}
        del scale["bufferView"]
    elif how == "another width":
        scale["type"] = "VEC2"
    elif how == "a type":
        position["componentType"] = 5124
    elif how == "no scale":
        del attributes[f"{PREFIX}SCALE"]
    elif how == "half a degree":
        attributes[f"{PREFIX}SH_DEGREE_1_COEF_0"] = attributes["POSITION"]
    elif how == "a kernel":
        about["kernel"] = "customShape"
    elif how == "an extension":
        document["extensionsRequired"] = ["KHR_draco_mesh_compression"]
    elif how == "packed":
        del position["bufferView"]
        about["extensions"] = {"EXT_other": {}}
    elif how == "packed views":
        document["bufferViews"][0]["extensions"] = {"EXT_meshopt_compression": {}}
    elif how == "triangles":
        primitive["mode"] = 4
    elif how == "a mode":
        primitive["mode"] = 9
    elif how == "sheared":
        document["nodes"][0]["matrix"] = [1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    elif how == "flattened":
        document["nodes"][0]["scale"] = [1, 0, 1]
    elif how == "not finite":
        document["nodes"][0]["translation"] = [1e999, 0, 0]
    elif how == "a circle":
        document["nodes"].append({"children": [1]})
        document["nodes"][0]["children"] = [1]
    elif how == "a version":
        document["asset"]["version"] = "1.0"
    elif how == "a colour":
        del primitive["extensions"]
        attributes["COLOR_0"] = maker.accessor(np.zeros((50, 3), "<u4"))
    elif how == "an overlap":
        document["bufferViews"][position["bufferView"]]["byteStride"] = 4


REFUSED = {
    "a view": "there is no 99 among its bufferViews",
    "a view before the first": "there is no -1 among its bufferViews",
    "beyond the buffer": "ends after .* bytes where",
    "beyond the view": "ends after 600 bytes where 604",
    "a count": "which no scene does",
    "another count": r"SCALE of shape \[3, 3\] for 50 positions",
    "a sparse count": r"SCALE of shape \[10000000000, 3\] for 50 positions",
    "another width": r"SCALE of shape \[50, 2\] for 50 positions",
    "a type": "cannot be read as glTF .5124",
    "no scale": "primitive 0 of mesh 0 has no KHR_gaussian_splatting:SCALE",
    "half a degree": "has no KHR_gaussian_splatting:SH_DEGREE_1_COEF_1",
    "a kernel": "kernel 'customShape', and only ellipses are read",
    "an extension": "needs the extension KHR_draco_mesh_compression, which is not read",
    "packed": "is packed by EXT_other, which is not read",
    "packed views": "is packed by EXT_meshopt_compression, which is not read",
    "triangles": "holds no splats and no points: its 1 primitive are lines or triangles",
    "a mode": "cannot be read as glTF",
    "sheared": "primitive 0 of mesh 0 is sheared by what is above it",
    "flattened": "is flattened by what is above it",
    "not finite": "a node whose matrix makes no sense",
    "a circle": "node 1 is below two others",
    "a version": "is glTF '1.0'; 2.0 is read",
    "a colour": "colours of the type 5125",
    "an overlap": "a buffer view whose items overlap",
}


@pytest.mark.parametrize("how", REFUSED)
def test_a_wrong_file_is_refused_by_what_is_wrong(tmp_path, scene, how):
    maker = Maker()
    maker.show({"mesh": maker.mesh(gltfs.splats(maker, scene, 0), SPLATS)})
    assert len(gscli.read(maker.save(tmp_path / "good.glb"))) == 50
    spoiled(maker, how)
    with pytest.raises(InputError) as caught:
        gscli.read(maker.save(tmp_path / "x.glb"))
    assert re.search(REFUSED[how], str(caught.value)), str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'x.glb'}: ")


@pytest.mark.parametrize(("name", "value", "match"), [
    ("SCALE", -1.0, "scales below zero.*stored logarithms, as PLY has them"),
    ("SCALE", np.nan, "scales below zero or that are no numbers"),
    ("OPACITY", 1.5, "opacities beyond 0 to 1"),
    ("OPACITY", np.nan, "opacities beyond 0 to 1"),
])  # fmt: skip
def test_values_that_the_extension_has_not_are_refused(tmp_path, scene, name, value, match):
    maker = Maker()
    attributes = gltfs.splats(maker, scene, 0)
    width = 3 if name == "SCALE" else 1
    attributes[f"{PREFIX}{name}"] = maker.accessor(np.full((50, width), value, "<f4"))
    maker.show({"mesh": maker.mesh(attributes, SPLATS)})
    with pytest.raises(InputError, match=match):
        gscli.read(maker.save(tmp_path / "x.glb"))


def test_axes_still_mean_nothing_to_formats_without(tmp_path, scene):
    with pytest.raises(UsageError, match="is always right-down-front"):
        gscli.write(tmp_path / "x.npz", scene, axes="luf")
