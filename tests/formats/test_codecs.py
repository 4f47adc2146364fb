"""Codecs decode to the same scene, within their steps, and write what they read."""

from __future__ import annotations

import gzip as standard_gzip
import hashlib
import io
import json
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from gscli import fields, formats
from gscli.cloud import GaussianCloud
from gscli.containers import gzip
from gscli.convert import convert, differences
from gscli.errors import GscliError, UsageError, WriteRefused
from gscli.formats import _decoded
from gscli.kernels import structured
from tests.formats import samples


def columns(cloud, names):
    return cloud.columns(names).T


def harmonics(degree: int, directions):
    """(N, K) real spherical harmonics of degrees 1 to 3, in the order and signs of 3DGS (slow twin)."""
    x, y, z = directions.T
    out = [-y, z, -x]
    out = [0.4886025119029199 * v for v in out]
    if degree > 1:
        c = (
            1.0925484305920792,
            -1.0925484305920792,
            0.31539156525252005,
            -1.0925484305920792,
            0.5462742152960396,
        )
        terms = (x * y, y * z, 2 * z * z - x * x - y * y, x * z, x * x - y * y)
        out += [a * t for a, t in zip(c, terms, strict=True)]
    if degree > 2:
        c3 = (-0.5900435899266435, 2.890611442640554, -0.4570457994644658, 0.3731763325901154)
        out += [
            c3[0] * y * (3 * x * x - y * y),
            c3[1] * x * y * z,
            c3[2] * y * (4 * z * z - x * x - y * y),
            c3[3] * z * (2 * z * z - 3 * x * x - 3 * y * y),
            c3[2] * x * (4 * z * z - x * x - y * y),
            1.445305721320277 * z * (x * x - y * y),
            c3[0] * x * (x * x - 3 * y * y),
        ]
    return np.stack(out, axis=1)


def rotation_matrix(q):
    w, x, y, z = q / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_turning_axes_turns_positions_rotations_and_colours_alike(tmp_path, make_scene, degree):
    """What is seen from d before the turn is seen from the turned d after it."""
    path = tmp_path / "scene.spz"
    formats.write(path, make_scene(20, degree, normals=False), allow_lossy=True)
    scene, turned = (formats.read(path, axes=axes) for axes in ("rdf", "rub"))
    turn = np.diag([1.0, -1.0, -1.0])
    directions = np.random.default_rng(1).normal(size=(20, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    rest = [columns(c, fields.sh_rest(degree)).reshape(20, 3, -1) for c in (scene, turned)]
    seen = [
        np.einsum("nck,nk->nc", r, harmonics(degree, d))
        for r, d in zip(rest, (directions, directions @ turn), strict=True)
    ]
    assert np.allclose(seen[0], seen[1], atol=1e-5)
    assert np.allclose(turned.xyz, scene.xyz @ turn)
    for before, after in zip(columns(scene, fields.ROTATION), columns(turned, fields.ROTATION), strict=True):
        covariance = rotation_matrix(before) @ np.diag([1.0, 4.0, 9.0]) @ rotation_matrix(before).T
        found = rotation_matrix(after) @ np.diag([1.0, 4.0, 9.0]) @ rotation_matrix(after).T
        assert np.allclose(turn @ covariance @ turn, found, atol=1e-5)


STEPS = {  # the format's own step, halved where it rounds to the nearest
    "gltf": {"position": 0.0, "scale": 1e-6, "rotation": 1e-4, "colour": 0.0, "opacity": 1e-7},
    "spz": {
        "position": 2e-6,
        "scale": np.expm1(1 / 32) + 1e-6,
        "rotation": 0.25,
        "colour": 0.004,
        "opacity": 0.002,
    },
    "splat": {"position": 1e-12, "scale": 1e-6, "rotation": 1.2, "colour": 0.002, "opacity": 0.002},
    "compressed_ply": {
        "position": 0.006,
        "scale": 0.004,
        "rotation": 0.25,
        "colour": 0.008,
        "opacity": 0.002,
    },
    "sog": {  # books of 256 values are closer where values are closer
        "position": 1e-3,
        "scale": 0.1,
        "rotation": 1.0,
        "colour": 0.02,
        "opacity": 0.002,
    },
}

if not formats.FORMATS.get("usd").missing:
    STEPS["usd"] = STEPS["gltf"]


@pytest.mark.parametrize("degree", [0, 1, 3])
@pytest.mark.parametrize("name", sorted(STEPS))
def test_a_lossy_format_is_off_by_no_more_than_its_step(tmp_path, make_scene, name, degree):
    scene = make_scene(1000, degree, normals=False)
    for column in fields.SH_DC:  # colours within 0..1, which .splat holds
        scene.rows[column] = np.clip(scene.rows[column], -1.7, 1.7)
    target = tmp_path / f"x{formats.FORMATS.get(name).suffixes[0]}"
    formats.write(tmp_path / "x.ply", scene)
    with pytest.raises(WriteRefused, match="precision"):
        convert(tmp_path / "x.ply", target)
    result = convert(tmp_path / "x.ply", target, allow_lossy=True)
    for label, step in STEPS[name].items():
        assert result.largest[label] <= step, label
    if name == "spz" and degree:
        inside = np.abs(columns(scene, fields.sh_rest(degree))) < 0.99  # 127/128 is the largest
        found = columns(formats.read(target), fields.sh_rest(degree))
        assert np.abs(found - columns(scene, fields.sh_rest(degree)))[inside].max() <= 1 / 256 + 1e-6


@pytest.mark.parametrize("name", sorted(STEPS))
def test_writing_what_was_read_changes_nothing_more(tmp_path, make_scene, name):
    suffix = formats.FORMATS.get(name).suffixes[0]
    formats.write(tmp_path / f"a{suffix}", make_scene(300, 0, normals=False), allow_lossy=True)
    first = formats.read(tmp_path / f"a{suffix}")
    order = formats.FORMATS.get(name).writer.order
    formats.write(tmp_path / f"b{suffix}", first, allow_lossy=True)
    wanted = first if order is None else first.take(order(first, None))
    largest = differences(wanted, formats.read(tmp_path / f"b{suffix}"))
    assert largest["opacity"] == 0
    assert all(
        value <= STEPS[name].get(label, 0.01) / 10 or label == "rotation" for label, value in largest.items()
    )


@pytest.mark.parametrize("threads", ["1", "3"])
@pytest.mark.parametrize("name", sorted({*STEPS} - {"usd"}))  # which is written as a whole
def test_blocks_and_threads_change_nothing(tmp_path, make_scene, monkeypatch, name, threads):
    """What is written and read in blocks, of sizes about a block's, is what one block gives."""
    suffix = formats.FORMATS.get(name).suffixes[0]
    monkeypatch.setenv("GSCLI_THREADS", threads)
    for count in (255, 511, 512, 513, 1300):
        scene = make_scene(count, 2)
        kept = np.random.default_rng(count).permutation(count)[: count - 3]
        monkeypatch.setattr(_decoded, "BLOCK", 1 << 13)
        formats.write(tmp_path / f"one{suffix}", scene, index=kept, allow_lossy=True, overwrite=True)
        whole = formats.read(tmp_path / f"one{suffix}")
        monkeypatch.setattr(_decoded, "BLOCK", 512)
        done = []
        formats.write(
            tmp_path / f"many{suffix}",
            scene,
            index=kept,
            allow_lossy=True,
            overwrite=True,
            advance=done.append,
        )
        assert (tmp_path / f"many{suffix}").read_bytes() == (tmp_path / f"one{suffix}").read_bytes()
        assert np.array_equal(formats.read(tmp_path / f"many{suffix}").rows, whole.rows)
        assert sum(done) == count
        assert count < 1300 or len(done) > 2


@pytest.mark.parametrize("name", sorted(STEPS))
def test_a_value_that_no_codec_holds_is_named_by_its_row(tmp_path, make_scene, monkeypatch, name):
    monkeypatch.setattr(_decoded, "BLOCK", 512)
    suffix = formats.FORMATS.get(name).suffixes[0]
    for column in ("scale_1", "opacity"):
        scene = make_scene(1300, 1)
        for axis in fields.POSITION:  # in the order that compressed PLY writes
            scene.rows[axis] = np.arange(1300)
        scene.rows[column][1100] = np.nan
        with pytest.raises(GscliError, match=f"row 1100 of what is to be written has {column} = nan"):
            formats.write(tmp_path / f"x{suffix}", scene, allow_lossy=True)
        assert not list(tmp_path.iterdir())


# Bytes that writing may take for each byte of the rows: the order and packed words of compressed PLY are
# held, and blocks are.
HELD = {"compressed_ply": 0.8, "gltf": 0.3, "pcd": 0.3, "safetensors": 0.3, "splat": 0.3, "spz": 0.8}


@pytest.mark.parametrize("name", sorted(HELD))
def test_no_second_scene_is_held_in_memory(tmp_path, make_scene, monkeypatch, name):
    suffix = formats.FORMATS.get(name).suffixes[0]
    monkeypatch.setattr(_decoded, "BLOCK", 512)
    monkeypatch.setattr(structured, "BLOCK_BYTES", 1 << 18)
    monkeypatch.setattr(gzip, "SEGMENT", 1 << 16)
    monkeypatch.setenv("GSCLI_THREADS", "2")
    formats.write(tmp_path / "x.ply", make_scene(30_000, 3, normals=False))
    cloud = formats.read(tmp_path / "x.ply")
    tracemalloc.start()
    try:
        formats.write(tmp_path / f"x{suffix}", cloud, allow_lossy=True)
        assert tracemalloc.get_traced_memory()[1] < HELD[name] * cloud.rows.nbytes
        tracemalloc.reset_peak()
        back = formats.read(tmp_path / f"x{suffix}")
        assert tracemalloc.get_traced_memory()[1] < 1.8 * back.rows.nbytes
    finally:
        tracemalloc.stop()


@pytest.mark.once
def test_a_palette_is_found_in_little_more_memory_than_its_harmonics(tmp_path, make_scene, monkeypatch):
    pytest.importorskip("PIL")
    monkeypatch.setenv("GSCLI_THREADS", "1")
    formats.write(tmp_path / "x.ply", make_scene(20_000, 3, normals=False))
    cloud = formats.read(tmp_path / "x.ply")
    tracemalloc.start()
    try:
        formats.write(tmp_path / "x.sog", cloud, allow_lossy=True)
        tables = 32_000_000  # of distances and entries, for so many rows
        assert tracemalloc.get_traced_memory()[1] < 1.5 * cloud.rows.nbytes + tables
    finally:
        tracemalloc.stop()


def test_a_far_row_costs_compressed_ply_the_precision_of_one_chunk(tmp_path, make_scene):
    scene = make_scene(3000, 0, normals=False)
    scene.rows["y"][[5, 900, 1800]] = [1e6, -2e7, 3e8]
    formats.write(tmp_path / "x.compressed.ply", scene, allow_lossy=True)
    ordered = scene.take(formats.FORMATS.get("compressed_ply").writer.order(scene, None))
    off = np.abs(formats.read(tmp_path / "x.compressed.ply").xyz - ordered.xyz).max(axis=1)
    assert np.flatnonzero(off > 0.006).tolist() == np.flatnonzero(off[:256] > 0.006).tolist()
    clear = np.sort(scene.rows["opacity"])[:253]  # what fills the chunk
    assert np.sort(ordered.rows["opacity"][3:256])[-1] <= clear[-1] + 0.05


def test_compressed_ply_is_the_same_on_every_machine(tmp_path, make_scene):
    rng = np.random.default_rng(5)
    scene = make_scene(700, 1, normals=False)
    for name in scene.fields:
        scene.rows[name] = rng.integers(-8, 9, 700) / 4
    scene.rows["x"][:2] = [1e4, -1e4]
    formats.write(tmp_path / "x.compressed.ply", scene, allow_lossy=True)
    digest = hashlib.sha256((tmp_path / "x.compressed.ply").read_bytes()).hexdigest()
    assert digest == "a22200c02ff52a8e9d5b5d24bc0c41f274c4652b12f3914e5e4cf61b7157e025"


def quantized(value: float, step: int) -> int:
    """A harmonic as the reference packer stores it (slow twin)."""
    whole = round(value * 128.0) + 128
    return min(max((whole + step // 2) // step * step, 0), 255)


@pytest.mark.parametrize("degree", [0, 1, 3, 4])
def test_compact_spz_holds_what_the_reference_packer_keeps(tmp_path, make_scene, degree):
    scene = make_scene(300, degree, normals=False)
    for quality in ("full", "compact"):
        formats.write(tmp_path / f"{quality}.spz", scene, allow_lossy=True, quality=quality)
    formats.write(tmp_path / "own.spz", scene, allow_lossy=True)
    assert (tmp_path / "own.spz").read_bytes() == (tmp_path / "full.spz").read_bytes()
    sizes = {path.stem: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes["compact"] < 0.96 * sizes["full"]
    data = standard_gzip.decompress((tmp_path / "compact.spz").read_bytes())
    assert data[13] == 12  # bits behind the point
    found = formats.read(tmp_path / "compact.spz")
    assert np.array_equal(found.xyz, np.rint(scene.xyz * 4096.0) / 4096)
    if degree:
        count = (degree + 1) ** 2 - 1
        stored = np.frombuffer(data, "u1", 300 * count * 3, len(data) - 300 * count * 3).reshape(
            300, count, 3
        )
        for row in range(0, 300, 37):
            for i in range(count):
                value = float(scene.rows[f"f_rest_{i}"][row])
                allowed = {quantized(sign * value, 8 if i < 3 else 16) for sign in (1, -1)}
                assert stored[row, i, 0] in allowed


@pytest.mark.parametrize(("kind", "full"), [("u1", 255), ("u2", 65535), ("f4", 1.0)])
@pytest.mark.parametrize("suffix", ["splat", "spz", "compressed.ply"])
def test_colours_in_red_green_and_blue_become_harmonics(tmp_path, make_scene, suffix, kind, full):
    scene = make_scene(60, 0, normals=False)
    rgb = np.random.default_rng(0).random((60, 3))
    plain = {name: scene[name] for name in scene.fields if name not in fields.SH_DC}
    plain |= {name: (rgb[:, i] * full).astype(kind) for i, name in enumerate(("red", "green", "blue"))}
    cloud = GaussianCloud.from_columns(plain)
    with pytest.raises(WriteRefused, match="columns red, green, blue"):
        formats.write(tmp_path / f"x.{suffix}", cloud)
    formats.write(tmp_path / f"x.{suffix}", cloud, allow_lossy=True)
    decoded = formats.read(tmp_path / f"x.{suffix}")
    nearest = ((decoded.xyz[:, None] - cloud.xyz) ** 2).sum(axis=2).argmin(axis=1)  # some codecs sort them
    found = fields.rgb_from_dc(columns(decoded, fields.SH_DC))
    assert np.abs(found - rgb[nearest]).max() < 0.02


def test_compact_is_no_finer_than_the_scene_allows(tmp_path, make_scene):
    scene = make_scene(50, 0, normals=False)
    scene.rows["x"] *= 10_000
    for quality in ("full", "compact"):
        formats.write(tmp_path / f"{quality}.spz", scene, allow_lossy=True, quality=quality)
    assert (tmp_path / "compact.spz").read_bytes() == (tmp_path / "full.spz").read_bytes()


def test_what_compact_loses_is_named_and_measured(tmp_path, make_scene):
    formats.write(tmp_path / "x.ply", make_scene(300, 2, normals=False))
    result = convert(tmp_path / "x.ply", tmp_path / "x.spz", quality="compact", allow_lossy=True)
    assert "steps of 1/4096" in str(result.lost[0])
    assert "harmonics to 5 bits" in str(result.lost[0])
    assert 1e-5 < result.largest["position"] <= np.sqrt(3) / 8192 + 1e-6
    assert result.to_dict()["options"]["quality"] == "compact"


def test_a_quality_of_a_format_without_or_of_no_such_name_is_refused(tmp_path, make_scene):
    scene = make_scene(5, 0, normals=False)
    with pytest.raises(UsageError, match="has one quality"):
        formats.write(tmp_path / "x.ply", scene, quality="full")
    with pytest.raises(UsageError, match="no quality 'compac'"):
        formats.write(tmp_path / "x.spz", scene, allow_lossy=True, quality="compac")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("level", [0, 1, 2])
def test_ksplat_is_read_alike_in_blocks(tmp_path, make_scene, monkeypatch, level):
    path = samples.ksplat(tmp_path / "x.ksplat", make_scene(100, 1, normals=False), level)
    whole = formats.read(path)
    monkeypatch.setattr(_decoded, "BLOCK", 7)
    assert np.array_equal(formats.read(path).rows, whole.rows)


@pytest.mark.parametrize("version", [1, 2])
def test_sog_is_read_alike_in_blocks(tmp_path, make_scene, monkeypatch, version):
    pytest.importorskip("PIL")
    path = samples.sog(tmp_path / "x.sog", make_scene(100, 1, normals=False), version)
    whole = formats.read(path)
    monkeypatch.setattr(_decoded, "BLOCK", 7)
    assert np.array_equal(formats.read(path).rows, whole.rows)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_ksplat_of_every_level_decodes_to_the_scene(tmp_path, make_scene, level):
    scene = make_scene(60, 1, normals=False)
    # Buckets are near their points, as the viewer makes them.
    rng = np.random.default_rng(0)
    for axis in fields.POSITION:
        scene.rows[axis] = rng.uniform(-1, 1, 60)
    cloud = formats.read(samples.ksplat(tmp_path / "x.ksplat", scene, level))
    step = (0, 1e-3, 0.017)[level]
    assert np.abs(cloud.xyz - scene.xyz).max() <= (0, 1e-4, 1e-4)[level]
    assert np.allclose(columns(cloud, fields.SCALE), columns(scene, fields.SCALE), atol=max(step, 1e-5))
    assert np.allclose(columns(cloud, fields.ROTATION), columns(scene, fields.ROTATION), atol=2e-3)
    # The viewer keeps each colour's three harmonics of degree 1 together, as channel major does.
    assert np.allclose(
        columns(cloud, fields.sh_rest(1)), columns(scene, fields.sh_rest(1)), atol=max(step, 1e-6)
    )


@pytest.mark.parametrize("version", [1, 2])
def test_sog_of_both_versions_decodes_to_the_scene(tmp_path, make_scene, version):
    pytest.importorskip("PIL")
    scene = make_scene(100, 1, normals=False)
    zipped = samples.sog(tmp_path / "x.sog", scene, version)
    cloud = formats.read(zipped)
    half = 16 / 255 / 2 + 1e-6
    assert np.abs(cloud.xyz - scene.xyz).max() < 1e-3
    largest = differences(scene, cloud)
    assert largest["rotation"] < 1.0
    assert largest["harmonics"] <= half
    assert largest["opacity"] <= (half if version == 1 else 0.002)
    assert np.abs(columns(cloud, fields.SCALE) - columns(scene, fields.SCALE)).max() <= half
    import zipfile

    with zipfile.ZipFile(zipped) as archive:
        archive.extractall(tmp_path / "folder")
    for path in (tmp_path / "folder", tmp_path / "folder" / "meta.json"):
        assert np.array_equal(formats.read(path).rows, cloud.rows)


def test_spz_of_version_4_is_the_same_as_version_3(tmp_path, scene):
    formats.write(tmp_path / "a.spz", scene, allow_lossy=True)
    samples.spz4(tmp_path / "b.spz", tmp_path / "a.spz")
    assert np.array_equal(formats.read(tmp_path / "a.spz").rows, formats.read(tmp_path / "b.spz").rows)


@pytest.mark.parametrize(
    ("told", "mode"),
    [
        ({}, None),
        ({"model": "antialiased"}, "mip"),
        ({"model": "2dgs"}, "2dgs"),
        ({"model": "default"}, None),
        ({"model": ["mip"]}, None),
        ({"antialias": True}, "mip"),
    ],
)
def test_the_model_of_sog_is_the_render_mode(tmp_path, make_scene, told, mode):
    pytest.importorskip("PIL")
    path = samples.sog(tmp_path / "x.sog", make_scene(20, 1), 2)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["meta.json"] = json.dumps(json.loads(members["meta.json"]) | told).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    assert formats.read(path).render_mode == mode


@pytest.mark.parametrize("count", [1, 15, 16, 17, 300])
def test_sog_is_written_as_its_viewers_read_it(tmp_path, make_scene, count):
    image = pytest.importorskip("PIL.Image")
    scene = make_scene(count, 2, normals=False).with_comment("SplatRenderMode: mip")
    formats.write(tmp_path / "x.sog", scene, allow_lossy=True)
    with zipfile.ZipFile(tmp_path / "x.sog") as archive:
        names = archive.namelist()
        meta = json.loads(archive.read("meta.json"))
        assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())
        pictures = {name: image.open(io.BytesIO(archive.read(name))) for name in names[1:]}
    width = -(-int(np.ceil(np.sqrt(count))) // 4) * 4
    assert (meta["version"], meta["count"], meta["model"]) == (2, count, "antialiased")
    assert names[0] == "meta.json"
    told = {key: meta[key]["files"] for key in ("means", "scales", "quats", "sh0", "shN")}
    assert sorted(file for files in told.values() for file in files) == sorted(names[1:])
    for name, picture in pictures.items():
        assert picture.mode in ("RGB", "RGBA")  # where all is filled
        if name == "shN_centroids.webp":
            assert picture.size == (64 * 8, -(-meta["shN"]["count"] // 64))
        else:
            assert picture.size == (width, -(-count // (4 * width)) * 4)
    books = [meta[key]["codebook"] for key in ("scales", "sh0", "shN")]
    assert all(len(book) == 256 and book == sorted(book) for book in books)
    assert meta["shN"]["bands"] == 2
    assert meta["shN"]["count"] <= count


def test_what_sog_stores_exactly_comes_back_exactly(tmp_path, make_scene):
    """No more values than a book has, and no more harmonics than a palette."""
    pytest.importorskip("PIL")
    scene = make_scene(4000, 3, normals=False)
    kinds = np.random.default_rng(0).integers(0, 80, 4000)
    for name in (*fields.SCALE, *fields.SH_DC, *fields.sh_rest(3)):
        scene.rows[name] = scene.rows[name][kinds]
    for name in fields.sh_rest(3):
        scene.rows[name] = np.rint(scene.rows[name] * 8) / 8
    formats.write(tmp_path / "x.sog", scene, allow_lossy=True)
    ordered = scene.take(formats.FORMATS.get("sog").writer.order(scene, None))
    largest = differences(ordered, formats.read(tmp_path / "x.sog"))
    assert {largest[name] for name in ("scale", "colour", "harmonics")} == {0}
    formats.write(tmp_path / "ply.ply", formats.read(tmp_path / "x.sog"))
    formats.write(tmp_path / "y.sog", formats.read(tmp_path / "ply.ply"), allow_lossy=True)
    one, other = (formats.read(tmp_path / name).rows for name in ("x.sog", "y.sog"))
    for name in (*fields.SCALE, *fields.SH_DC, *fields.sh_rest(3), fields.OPACITY):
        assert np.array_equal(np.sort(one[name]), np.sort(other[name])), name


def test_sog_holds_harmonics_to_degree_3_and_says_so(tmp_path, make_scene):
    pytest.importorskip("PIL")
    scene = make_scene(500, 4, normals=False)
    with pytest.raises(WriteRefused, match="SH degree 4 \\(to 3\\)"):
        formats.write(tmp_path / "x.sog", scene)
    formats.write(tmp_path / "x.sog", scene, allow_lossy=True)
    found = formats.read(tmp_path / "x.sog")
    assert fields.sh_degree(found.fields) == 3
    ordered = scene.take(formats.FORMATS.get("sog").writer.order(scene, None))
    for channel in range(3):  # the first 15 of 24 of each colour
        names = [f"f_rest_{15 * channel + i}" for i in range(15)]
        wanted = columns(ordered, [f"f_rest_{24 * channel + i}" for i in range(15)])
        assert np.corrcoef(columns(found, names).ravel(), wanted.ravel())[0, 1] > 0.8


def test_extreme_positions_and_scales_survive_sog(tmp_path, make_scene):
    pytest.importorskip("PIL")
    scene = make_scene(64, 0, normals=False)
    scene.rows["x"][:3] = [3.4e38, -3.4e38, 0]
    scene.rows["y"] = 7.0
    scene.rows["z"] = np.linspace(-1e-12, 1e-12, 64)
    scene.rows["scale_0"][0] = -1e6
    formats.write(tmp_path / "x.sog", scene, allow_lossy=True)
    found = formats.read(tmp_path / "x.sog")
    ordered = scene.take(formats.FORMATS.get("sog").writer.order(scene, None))
    assert np.allclose(found.rows["x"], ordered.rows["x"], rtol=2e-3, atol=2e-3)
    assert np.allclose(found.rows["y"], 7.0, rtol=1e-6)
    assert np.abs(found.rows["z"] - ordered.rows["z"]).max() < 1e-16
    assert found.rows["scale_0"].min() == -1e6


def test_opaque_and_clear_splats_stay_finite_and_come_back(tmp_path, make_scene):
    scene = make_scene(2, 0, normals=False)
    scene.rows["opacity"] = [np.inf, -np.inf]
    for name in STEPS:
        path = tmp_path / f"x{formats.FORMATS.get(name).suffixes[0]}"
        formats.write(path, scene, allow_lossy=True)
        logits = np.sort(formats.read(path).rows["opacity"])
        assert np.isfinite(logits).all()
        assert np.allclose(fields.sigmoid(logits), [0, 1], atol=1 / 500)


def test_a_position_that_is_not_finite_is_refused_by_row(tmp_path, make_scene):
    scene = make_scene(5, 0, normals=False)
    scene.rows["y"][3] = np.nan
    for name in STEPS:
        with pytest.raises(GscliError, match="row 3 of what is to be written has y = nan"):
            formats.write(tmp_path / f"x{formats.FORMATS.get(name).suffixes[0]}", scene, allow_lossy=True)
    assert not list(tmp_path.iterdir())


def test_two_codecs_of_one_real_scene_agree(data_dir):
    one, other = (formats.read(data_dir / f"biker.{kind}") for kind in ("spz", "compressed.ply"))
    assert len(one) == len(other) == 152_746
    largest = differences(one, other)
    assert largest["position"] < 3e-4  # 2^-12, and 11 bits of a chunk's extent
    assert largest["opacity"] <= 1 / 255 + 1e-6
    assert largest["colour"] <= 1 / 255 / 0.15 * fields.SH_C0
    inside = (columns(other, fields.SCALE) > -10).all(axis=1)  # SPZ ends at e^-10
    scales = np.abs(columns(one, fields.SCALE) - columns(other, fields.SCALE))[inside]
    assert scales.max() < 1 / 16
    assert largest["rotation"] < 0.6


def test_real_fixtures_of_every_version_hold_the_same_square(data_dir):
    square = {(-1.0, -1.0), (-1.0, 0.0), (0.0, -1.0), (0.0, 0.0)}
    for path in sorted(data_dir.glob("minimal*")):
        cloud = formats.read(path)
        assert {(abs(x), abs(z)) for x, z in columns(cloud, ("x", "z")).tolist()} == {
            (abs(a), abs(b)) for a, b in square
        }
        assert (columns(cloud, ("y",)) == 0).all()
        assert np.allclose(fields.sigmoid(cloud.rows["opacity"]), 230 / 255, atol=1e-6)


def test_lzf_copies_that_overlap_repeat(tmp_path: Path):
    from gscli.formats.pcd import lzf

    assert lzf(b"\x01ab" + bytes([7 << 5, 9, 1]), 20) == b"ab" * 10
    with pytest.raises(ValueError, match="before the start"):
        lzf(b"\x20\x05", 3)


def test_packed_and_plain_pcd_are_the_same_cloud(tmp_path, scene):
    packed = formats.read(samples.packed_pcd(tmp_path / "x.pcd", scene))
    assert np.array_equal(packed.rows, scene.rows)
