"""PLY that gzip packed: read as any other, and refused in one line where it is damaged or a bomb."""

from __future__ import annotations

import gzip
import subprocess
import sys

import numpy as np
import pytest

import gscli
from gscli import formats
from gscli.errors import InputError
from gscli.formats import _ply_text


@pytest.fixture
def scene(make_scene):
    return make_scene(5000, 1).with_comment("by hand")


def packed(path, data: bytes):
    path.write_bytes(data)
    return path


def test_it_holds_the_same_rows_and_comments(tmp_path, scene):
    gscli.write(tmp_path / "a.ply", scene)
    data = (tmp_path / "a.ply").read_bytes()
    half = len(data) // 2
    for number, body in enumerate((
        gzip.compress(data),
        gzip.compress(data, 0),
        gzip.compress(data[:half]) + gzip.compress(data[half:]),  # two members
    )):  # fmt: skip
        path = packed(tmp_path / f"{number}.ply.gz", body)
        assert formats.identify(path).name == "ply"
        assert gscli.read(path) == scene
    renamed = packed(tmp_path / "anything", gzip.compress(data))
    assert gscli.read(renamed) == scene
    assert [form.name for form in formats.FORMATS if form.sniff(formats.head_of(renamed))] == ["ply"]


def test_text_and_pipes_are_read_too(tmp_path, scene):
    few = scene.take(slice(0, 20))
    lines = ["ply", "format ascii 1.0", "element vertex 20", *(f"property float {n}" for n in few.fields)]
    head = "\n".join([*lines, "end_header", ""]).encode()
    body = b"".join(_ply_text.print_rows(few.rows, b"\n"))
    path = packed(tmp_path / "a.ply.gz", gzip.compress(head + body))
    assert np.array_equal(gscli.read(path).rows, few.rows)
    command = [sys.executable, "-m", "gscli", "info", "-", "--json"]
    done = subprocess.run(command, input=path.read_bytes(), capture_output=True, check=True)
    assert b'"points": 20' in done.stdout


def test_a_scene_is_thinned_out_of_it(tmp_path, scene):
    gscli.write(tmp_path / "a.ply", scene)
    path = packed(tmp_path / "a.ply.gz", gzip.compress((tmp_path / "a.ply").read_bytes()))
    gscli.resample(path, tmp_path / "b.ply")
    gscli.resample(tmp_path / "a.ply", tmp_path / "c.ply")
    assert gscli.read(tmp_path / "b.ply") == gscli.read(tmp_path / "c.ply")


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        pytest.param(lambda body: body[:-9], "cannot be read as gzip data .cut short", id="cut short"),
        pytest.param(
            lambda body: body[: len(body) // 2], "cannot be read as gzip data .cut short", id="half"
        ),
        pytest.param(lambda body: body[:-8] + b"\0" * 8, "incorrect data check", id="check"),
        pytest.param(lambda body: body + b"more", "cannot be read as gzip data", id="more"),
        pytest.param(lambda body: gzip.compress(gzip.decompress(body)[:-1]), "bytes", id="PLY cut short"),
        pytest.param(
            lambda body: gzip.compress(gzip.decompress(body) + bytes(80 << 20)), "a hundredfold", id="bomb"
        ),
    ],
)
def test_a_damaged_one_is_refused_in_one_line(tmp_path, make_scene, spoil, match):
    gscli.write(tmp_path / "a.ply", make_scene(500, 0))
    body = gzip.compress((tmp_path / "a.ply").read_bytes())
    path = packed(tmp_path / "b.ply.gz", spoil(body))
    with pytest.raises(InputError, match=match) as caught:
        gscli.read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_lists_within_gzip_are_refused_with_what_to_do(tmp_path):
    head = b"ply\nformat binary_little_endian 1.0\nelement vertex 0\n"
    head += b"".join(b"property float " + axis + b"\n" for axis in (b"x", b"y", b"z"))
    path = packed(tmp_path / "a.ply.gz", gzip.compress(head + b"property list uchar int seen\nend_header\n"))
    with pytest.raises(InputError, match="hold lists, within gzip; unpack it with gunzip first"):
        gscli.read(path)
