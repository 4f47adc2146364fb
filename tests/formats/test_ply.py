from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import plyfile
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gscli import formats
from gscli.cloud import GaussianCloud, Header
from gscli.errors import EngineUnavailable, GscliError, InputError, WriteRefused
from gscli.formats import ply
from gscli.kernels.structured import BLOCK_BYTES

from . import slow_ply

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that hypothesis examples may share."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def read_bytes(folder: Path, data: bytes) -> GaussianCloud:
    path = folder / "in.ply"
    path.write_bytes(data)
    return ply.read(path)


def written(folder: Path, cloud: GaussianCloud, **options: Any) -> bytes:
    path = folder / "out.ply"
    ply.write(path, cloud, overwrite=True, **options)
    return path.read_bytes()


def header_of(*lines: str, last: str = "end_header\n") -> bytes:
    return "\n".join(["ply", "format binary_little_endian 1.0", *lines, last]).encode()


def ascii_header(*lines: str) -> bytes:
    return header_of(*lines).replace(b"binary_little_endian", b"ascii")


XYZ = ("property float x", "property float y", "property float z")


def independent(data: bytes) -> plyfile.PlyData:
    return plyfile.PlyData.read(io.BytesIO(data))


def assert_same_rows(got: Any, wanted: Any) -> None:
    assert got.dtype.names == wanted.dtype.names
    for name in wanted.dtype.names:
        assert got[name].dtype.newbyteorder("=") == wanted[name].dtype.newbyteorder("=")
        assert np.array_equal(got[name], wanted[name]), name


def assert_same_lists(got: Any, table: slow_ply.Table) -> None:
    assert len(got) == len(table.rows)
    for row, wanted in zip(got, table.rows, strict=True):
        for (name, _, length), value in zip(table.columns, wanted, strict=True):
            assert (row[name].tolist() if length else row[name]) == value


@given(slow_ply.files())
def test_any_file_reads_as_it_was_made(folder, file):
    cloud = read_bytes(folder, file.bytes())
    assert_same_rows(cloud.rows, file.vertex.array())
    assert cloud.fields == tuple(name for name, _, _ in file.vertex.columns)
    wanted = [line for line in file.header_lines() if line.startswith(b"comment")]
    assert cloud.header.comments == tuple(line[8:].decode() for line in wanted)


@given(slow_ply.files())
def test_an_untouched_binary_file_is_rewritten_byte_for_byte(folder, file):
    again = written(folder, read_bytes(folder, file.bytes()))
    if file.encoding == "ascii":  # numbers may be spelled differently
        assert again[: -len(file.body()) or None].startswith(b"ply")
        assert_same_rows(read_bytes(folder, again).rows, file.vertex.array())
        assert again.split(b"end_header")[0] == file.bytes().split(b"end_header")[0]
    else:
        assert again == file.bytes()


@pytest.mark.filterwarnings("ignore:loadtxt")  # plyfile, of an empty list
@given(slow_ply.files(), st.data())
def test_another_reader_finds_the_chosen_rows_and_everything_else(folder, file, data):
    # plyfile takes obj_info before the first element only
    file.remarks = [(1 if line.startswith(b"obj_info") else place, line) for place, line in file.remarks]
    n = len(file.vertex.rows)
    index = np.array(data.draw(st.lists(st.integers(0, n - 1), max_size=8) if n else st.just([])), np.int64)
    if data.draw(st.booleans()):
        index = np.sort(index)
    cloud = read_bytes(folder, file.bytes())
    output = written(folder, cloud.with_comment("thinned"), index=index)
    found = independent(output)
    assert found.text == (file.encoding == "ascii")
    assert [e.name for e in found.elements] == [t.name for t in file.tables]
    assert_same_rows(found["vertex"].data, file.vertex.array()[index])
    for table in file.tables:
        if table is not file.vertex:
            assert_same_lists(found[table.name].data, table)
    assert found.comments[-1] == "thinned"
    kept = [
        line for line in output.splitlines() if not line.startswith((b"element vertex", b"comment thinned"))
    ]
    wanted = [line for line in file.header_lines() if not line.startswith(b"element vertex")]
    assert kept[: len(wanted)] == wanted


@pytest.mark.parametrize("encoding", sorted(slow_ply.ENCODINGS))
def test_not_a_number_and_infinity_survive(tmp_path, encoding):
    file = slow_ply.scene(3, encoding=encoding)
    for row, value in zip(file.vertex.rows, (float("nan"), float("inf"), float("-inf")), strict=True):
        row[0] = value
    rows = read_bytes(tmp_path, written(tmp_path, read_bytes(tmp_path, file.bytes()))).rows
    assert np.array_equal(rows["x"], np.array([np.nan, np.inf, -np.inf]), equal_nan=True)


@given(st.floats(width=32, allow_nan=False), st.floats(allow_nan=False))
def test_ascii_numbers_are_exact_and_short(folder, single, double):
    file = slow_ply.scene(1, encoding="ascii")
    file.vertex.columns += [("single", "float", None), ("double", "double", None)]
    file.vertex.rows[0] += [single, double]
    output = written(folder, read_bytes(folder, file.bytes()))
    assert read_bytes(folder, output).rows["single"][0] == np.float32(single)
    words = output.splitlines()[-1].split()
    assert float(words[-1]) == double
    assert words[-2:] == [str(np.float32(single)).encode(), repr(double).encode()]


def test_one_tenth_stays_one_tenth(tmp_path):
    data = ascii_header("element vertex 1", "property float x", "property double y", "property uchar z")
    data += b"0.1 0.1 7\n"
    assert written(tmp_path, read_bytes(tmp_path, data)) == data


def test_blank_lines_and_odd_spacing_in_ascii_are_read(tmp_path):
    cloud = read_bytes(tmp_path, ascii_header("element vertex 2", *XYZ) + b"\n  1\t2  3\r\n\n4 5 6")
    assert cloud.xyz.tolist() == [[1, 2, 3], [4, 5, 6]]


STEP = BLOCK_BYTES // 248


@pytest.mark.parametrize("n", [STEP - 1, STEP, STEP + 1, 3 * STEP + 7])
@pytest.mark.parametrize("order", ["sorted", "shuffled", "repeated", "negative", "mask", "all"])
def test_rows_are_gathered_alike_whatever_the_block_they_lie_in(tmp_path, n, order):
    rng = np.random.default_rng(n)
    rows = rng.integers(0, 256, n * 248, np.uint8).view([(f"f{i}", "<u4") for i in range(62)])
    rows.dtype.names = ("x", "y", "z", *rows.dtype.names[3:])
    chosen = np.flatnonzero(rng.random(n) < 0.3)
    chosen = np.union1d(chosen, [0, STEP - 2, n - 1])
    index = {
        "sorted": chosen,
        "shuffled": rng.permutation(chosen),
        "repeated": np.sort(np.concatenate([chosen, chosen])),
        "negative": chosen - n,
        "mask": np.isin(np.arange(n), chosen),
        "all": None,
    }[order]
    path = tmp_path / "in.ply"
    ply.write(path, GaussianCloud(rows))
    output = written(tmp_path, ply.read(path), index=index)
    wanted = rows if index is None else rows[index]
    assert output.endswith(b"end_header\n" + wanted.tobytes())
    assert f"element vertex {len(wanted)}\n".encode() in output


def test_an_index_beyond_the_rows_writes_nothing(tmp_path, scene):
    with pytest.raises(IndexError):
        ply.write(tmp_path / "out.ply", scene, index=np.array([0, len(scene)]))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("degree", range(5))
@pytest.mark.parametrize("normals", [True, False])
def test_every_sh_degree_survives(tmp_path, make_scene, degree, normals):
    cloud = make_scene(20, degree, normals=normals)
    data = written(tmp_path, cloud)
    assert_same_rows(independent(data)["vertex"].data, cloud.rows)
    assert_same_rows(read_bytes(tmp_path, data).rows, cloud.rows)


def test_shuffled_coefficients_keep_their_stored_order(tmp_path, make_scene):
    rows = make_scene(5, 3).rows
    shuffled = rows[list(np.random.default_rng(1).permutation(rows.dtype.names))]
    cloud = read_bytes(tmp_path, written(tmp_path, GaussianCloud(shuffled)))
    assert cloud.fields == shuffled.dtype.names
    assert np.array_equal(cloud.rows["f_rest_10"], rows["f_rest_10"])


def test_bytes_that_are_no_utf8_survive_in_comments_and_names(tmp_path):
    data = slow_ply.scene(
        remarks=[(1, b"comment caf\xe9  \t"), (1, "comment \u00fc\u00a0x".encode())]
    ).bytes()
    data = data.replace(b"uchar label", b"uchar l\xe4bel")
    cloud = read_bytes(tmp_path, data)
    assert cloud.header.comments[0] == "\u00fc\u00a0x"
    assert written(tmp_path, cloud) == data
    assert b"comment caf\xe9  \t\ncomment more\n" in written(tmp_path, cloud.with_comment("more"))


def test_a_no_break_space_does_not_end_a_property_name(tmp_path):
    data = slow_ply.scene().bytes().replace(b"uchar label", "uchar la\u00a0bel".encode())
    assert read_bytes(tmp_path, data).fields[-1] == "la\u00a0bel"


def with_comments(cloud: GaussianCloud, *comments: str) -> GaussianCloud:
    return GaussianCloud(cloud.rows, Header("ply", comments, cloud.header.native))


def test_added_comments_come_before_the_first_element(tmp_path):
    cloud = read_bytes(tmp_path, slow_ply.scene().bytes())
    output = written(tmp_path, cloud.with_comment("one").with_comment("").with_comment("two"))
    assert b"obj_info made by hand\ncomment one\ncomment\ncomment two\nelement camera" in output
    assert read_bytes(tmp_path, output).header.comments == ("antialiased 1", "one", "", "two")


def test_changed_comments_replace_the_stored_ones(tmp_path):
    cloud = with_comments(read_bytes(tmp_path, slow_ply.scene().bytes()), "other")
    output = written(tmp_path, cloud)
    assert b"antialiased" not in output
    assert b"obj_info made by hand\ncomment other\nelement" in output


@pytest.mark.parametrize("text", ["two\nlines", "carriage\rreturn"])
def test_a_comment_of_several_lines_is_refused(tmp_path, scene, text):
    with pytest.raises(GscliError, match="line break"):
        ply.write(tmp_path / "out.ply", with_comments(scene, text))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("encoding", sorted(slow_ply.ENCODINGS))
def test_changed_columns_are_written_in_the_encoding_of_the_file(tmp_path, encoding):
    cloud = read_bytes(tmp_path, slow_ply.scene(encoding=encoding, newline=b"\r\n").bytes())
    rows = np.zeros(len(cloud), [("z", "<f8"), ("y", ">f4"), ("x", "<f4"), ("new", "?")])
    rows["z"], rows["y"], rows["x"], rows["new"] = *cloud.xyz.T[::-1], [True, False, True, True]
    output = written(tmp_path, GaussianCloud(rows, cloud.header))
    assert f"format {encoding} 1.0\r\n".encode() in output
    assert (
        b"property double z\r\nproperty float y\r\nproperty float x\r\nproperty uchar new\r\nelement face"
        in output
    )
    found = independent(output)
    assert found["vertex"]["z"].tolist() == cloud.rows["z"].tolist()
    assert found["vertex"]["new"].tolist() == [1, 0, 1, 1]
    assert_same_lists(found["face"].data, slow_ply.scene().tables[-1])


def test_padded_strided_and_swapped_rows_are_written_packed(tmp_path):
    aligned = np.zeros(6, np.dtype([("label", "u1"), ("x", ">f8"), ("y", "f4"), ("z", "f4")], align=True))
    aligned["x"] = np.arange(6)
    packed = np.zeros(6, [("x", "<f8"), ("y", "<f4"), ("z", "<f4")])
    packed["x"] = np.arange(6)
    for rows in (aligned, aligned[::-2], aligned[["x", "y", "z"]], packed[::-2]):
        found = independent(written(tmp_path, GaussianCloud(rows)))["vertex"].data
        assert found.dtype.names == rows.dtype.names
        assert found["x"].tolist() == rows["x"].tolist()
        assert found.dtype["x"] == np.dtype("<f8")


def test_columns_without_a_ply_type_are_named_and_the_others_kept(tmp_path):
    big = 2**53
    types = [
        ("x", "f4"),
        ("y", "f2"),
        ("z", "f8"),
        ("flag", "?"),
        ("id", "i8"),
        ("huge", "u8"),
        ("low", "i8"),
    ]
    types += [
        ("text", "U4"),
        ("vector", "f4", (3,)),
        ("wide", np.longdouble),
        ("two words", "f4"),
        ("c", "c8"),
    ]
    rows = np.zeros(2, types)
    rows["id"], rows["huge"], rows["low"] = [big, -big], [0, big + 1], [-big - 1, 0]
    rows["y"], rows["flag"] = 0.5, True
    cloud = GaussianCloud(rows)
    named = "; ".join(map(str, ply.unsupported(cloud)))
    for lost in ("huge", "low", "text", "vector", "wide", "two words", "column c "):
        assert lost in named
    for held in ("column x", "column y", "column z", "flag", "column id"):
        assert held not in named
    with pytest.raises(WriteRefused, match=r"huge.*allow_lossy=True"):
        formats.write(tmp_path / "out.ply", cloud)
    formats.write(tmp_path / "out.ply", cloud, allow_lossy=True)
    again = ply.read(tmp_path / "out.ply").rows
    assert again.dtype.names == ("x", "y", "z", "flag", "id", "huge", "low", "wide")
    assert again["id"].tolist() == [big, -big]
    assert again["y"].tolist() == [0.5, 0.5]
    assert again["flag"].tolist() == [1, 1]


def test_elements_that_number_vertices_are_named(tmp_path, scene):
    file = slow_ply.scene()
    file.tables.append(
        slow_ply.Table("edge", [("vertex1", "int", None), ("vertical", "float", None)], [[0, 1.0]])
    )
    assert ply.references_rows(read_bytes(tmp_path, file.bytes())) == ["face.vertex_indices", "edge.vertex1"]
    assert ply.references_rows(read_bytes(tmp_path, slow_ply.scene(2).bytes())) == []  # no faces
    assert ply.references_rows(scene) == []


@pytest.mark.parametrize("alike", [True, False])
@pytest.mark.parametrize("order", ["before", "after"])
def test_meshes_longer_than_a_block_are_measured(tmp_path, alike, order):
    n = BLOCK_BYTES // 13 + 5
    rows = np.zeros(n, [("n", "u1"), ("i", "<i4", (3,))])
    rows["n"] = 3
    faces = rows.tobytes() + (b"" if alike else bytes([4, *range(16)]))
    count = n if alike else n + 1
    lines = ["element vertex 1", *(f"property float {axis}" for axis in "xyz")]
    face = [f"element face {count}", "property list uchar int vertex_indices"]
    header = ["ply", "format binary_little_endian 1.0"] + (
        face + lines if order == "before" else lines + face
    )
    point = np.array([1, 2, 3], "<f4").tobytes()
    body = faces + point if order == "before" else point + faces
    data = "\n".join([*header, "end_header\n"]).encode() + body
    cloud = read_bytes(tmp_path, data)
    assert cloud.xyz.tolist() == [[1, 2, 3]]
    assert written(tmp_path, cloud) == data
    with pytest.raises(
        InputError, match=f"holds {len(body) + 1:,} bytes where its header promises {len(body):,}"
    ):
        read_bytes(tmp_path, data + b"\0")


# --- files that are unusual -----------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_lists_of_vertices_are_left_out_and_that_is_said(tmp_path, encoding):
    order = {"binary_big_endian": ">"}.get(encoding, "<")
    points = np.random.default_rng(0).normal(size=(60, 3)).astype(order + "f4")
    lines = ["ply", f"format {encoding} 1.0", "comment of a multi-view program", "element vertex 60"]
    lines += ["property float X", "property float Y", "property list uchar uint view_indices"]
    lines += [
        "property float Z",
        "property uchar red",
        "element face 1",
        "property list uchar int v",
        "end_header",
    ]
    body = b""
    for i, (x, y, z) in enumerate(points):
        views = np.arange(i % 4, dtype=order + "u4")
        if encoding == "ascii":
            body += " ".join(map(str, (x, y, len(views), *views, z, i))).encode() + b"\n"
        else:
            head = points[i, :2].tobytes() + bytes([len(views)]) + views.tobytes()
            body += head + points[i, 2:].tobytes() + bytes([i])
    body += b"2 0 1\n" if encoding == "ascii" else bytes([2]) + np.arange(2, dtype=order + "i4").tobytes()
    cloud = read_bytes(tmp_path, "\n".join(lines).encode() + b"\n" + body)
    assert cloud.fields == ("x", "y", "z", "red")
    assert np.array_equal(cloud.xyz, points)
    assert cloud["red"].tolist() == list(range(60))
    assert cloud.header.notes == ("left out: the list view_indices of its vertices, element face",)
    assert cloud.header.comments == ("of a multi-view program",)
    formats.write(tmp_path / "out.ply", cloud)
    assert np.array_equal(formats.read(tmp_path / "out.ply").rows, cloud.rows)


def test_lists_without_plyfile_name_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "plyfile", None)
    data = header_of("element vertex 1", *XYZ, "property list uchar int a") + bytes(13)
    with pytest.raises(EngineUnavailable, match=r"hold lists needs plyfile, which is not .*plyfile"):
        read_bytes(tmp_path, data)


@pytest.mark.parametrize("count", [3, 10**15])
def test_more_rows_with_lists_than_the_body_has_room_for_are_refused_unread(tmp_path, count):
    data = header_of(f"element vertex {count}", *XYZ, "property list uchar int a")
    with pytest.raises(InputError, match=r"promises at least"):
        read_bytes(tmp_path, data + bytes(30))


def test_lists_that_end_early_are_damaged(tmp_path):
    data = header_of("element vertex 3", *XYZ, "property list uchar int a")
    with pytest.raises(InputError, match="is damaged: "):
        read_bytes(tmp_path, data + b"\xff" * 50)


@pytest.mark.parametrize("encoding", ["ascii", "binary_little_endian"])
def test_header_lines_may_end_with_carriage_returns(tmp_path, encoding):
    points = np.random.default_rng(0).normal(size=(70, 3)).astype("<f4")
    points[:, 0] = np.frombuffer(b"\r\r\n\r" * 70, "<f4")  # line ends in the numbers
    lines = [
        "ply",
        f"format {encoding} 1.0",
        "comment by a modeller",
        "element vertex 70",
        *XYZ,
        "end_header",
        "",
    ]
    text = "".join(" ".join(map(repr, row)) + "\r" for row in points.tolist())
    data = "\r".join(lines).encode() + (text.encode() if encoding == "ascii" else points.tobytes())
    cloud = read_bytes(tmp_path, data)
    assert np.array_equal(cloud.xyz, points)
    assert cloud.header.comments == ("by a modeller",)
    formats.write(tmp_path / "out.ply", cloud)
    assert (tmp_path / "out.ply").read_bytes().startswith(b"ply\nformat")
    assert np.array_equal(formats.read(tmp_path / "out.ply").xyz, points)


@pytest.mark.parametrize("width", [1, 2, 4, 8, 1000])
def test_the_numbers_of_a_text_may_be_on_lines_of_any_length(tmp_path, width):
    points = np.random.default_rng(0).normal(size=(40, 4)).astype("f4")
    words = [*map(str, points.reshape(-1)), "3", "0", "1"]
    lines = [" ".join(words[i : i + width]) for i in range(0, len(words), width)]
    more = ["property float w", "element edge 1", "property int a", "property int b", "property int c"]
    data = ascii_header("element vertex 40", *XYZ, *more) + "\n".join(lines).encode() + b"\n"
    cloud = read_bytes(tmp_path, data)
    assert np.array_equal(cloud.columns(("x", "y", "z", "w")).T, points)


# --- files that are wrong -------------------------------------------------------------------------


WRONG = {
    "empty": (b"", "is empty"),
    "text": (b"Dear reader,\nthis is no point cloud\n", "its first line is not 'ply'"),
    "binary": (bytes(range(256)) * 5000, "its first line is not 'ply'"),
    "plywood": (b"plywood\n", "its first line is not 'ply'"),
    "carriage returns": (b"ply\rformat ascii 1.0\r", "no end_header"),
    "carriage returns without end": (
        b"ply\r" + b"\r" * 70_000 + b"end_header\r",
        "no end within 65,536 lines",
    ),
    "only ply": (b"ply", "no end_header"),
    "no end": (header_of("element vertex 0", *XYZ, last=""), "no end_header"),
    "endless lines": (b"ply\n" + b"\n" * 70_000 + b"end_header\n", "no end within 65,536 lines"),
    "endless line": (b"ply\ncomment " + b"a" * (2 << 20), "no end within"),
    "no format": (b"ply\nelement vertex 0\nproperty float x\nend_header\n", "no format line"),
    "format twice": (header_of("format ascii 1.0"), "header line 3 is not understood"),
    "other format": (
        b"ply\nformat binary_middle_endian 1.0\nend_header\n",
        "header line 2 is not understood",
    ),
    "other version": (b"ply\nformat ascii 2.0\nend_header\n", "header line 2 is not understood"),
    "no elements": (header_of(), r"no vertex element \(elements: none\)"),
    "no vertex": (header_of("element face 0", "property float x"), r"no vertex element \(elements: face\)"),
    "no x": (header_of("element vertex 0", *XYZ[1:]), "have no x; points need"),
    "no x y z": (header_of("element vertex 0", "property float a"), "have no x, y, z;"),
    "two x": (header_of("element vertex 0", "property float X", *XYZ[1:], "property float Y"), "have no x;"),
    "list of x": (
        header_of("element vertex 0", "property list uchar float x", *XYZ[1:]),
        "property x is a list",
    ),
    "property twice": (header_of("element vertex 0", *XYZ, "property int x"), "declares property x twice"),
    "element twice": (
        header_of("element vertex 0", *XYZ, "element vertex 0"),
        "declares element vertex twice",
    ),
    "negative": (header_of("element vertex -3", *XYZ), "'-3' rows"),
    "fraction": (header_of("element vertex 1.5", *XYZ), "'1.5' rows"),
    "huge": (header_of("element vertex " + "9" * 5000, *XYZ), "which is no row count"),
    "unknown type": (
        header_of("element vertex 0", *XYZ, "property half a"),
        "unknown type 'half'.*known types",
    ),
    "unknown length": (header_of("element vertex 0", *XYZ, "property list x int a"), "unknown type 'x'"),
    "float length": (header_of("element vertex 0", *XYZ, "property list float int a"), "counts a list"),
    "early property": (header_of("property float x"), "header line 3 is not understood"),
    "short property": (header_of("element vertex 0", "property float"), "header line 4 is not understood"),
    "other keyword": (header_of("elephant vertex 0"), "'elephant vertex 0'"),
    "words": (header_of("element vertex 0 0"), "header line 3 is not understood"),
    "no columns": (header_of("element vertex 0", *XYZ, "element a 3"), "a has 3 rows but no properties"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_header_is_one_line_that_says_what_is_wrong(tmp_path, name):
    data, message = WRONG[name]
    with pytest.raises(InputError, match=message) as caught:
        read_bytes(tmp_path, data)
    line = str(caught.value)
    assert line.startswith(f"{tmp_path / 'in.ply'}: ")
    assert "\n" not in line
    assert len(line) < len(str(tmp_path)) + 250


@pytest.mark.parametrize("encoding", ["binary_little_endian", "binary_big_endian"])
@pytest.mark.parametrize("faces", [True, False])
@pytest.mark.parametrize("missing", [1, 12, 40])
def test_a_short_body_is_refused_with_both_sizes(tmp_path, encoding, faces, missing):
    file = slow_ply.scene(6, encoding=encoding)
    if not faces:
        file.tables.pop()
    size = len(file.body())
    with pytest.raises(
        InputError, match=rf"holds {size - missing:,} bytes where .* promises (at least )?[\d,]+"
    ):
        read_bytes(tmp_path, file.bytes()[:-missing])
    if not faces:
        with pytest.raises(InputError, match=f"promises {size:,};"):
            read_bytes(tmp_path, file.bytes()[:-missing])


@given(slow_ply.files(), st.data())
@settings(suppress_health_check=[HealthCheck.filter_too_much])
def test_no_truncated_binary_file_passes_for_whole(folder, file, data):
    file.encoding = "binary_big_endian"
    size = len(file.body())
    if size:
        with pytest.raises(InputError):
            read_bytes(folder, file.bytes()[: -data.draw(st.integers(1, size))])
    with pytest.raises(InputError, match=f"holds {size + 1:,} bytes where its header promises {size:,};"):
        read_bytes(folder, file.bytes() + b"\n")


@pytest.mark.parametrize("encoding", sorted(slow_ply.ENCODINGS))
@pytest.mark.parametrize("element", [b"vertex", b"face", b"camera"])
def test_a_claim_of_a_million_million_rows_is_refused_at_once(tmp_path, encoding, element):
    data = slow_ply.scene(encoding=encoding).bytes()
    old = {b"vertex": b"4", b"face": b"2", b"camera": b"1"}[element]
    with pytest.raises(InputError, match=r"holds \d+ bytes where its header promises (at least )?[\d,]{14,}"):
        read_bytes(
            tmp_path,
            data.replace(b"element " + element + b" " + old, b"element " + element + b" 999999999999"),
        )


@pytest.mark.parametrize("length", [b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff"])
def test_a_list_of_absurd_length_is_refused(tmp_path, length):
    head = header_of("element face 2", "property list int double a", "element vertex 1", *XYZ)
    with pytest.raises(InputError, match=r"promises at least|has a list of -1 entries"):
        read_bytes(tmp_path, head + length + bytes(40))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"1.5 2 3 4\n1 2 3", "line 10: 3 values where a vertex has 4"),
        (b"1 2 3 4\n1 2 3 4 5\n", "line 10: 5 values where a vertex has 4"),
        (b"1 2 3 4\n\n1 2 x 4\n", "line 11: could not convert string 'x' to float32"),
        (b"1 2 3 4\n1 2 3 256\n", "line 10: could not convert string '256' to uint8"),
        (b"1 2 3 4\n1 2 3 -1\n", "line 10: .*'-1'"),
        (b"1 2 3 300\n1 2 3 4\n", "line 9: .*'300'"),
        (b"1 2 3 4\n1 2 3 4.5\n", "line 10: .*'4.5'"),
        (b"11111.5 2 3 4\n\n\n\n", "ends after 1 of 2 rows of element vertex"),
        (b" \n" * 9, "ends after 0 of 2 rows of element vertex"),
        (b"1 2 3 4\n1 2 3 4\n1 2 3 4\n\n5", "holds 2 more lines than its header promises"),
        (b"1 2 3", "holds 5 bytes where its header promises at least 15"),
        (b"1 2 3 x\n" + b"1 2 3 4\n" * 2, "line 9: "),
        (bytes(range(256)), "line 9: "),
    ],
)
@pytest.mark.filterwarnings("default::DeprecationWarning")  # as users have it: old NumPy only warns
def test_wrong_ascii_rows_are_refused_by_line(tmp_path, body, message):
    head = ascii_header("element vertex 2", *XYZ, "property uchar a")
    with pytest.raises(InputError, match=message) as caught:
        read_bytes(tmp_path, head + body)
    assert "\n" not in str(caught.value)


def test_ascii_elements_that_end_early_are_refused(tmp_path):
    data = slow_ply.scene(encoding="ascii").bytes()
    shorter = data[: data.rindex(b"\n3 ") + 1] + b"\n" * 9
    with pytest.raises(InputError, match="ends after 1 of 2 rows of element face"):
        read_bytes(tmp_path, shorter)


def test_missing_files_folders_and_pipes_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        ply.read(tmp_path / "absent.ply")
    with pytest.raises(InputError, match="directory"):
        ply.read(tmp_path)
    with pytest.raises(InputError, match="is a pipe or device, no file"):
        ply.read(os.devnull)


@pytest.mark.parametrize("head", [b"ply\n", b"ply\r\n", b"ply \n"])
def test_sniffing_finds_ply(head):
    assert ply.sniff(head + b"format")


@pytest.mark.parametrize("head", [b"", b"ply", b"plywood\n", b"ply is a word\n", b"\nply\n", b"PK\3\4"])
def test_sniffing_leaves_others_alone(head):
    assert not ply.sniff(head)


# --- files in use -------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", sorted(slow_ply.ENCODINGS))
def test_a_file_may_be_replaced_by_its_own_rows(tmp_path, encoding):
    path = tmp_path / "scene.ply"
    file = slow_ply.scene(5000, encoding=encoding)
    path.write_bytes(file.bytes())
    cloud = ply.read(path)
    index = np.arange(0, 5000, 2)
    ply.write(path, cloud, overwrite=True, index=index)
    assert_same_rows(ply.read(path).rows, file.vertex.array()[index])
    assert_same_rows(cloud.rows, file.vertex.array())  # the map still shows the old file
    assert os.listdir(tmp_path) == ["scene.ply"]


def test_writers_of_one_path_leave_one_whole_file(tmp_path, make_scene):
    path = tmp_path / "out.ply"
    clouds = [make_scene(20_000 + i, 1, seed=i) for i in range(4)]
    threads = [threading.Thread(target=ply.write, args=(path, c), kwargs={"overwrite": True}) for c in clouds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = ply.read(path).rows
    assert any(len(rows) == len(c) and np.array_equal(rows, c.rows) for c in clouds)
    assert os.listdir(tmp_path) == ["out.ply"]


def test_existing_files_are_refused_without_overwrite(scene_file, scene):
    before = scene_file.read_bytes()
    with pytest.raises(WriteRefused, match="overwrite=True"):
        ply.write(scene_file, scene)
    assert scene_file.read_bytes() == before


def run(script: str, *arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
    prelude = "import sys\nimport numpy as np\nfrom gscli import formats\nfrom gscli.formats import ply\n"
    return subprocess.run(
        [sys.executable, "-c", prelude + script, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        **options,
    )


@pytest.mark.skipif(os.name != "posix", reason="limits the size of files")
def test_a_disk_that_fills_up_leaves_the_old_file_and_nothing_else(tmp_path, make_scene):
    path = tmp_path / "scene.ply"
    ply.write(path, make_scene(20_000, 3))  # 4.9 MB
    before = path.read_bytes()
    limit = "import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))\n"
    done = run(limit + "ply.write(sys.argv[1], ply.read(sys.argv[1]), overwrite=True)", path)
    assert b"GscliError" in done.stderr
    assert b"cannot be written (File too large)" in done.stderr
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["scene.ply"]


@pytest.mark.parametrize("encoding", sorted(slow_ply.ENCODINGS))
def test_stdin_to_stdout_through_pipes(encoding):
    file = slow_ply.scene(9, encoding=encoding)
    script = "formats.write('-', formats.read('-'), index=np.array([1, 8]))"
    done = run(script, input=file.bytes(), check=True)
    assert_same_rows(independent(done.stdout)["vertex"].data, file.vertex.array()[[1, 8]])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_is_written_straight(tmp_path, scene):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    ply.write(pipe, scene)
    reader.join()
    assert_same_rows(independent(received[0])["vertex"].data, scene.rows)


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="needs /dev/fd")
@pytest.mark.parametrize("encoding", sorted(slow_ply.ENCODINGS))
def test_an_unlinked_file_reads_any_number_of_times(encoding):
    file = slow_ply.scene(encoding=encoding)
    with tempfile.TemporaryFile() as stream:
        stream.write(file.bytes())
        stream.flush()
        clouds = [formats.read(f"/dev/fd/{stream.fileno()}") for _ in range(3)]
    for cloud in clouds:
        assert_same_rows(cloud.rows, file.vertex.array())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_thinning_a_large_file_takes_no_memory(tmp_path):
    path = tmp_path / "large.ply"
    n = 400_000  # 99 MB of zeros
    names = ["x", "y", "z", *(f"f{i}" for i in range(59))]
    head = header_of(f"element vertex {n}", *(f"property float {name}" for name in names))
    with path.open("wb") as stream:
        stream.write(head)
        stream.truncate(len(head) + 248 * n)
    script = """
import re
from pathlib import Path
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
ply.write(sys.argv[2], ply.read(sys.argv[3]))  # imports done
before = peak()
cloud = ply.read(sys.argv[1])
print(peak() - before)
ply.write(sys.argv[2], cloud, overwrite=True, index=np.arange(0, len(cloud), 2))
print(peak() - before)
"""
    small = tmp_path / "small.ply"
    small.write_bytes(slow_ply.scene().bytes())
    done = run(script, path, tmp_path / "out.ply", small, check=True)
    to_read, to_write = map(int, done.stdout.split())
    assert to_read < 2_000  # kB
    assert to_write < 20_000


def test_real_gaussians_are_rewritten_byte_for_byte(tmp_path, data_dir):
    path = data_dir / "donut.ply"
    cloud = formats.read(path)
    assert len(cloud) == 45_624
    assert written(tmp_path, cloud) == path.read_bytes()
    index = np.arange(0, len(cloud), 3)
    found = independent(written(tmp_path, cloud.with_comment("a third"), index=index))
    wanted = plyfile.PlyData.read(str(path))["vertex"].data[index]
    assert_same_rows(found["vertex"].data, wanted)
