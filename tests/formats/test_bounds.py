"""Small files that ask for much, and what is no file: read, or refused in one line, in 2 s and 300 MB."""

from __future__ import annotations

import atexit
import io
import json
import os
import pickle
import re
import struct
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from gscli import formats
from gscli.errors import InputError
from tests.formats import trainers

# Looks at each file that a line of stdin names, in a copy of itself, which need not import anything anew.
MEASURED = """
import json, os, signal, sys, time, traceback
from gscli import formats, info
from gscli.errors import GscliError
import gscli.neighbors.kdtree, laspy, PIL.Image

def look(path):
    start, code = time.process_time(), 0
    try:
        told = str(info(path).points)
    except GscliError as error:
        code, told = error.exit_code, str(error)
    peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print(json.dumps([code, told, time.process_time() - start, int(peak) // 1024]), flush=True)

for line in sys.stdin:
    child = os.fork()
    if not child:
        signal.alarm(60)
        try:
            look(json.loads(line))
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if ended:
        print(json.dumps([ended, "", 0, 0]), flush=True)
"""


@cache
def measuring() -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", MEASURED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(process.__exit__, None, None, None)
    return process


def described(path: Path) -> tuple[int, str]:
    """Exit code and line of a look at a file, in a process of its own, held to time and memory."""
    process = measuring()
    assert process.stdin is not None
    assert process.stdout is not None
    print(json.dumps(str(path)), file=process.stdin, flush=True)
    code, told, seconds, megabytes = json.loads(process.stdout.readline())
    assert code in (0, 3), told
    assert seconds < 2
    assert megabytes < 300
    return code, told


def refused(path: Path, match: str) -> None:
    code, line = described(path)
    assert code == 3
    assert re.search(match, line), line
    assert "\n" not in line
    assert len(line) < 1000


def npy(shape: tuple[int, ...], kind: str) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": kind, "fortran_order": False, "shape": shape})
    return out.getvalue() + bytes(int(np.prod(shape)) * np.dtype(kind).itemsize)


def archive(path: Path, members: dict[str, bytes], packed: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", packed) as out:
        for name, body in members.items():
            out.writestr(name, body)
    return path


def safetensors(path: Path, header: object) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(12))
    return path


MEANS = {"dtype": "F32", "shape": [1, 3], "data_offsets": [0, 12]}
XYZ = "".join(f"property float {axis}\n" for axis in "xyz")


def ply(path: Path, before: str = "", properties: str = XYZ, size: int = 12) -> Path:
    head = f"ply\nformat binary_little_endian 1.0\n{before}element vertex 1\n{properties}end_header\n"
    path.write_bytes(head.encode() + bytes(size))
    return path


def test_thirty_thousand_elements_of_a_ply_are_read(tmp_path):
    elements = "".join(f"element e{i} 0\nproperty char a\n" for i in range(30_000))
    assert described(ply(tmp_path / "x.ply", elements)) == (0, "1")


def test_sixty_thousand_properties_of_a_ply_are_refused(tmp_path):
    more = "".join(f"property char p{i}\n" for i in range(50_000))
    refused(ply(tmp_path / "x.ply", properties=XYZ + more, size=50_012), "50,003 properties")


def test_many_columns_of_an_archive_are_refused(tmp_path):
    members = {f"c{i}.npy": npy((1,), "|u1") for i in range(20_000)} | {"means.npy": npy((1, 3), "<f4")}
    refused(archive(tmp_path / "x.npz", members), "20,001 arrays")


def test_many_members_of_an_archive_are_refused_unread(tmp_path):
    members = {f"{'long' * 50}{i}": b"" for i in range(40_000)}
    refused(archive(tmp_path / "x.npz", {"xyz.npy": npy((1, 3), "<f4")} | members), "table of contents")


def test_many_tensors_are_refused(tmp_path):
    tensors = {f"a{i}": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]} for i in range(50_000)}
    refused(safetensors(tmp_path / "x.safetensors", tensors | {"means": MEANS}), "50,001 tensors")


def test_wide_tensors_that_make_many_columns_together_are_refused(tmp_path):
    wide = {"dtype": "U8", "shape": [1, 12], "data_offsets": [0, 12]}
    tensors = {f"a{i}": wide for i in range(4_000)}
    refused(safetensors(tmp_path / "x.safetensors", {"means": MEANS} | tensors), "columns where a scene")


def test_as_many_columns_as_are_allowed_are_read(tmp_path):
    members = {f"c{i}.npy": npy((1,), "|u1") for i in range(4_093)}
    members |= {f"{axis}.npy": npy((1,), "<f4") for axis in "xyz"}
    assert described(archive(tmp_path / "x.npz", members)) == (0, "1")


def test_a_list_of_column_names_that_are_not_there_costs_nothing(tmp_path):
    about = {"columns": json.dumps(["no"] * 300_000)}
    tensors = {f"a{i}": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]} for i in range(4_000)}
    header = {"__metadata__": about, "means": MEANS} | tensors
    assert described(safetensors(tmp_path / "x.safetensors", header)) == (0, "1")


@pytest.mark.parametrize("depth", [900, 100_000])
def test_deeply_nested_json_is_refused(tmp_path, depth):
    nested = b'{"means":' + b"[" * depth + b"]" * depth + b"}"
    refused(safetensors(tmp_path / "x.safetensors", nested), "cannot be read as safetensors")
    meta = b'{"version":2,"count":' + b"[" * depth + b"]" * depth + b',"means":{},"quats":"a.webp"}'
    refused(archive(tmp_path / "x.sog", {"meta.json": meta}), "claims|cannot be read as SOG")


def test_shapes_whose_product_is_astronomical_are_refused(tmp_path):
    shape = [9_999_999_999_999_999] * 200_000
    tensor = {"dtype": "F32", "shape": shape, "data_offsets": [0, 12]}
    refused(safetensors(tmp_path / "x.safetensors", {"means": tensor}), "impossible shape")


EMPTY = {"componentType": 5126, "type": "VEC3"}


def gltf(path: Path, nodes: list, primitives: list, accessors: list, **more) -> Path:
    document = {"asset": {"version": "2.0"}, "nodes": nodes, "meshes": [{"primitives": primitives}]}
    path.write_text(json.dumps(document | {"accessors": accessors} | more, separators=(",", ":")))
    return path


def test_points_of_a_gltf_that_no_buffer_holds_are_not_made(tmp_path):
    primitive = {"attributes": {"POSITION": 0}, "mode": 0}
    for count in (10_000_000, 1 << 50):
        path = gltf(tmp_path / "x.gltf", [{"mesh": 0}], [primitive], [EMPTY | {"count": count}])
        refused(path, "which no scene does")
    path = gltf(tmp_path / "x.gltf", [{"mesh": 0}] * 900, [primitive], [EMPTY | {"count": 100_000}])
    refused(path, "which no scene does")


def test_many_primitives_of_a_gltf_are_refused(tmp_path):
    primitive = {"attributes": {"POSITION": 0}, "mode": 0}
    accessors = [EMPTY | {"count": 1}]
    refused(gltf(tmp_path / "x.gltf", [{"mesh": 0}] * 300_000, [primitive], accessors), "1,000 primitives")
    refused(gltf(tmp_path / "x.gltf", [{"mesh": 0}], [primitive] * 80_000, accessors), "1,000 primitives")
    assert described(gltf(tmp_path / "x.gltf", [{"mesh": 0}] * 1000, [primitive], accessors)) == (0, "1000")


def test_many_attributes_of_a_gltf_are_refused(tmp_path):
    wide = {"attributes": {"POSITION": 0} | {f"_{i}": 1 for i in range(4_000)}, "mode": 0}
    accessors = [EMPTY | {"count": 1}, EMPTY | {"count": 1, "type": "SCALAR"}]
    refused(gltf(tmp_path / "x.gltf", [{"mesh": 0}] * 20, [wide], accessors), "40,000 attributes")
    assert described(gltf(tmp_path / "x.gltf", [{"mesh": 0}] * 9, [wide], accessors)) == (0, "9")
    wide["attributes"] = {"POSITION": 0} | {f"_{i}": 1 for i in range(39_000)}
    refused(gltf(tmp_path / "x.gltf", [{"mesh": 0}], [wide], accessors), "39,003 columns")


def test_deep_and_many_nodes_of_a_gltf_are_cheap(tmp_path):
    primitive = {"attributes": {"POSITION": 0}, "mode": 0}
    turned = {"rotation": [0, 0, 0, 1], "scale": [1, 1, 1]}
    chain = [turned | {"children": [i + 1]} for i in range(40_000)] + [{"mesh": 0}]
    refused(gltf(tmp_path / "x.gltf", chain, [primitive], [EMPTY | {"count": 1}]), "256 levels down")
    flat = [{"children": list(range(1, 60_001))}, *[turned] * 59_000, *[turned | {"mesh": 0}] * 1_000]
    assert described(gltf(tmp_path / "x.gltf", flat, [primitive], [EMPTY | {"count": 1}])) == (0, "1000")
    chains = []
    for _ in range(999):
        chains += [turned | {"children": [len(chains) + i + 1]} for i in range(40)] + [turned | {"mesh": 0}]
    path = gltf(tmp_path / "x.gltf", chains, [primitive], [EMPTY | {"count": 1}])
    assert described(path) == (0, "999")


def test_many_buffers_of_a_gltf_are_cheap(tmp_path):
    primitive = {"attributes": {"POSITION": 0}, "mode": 0}
    for uri in ("data:;base64,", "data:;base64,AAAA", "x"):
        many = [{"byteLength": 3, "uri": uri}] * 80_000
        path = gltf(tmp_path / "x.gltf", [{"mesh": 0}], [primitive], [EMPTY | {"count": 1}], buffers=many)
        assert described(path) == (0, "1")


@pytest.mark.parametrize("depth", [900, 100_000])
def test_deeply_nested_json_of_a_gltf_is_refused(tmp_path, depth):
    nested = b'{"asset":{"version":"2.0"},"accessors":' + b"[" * depth + b"]" * depth + b"}"
    (tmp_path / "x.gltf").write_bytes(nested)
    refused(tmp_path / "x.gltf", "cannot be read as glTF")
    (tmp_path / "y.gltf").write_bytes(nested.replace(b"accessors", b"meshes"))
    refused(tmp_path / "y.gltf", "cannot be read as glTF")


def test_long_json_of_a_gltf_is_refused_unparsed(tmp_path):
    (tmp_path / "x.gltf").write_bytes(b'{"accessors":' + b" " * (64 << 20) + b"}")
    refused(tmp_path / "x.gltf", "more than 4,194,304 bytes of JSON")


def test_many_fields_of_a_pcd_are_refused(tmp_path):
    names = ["x", "y", "z", *["a"] * 4_000]
    lines = [
        f"FIELDS {' '.join(names)}",
        f"SIZE {' '.join('4' for _ in names)}",
        f"TYPE {' '.join('F' for _ in names)}",
        f"COUNT 1 1 1 {' '.join('4096' for _ in names[3:])}",
        "WIDTH 1\nHEIGHT 1\nPOINTS 1\nDATA binary\n",
    ]
    (tmp_path / "x.pcd").write_text("\n".join(["VERSION 0.7", *lines]))
    refused(tmp_path / "x.pcd", "16,384,003 columns")


def test_many_names_of_a_text_file_are_refused(tmp_path):
    (tmp_path / "x.csv").write_text(",".join(["x", "y", "z", *(f"a{i}" for i in range(8_000))]) + "\n")
    refused(tmp_path / "x.csv", "8,003 columns")


def test_buckets_of_a_ksplat_that_are_not_there_are_not_made(tmp_path):
    head = struct.pack("<BBxxIIIIH", 0, 1, 1, 1, 1, 1, 1).ljust(4096, b"\0")
    section = struct.pack("<IIIIfHxxIxxxxIIH", 1, 1, 256, 1, 1.0, 12, 0, 2**30, 0, 0).ljust(1024, b"\0")
    (tmp_path / "x.ksplat").write_bytes(head + section + bytes(12 + 24))
    refused(tmp_path / "x.ksplat", "more filled buckets")


def test_a_rank_of_a_model_that_counts_to_ten_trillion_is_missing_others(tmp_path):
    torch = pytest.importorskip("torch")
    saved = {"step": 3, "splats": {"means": torch.zeros(2, 3)}}
    trainers.save(tmp_path / "ckpt_3_rank0.pt", saved)
    (tmp_path / "ckpt_3_rank9999999999999.pt").touch()
    refused(tmp_path / "ckpt_3_rank0.pt", "rank 1, 2, 3, 4, 5, 6, 7, 8 is missing")


def test_a_picture_of_more_pixels_than_pillow_opens_is_refused(tmp_path):
    """The header of a lossless picture of 16,383 x 16,383; the plain red that follows takes no more."""
    image = pytest.importorskip("PIL.Image")
    out = io.BytesIO()
    image.new("RGBA", (4, 4), "red").save(out, "WEBP", lossless=True)
    vast = bytearray(out.getvalue())
    at = vast.index(b"VP8L") + 9
    bits = int.from_bytes(vast[at : at + 4], "little") >> 28 << 28 | 16_382 << 14 | 16_382
    vast[at : at + 4] = bits.to_bytes(4, "little")
    entry = {"files": ["a.webp", "a.webp"]}
    meta = {"version": 2, "count": 4, "means": entry, "scales": entry, "quats": entry, "sh0": entry}
    members = {"meta.json": json.dumps(meta).encode(), "a.webp": bytes(vast)}
    refused(archive(tmp_path / "x.sog", members), "picture|cannot be read as SOG|claims to unpack")


def doubled(depth: int) -> bytes:
    """A pickled tuple of itself, twice, and so on: 2^depth leaves in 5 bytes each step."""
    return b"N" + b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(depth))


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(b"cnumpy\ndtype\n" + doubled(60) + b"\x85R.", id="as a type"),
        pytest.param(doubled(60) + b".", id="as a model"),
        pytest.param(b"}X\x03\x00\x00\x00xyz" + doubled(60) + b"s.", id="as an array"),
        pytest.param(b"c" + b"a" * 100_000 + b"\nb\n.", id="a long name"),
    ],
)
def test_pickles_that_unfold_are_not_unfolded(tmp_path, program):
    (tmp_path / "x.pickle").write_bytes(b"\x80\x02" + program)
    refused(tmp_path / "x.pickle", ".")


def test_storage_keys_are_texts(tmp_path):
    """A key that is a deep tuple would overflow the stack of whoever looks it up."""
    magic = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
    keys = b"\x80\x02]" + b")" + b"\x85" * 500_000 + b"a."
    (tmp_path / "x.pt").write_bytes(
        magic + pickle.dumps(1001, 2) + pickle.dumps({}, 2) + b"\x80\x02}." + keys
    )
    refused(tmp_path / "x.pt", "a storage that nothing refers to")


# --- what is no file


def odd(path: Path, kind: str) -> Path:
    """A pipe or a device in place of a file."""
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    return path


@pytest.mark.parametrize("kind", ["pipe", "device"])
@pytest.mark.parametrize("member", ["quat.npy", "grid.npz"])
def test_a_member_of_a_scene_folder_that_is_no_file_is_refused(tmp_path, make_scene, member, kind):
    scene = tmp_path / "scene"
    formats.write(f"{scene}/", make_scene(20, 0, normals=False), allow_lossy=True)
    odd(scene / member, kind)
    refused(scene, f"{member}: is a pipe or device, no file")


@pytest.mark.parametrize("kind", ["pipe", "device"])
@pytest.mark.parametrize("member", ["meta.json", "a.webp"])
def test_a_member_of_a_sog_folder_that_is_no_file_is_refused(tmp_path, member, kind):
    entry = {"files": ["a.webp", "a.webp"]}
    meta = {"version": 2, "count": 4, "means": entry, "scales": entry, "quats": entry, "sh0": entry}
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    odd(tmp_path / "a.webp", kind)
    odd(tmp_path / member, kind)
    refused(tmp_path, f"{member}: is a pipe or device, no file")


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_options_beside_a_checkpoint_that_are_no_file_are_left_alone(tmp_path, kind):
    pytest.importorskip("torch")
    trainers.save(tmp_path / "chkpnt.pth", trainers.graphdeco(degree=1))
    odd(tmp_path / "cfg_args", kind)
    assert described(tmp_path / "chkpnt.pth")[0] == 0


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_rank_that_is_no_file_is_refused(tmp_path, kind):
    torch = pytest.importorskip("torch")
    trainers.save(tmp_path / "ckpt_3_rank0.pt", {"step": 3, "splats": {"means": torch.zeros(2, 3)}})
    odd(tmp_path / "ckpt_3_rank1.pt", kind)
    refused(tmp_path / "ckpt_3_rank0.pt", "rank1.pt: is a pipe or device, no file")


@pytest.mark.parametrize("read", [form.read for form in formats.FORMATS], ids=formats.FORMATS.names())
def test_no_reader_waits_for_a_pipe(tmp_path, read):
    """Even where nobody asked first what it is."""
    pipe = odd(tmp_path / "x", "pipe")
    with pytest.raises(InputError, match=r"is a pipe or device, no file|is no folder"):
        read(pipe)
