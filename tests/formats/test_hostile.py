"""Files made to do harm: nothing in them runs, and each ends in one line, in little memory and time."""

from __future__ import annotations

import gzip
import importlib
import io
import json
import os
import pickle
import re
import struct
import subprocess
import sys
import types
import zipfile
from pathlib import Path

import numpy as np
import pytest

from gscli import formats
from gscli.containers import pickles
from gscli.errors import EngineUnavailable, GscliError, InputError, UsageError
from tests.formats import e57s


class Payload:
    """Unpickled, it makes a file."""

    def __init__(self, proof: Path) -> None:
        self.command = f"touch {proof}"

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.fixture
def proof(tmp_path):
    path = tmp_path / "it-ran"
    yield path
    assert not path.exists()


def refused(path: Path, match: str | None = None) -> None:
    """Hold that a file is bad input, told in one line; nothing can be said without its format's library."""
    with pytest.raises((InputError, EngineUnavailable)) as caught:
        formats.read(path)
    if isinstance(caught.value, EngineUnavailable):
        pytest.skip(str(caught.value))
    assert re.search(match or "", str(caught.value))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_runs_a_command_is_refused_by_its_global(tmp_path, proof, protocol):
    path = tmp_path / "point_cloud.pickle"
    path.write_bytes(pickle.dumps({"xyz": Payload(proof)}, protocol))
    refused(path, r"names (posix|nt|os)\.system.*trust_pickle=True")


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
def test_a_checkpoint_that_runs_a_command_is_refused_by_its_global(tmp_path, proof, new):
    torch = pytest.importorskip("torch")
    path = tmp_path / "chkpnt30000.pth"
    torch.save((Payload(proof), torch.zeros(3, 3)), path, _use_new_zipfile_serialization=new)
    refused(path, r"names (posix|nt|os)\.system")


class Call:
    """Pickled, it is the call of whatever function with whatever arguments."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("key", ["hyper_parameters", "callbacks", "note"])
@pytest.mark.parametrize("name", ["os.system", "builtins.eval", "builtins.getattr", "subprocess.Popen"])
def test_a_command_in_a_lightning_checkpoint_does_not_run_and_is_named(tmp_path, proof, key, name):
    pytest.importorskip("torch")
    from tests.formats import trainers

    module, _, attribute = name.rpartition(".")
    command = f"open({str(proof)!r}, 'w')" if name == "builtins.eval" else f"touch {proof}"
    hostile = Call(getattr(importlib.import_module(module), attribute), command)
    with trainers.their_classes("internal.models.Mine") as (mine,):
        hidden = mine(more=[mine(sh_degree={"deep": (hostile,)})])
        path = trainers.save(tmp_path / "c.ckpt", {**trainers.lightning(), key: hidden})
    refused(path, r"names (posix|nt|builtins|__builtin__|commands)\.(system|eval|getattr|Popen)")


def test_a_function_of_another_package_is_never_called_nor_looked_up(tmp_path, proof, monkeypatch):
    pytest.importorskip("torch")
    from tests.formats import trainers

    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "sprung.py").write_text(
        f"def spring(*_):\n    open({str(proof)!r}, 'w')\n    return dict()\nspring()\n"
    )
    module = types.ModuleType("sprung")
    exec("def spring(*_): return {}", module.__dict__)
    module.spring.__module__ = "sprung"
    monkeypatch.setitem(sys.modules, "sprung", module)
    saved = {**trainers.lightning(), "hyper_parameters": {"gaussian": Call(module.spring, str(proof))}}
    path = trainers.save(tmp_path / "c.ckpt", saved)
    del sys.modules["sprung"]
    assert len(formats.read(path)) == trainers.POINTS
    assert "sprung" not in sys.modules


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(b"cinternal\nF\n)R)R", id="the result of a call is called"),
        pytest.param(b"cinternal\nF\n)\x81)\x81", id="an instance is instantiated"),
        pytest.param(b"cinternal\nF\n}b", id="a class is given a state"),
        pytest.param(b"cos\nsystem\n)\x81", id="a function is instantiated"),
        pytest.param(b"(S'touch x'\nios\nsystem\n", id="INST"),
        pytest.param(b"(cinternal\nF\nS'x'\no", id="OBJ"),
        pytest.param(b"ccopyreg\n_reconstructor\n(cinternal\nF\nNtR", id="copyreg"),
        pytest.param(b"\x82\x01", id="extension"),
    ],
)
def test_programs_around_unknown_classes_are_refused(tmp_path, program):
    pytest.importorskip("torch")
    from tests.formats import trainers

    path = trainers.save(tmp_path / "c.ckpt", {**trainers.lightning(), "hyper_parameters": "HERE"})
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    whole = re.compile(rb"X\x04\x00\x00\x00HERE(q.|r....)", re.DOTALL)
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in members.items():
            if name.endswith("data.pkl"):
                body, count = whole.subn(b"cinternal\nF\n)\x81" + b"0" + program, body)
                assert count == 1
            archive.writestr(name, body)
    refused(path, "names")


@pytest.mark.parametrize(
    "name", ["builtins.eval", "builtins.getattr", "numpy.load", "torch._utils._rebuild_sparse_tensor"]
)
def test_every_global_off_the_list_is_named(tmp_path, name):
    module, _, attribute = name.rpartition(".")
    path = tmp_path / "x.pickle"
    path.write_bytes(b"\x80\x02c" + f"{module}\n{attribute}\n".encode() + b"\x85R.")
    refused(path, name.replace(".", r"\."))


def test_a_pickled_array_of_objects_is_not_loaded(tmp_path, proof):
    path = tmp_path / "x.pickle"
    path.write_bytes(pickle.dumps({"xyz": np.array([Payload(proof)], object)}))
    refused(path, "names|arrays of")
    np.save(tmp_path / "x.npy", np.array([Payload(proof)], object), allow_pickle=True)
    refused(tmp_path / "x.npy", "objects")
    np.savez(tmp_path / "x.npz", xyz=np.array([Payload(proof)], object), allow_pickle=True)
    refused(tmp_path / "x.npz", "objects|shape")


def test_trust_runs_what_the_file_says_and_only_then(tmp_path):
    proof = tmp_path / "it-ran"
    path = tmp_path / "x.pickle"
    path.write_bytes(pickle.dumps((Payload(proof),)))
    with pytest.raises(GscliError, match="holds a tuple of 1"):
        formats.read(path, trust_pickle=True)
    assert proof.exists()


def test_trust_means_nothing_where_there_is_no_pickle(scene_file):
    with pytest.raises(UsageError, match="is no pickle"):
        formats.read(scene_file, trust_pickle=True)


@pytest.mark.parametrize("step", [b"]0", b"N\x940", b"]", b"}"])
def test_a_pickle_of_more_steps_than_any_scene_takes_is_refused_in_time(tmp_path, step):
    path = tmp_path / "x.pickle"
    path.write_bytes(b"\x80\x04" + step * pickles.MOST_OPCODES + b"N.")
    refused(path, "more than 1,000,000 steps")
    path.write_bytes(b"\x80\x04" + step * 1000 + b"N.")
    refused(path, "NoneType")


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(b"\x80\x02" + b"]" + b"\x85" * 1_000_000 + b"}" + b"q\x00.", id="deep tuples"),
        pytest.param(b"\x80\x02}" + b")" + b"\x85" * 1_000_000 + b"K\x01s.", id="deep key"),
        pytest.param(b"\x80\x02]r\xff\xff\xff\xff.", id="memo index of 2^32"),
        pytest.param(b"\x80\x04\x8e" + struct.pack("<Q", 10**12) + b"abc.", id="bytes of 10^12"),
        pytest.param(b"\x80\x04\x8e" + struct.pack("<Q", 2**63 + 5) + b"abc.", id="bytes of 2^63"),
        pytest.param(b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"N.", id="frame of 2^62"),
        pytest.param(b"\x80\x02cnumpy\ndtype\nX\x04\x00\x00\x00V999\x85R.", id="dtype"),
        pytest.param(b"\x80\x02X\xff\xff\xff\x7fabc.", id="string of 2^31"),
    ],
)
def test_pickles_that_overflow_are_one_line(tmp_path, attack):
    path = tmp_path / "x.pickle"
    path.write_bytes(attack)
    refused(path)


def zip_of(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), body)
    return path


def test_decompression_bombs_are_refused_before_they_unpack(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (100 << 20, 3)}
    )
    bomb = zip_of(tmp_path / "x.npz", xyz_dot_npy=header.getvalue() + bytes(200 << 20))
    refused(bomb, "which no scene does")
    refused(zip_of(tmp_path / "x.pth", archive__data_dot_pkl=bytes(200 << 20)), "is compressed")
    packed = struct.pack("<4sIIBBBB", b"NGSP", 2, 10_000_000, 0, 12, 0, 0) + bytes(200 << 20)
    spz = tmp_path / "x.spz"
    spz.write_bytes(gzip.compress(packed))
    refused(spz, "which no scene does")
    spz.write_bytes(gzip.compress(struct.pack("<4sIIBBBB", b"NGSP", 2, 10, 0, 12, 0, 0) + bytes(200 << 20)))
    refused(spz, "more than the")


TRILLION = 10**12
NPY = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({TRILLION}, 3), }}".ljust(117) + "\n"
TENSOR = f'{{"means":{{"dtype":"F32","shape":[{TRILLION},3],"data_offsets":[0,{12 * TRILLION}]}}}}'
LAS = struct.pack("<4s20xBB68xHIIBHI", b"LASF", 1, 2, 227, 227, 0, 0, 20, 2**32 - 1) + bytes(200)
CLAIMS = [
    (
        "x.ply",
        f"ply\nformat binary_little_endian 1.0\nelement vertex {TRILLION}\nproperty float x\n"
        "property float y\nproperty float z\nend_header\n",
    ),
    ("x.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(NPY)) + NPY.encode()),
    (
        "x.pcd",
        "VERSION 0.7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\n"
        f"WIDTH {TRILLION}\nHEIGHT 1\nPOINTS {TRILLION}\nDATA binary\n",
    ),
    ("x.spz", struct.pack("<4sIIBBBB", b"NGSP", 2, 2**32 - 1, 4, 12, 0, 0)),
    ("y.spz", struct.pack("<4sIIBBBBI12x", b"NGSP", 4, 2**32 - 1, 4, 12, 0, 6, 32)),
    ("x.safetensors", struct.pack("<Q", len(TENSOR)) + TENSOR.encode()),
    ("y.safetensors", struct.pack("<Q", 2**63) + b'{"'),
    (
        "x.compressed.ply",
        f"ply\nformat binary_little_endian 1.0\nelement chunk {TRILLION // 256}\n"
        f"element vertex {TRILLION}\nproperty uint packed_position\nend_header\n",
    ),
    ("x.ksplat", struct.pack("<BBxxIIIIH", 0, 1, 2**16 - 1, 1, 2**32 - 1, 2**32 - 1, 0) + bytes(4100)),
    ("x.las", LAS),
]


@pytest.mark.parametrize(("name", "head"), CLAIMS, ids=[name for name, _ in CLAIMS])
def test_headers_that_claim_a_trillion_points_are_one_line(tmp_path, name, head):
    path = tmp_path / name
    path.write_bytes((head.encode() if isinstance(head, str) else head) + bytes(64))
    refused(path)


@pytest.mark.parametrize("suffix", [s for form in formats.FORMATS for s in form.suffixes if s != "/"])
@pytest.mark.parametrize("content", [b"", b"\0", b"PK\x03\x04", b"Dear reader,\n"])
def test_empty_and_foreign_files_are_one_line(tmp_path, suffix, content):
    path = tmp_path / f"scene{suffix}"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    refused(path, None if content else "is empty")


def test_a_tensor_that_repeats_one_number_a_trillion_times_is_refused(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "x.pt"
    vast = torch.zeros(1).as_strided((10**12, 3), (0, 0))
    torch.save({"step": 1, "splats": {"means": vast}}, path)
    refused(path, "does not fit")


def test_a_truncated_checkpoint_is_one_line(tmp_path):
    torch = pytest.importorskip("torch")
    for new in (True, False):
        path = tmp_path / "x.pt"
        torch.save({"splats": {"means": torch.zeros(500, 3)}}, path, _use_new_zipfile_serialization=new)
        whole = path.read_bytes()
        for size in (len(whole) - 1, len(whole) // 2, 100):
            path.write_bytes(whole[:size])
            refused(path)


def test_a_sog_cannot_name_files_outside_of_its_folder(tmp_path):
    pytest.importorskip("PIL")
    (tmp_path / "meta.json").write_text(
        '{"version":2,"count":4,"means":{"mins":[0,0,0],"maxs":[1,1,1],"files":["../a.webp","b"]},"quats":{}}'
    )
    refused(tmp_path / "meta.json", "outside of its folder")


def test_a_sog_of_other_pictures_is_one_line(tmp_path, make_scene):
    image = pytest.importorskip("PIL.Image")
    formats.write(tmp_path / "scene.sog", make_scene(40, 1), allow_lossy=True)
    picture = io.BytesIO()
    image.new("RGBA", (8, 8)).save(picture, "PNG")
    with zipfile.ZipFile(tmp_path / "scene.sog") as good, zipfile.ZipFile(tmp_path / "x.sog", "w") as bad:
        for name in good.namelist():
            bad.writestr(name, picture.getvalue() if name.startswith("quats") else good.read(name))
    refused(tmp_path / "x.sog", "has a picture that is no WebP")


COST = """
import resource, sys, time
from gscli import formats
from gscli.errors import GscliError
formats.FORMATS.names(), [form.name for form in formats.FORMATS]
taken = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
before, start = taken(), time.process_time()
try:
    formats.read(sys.argv[1])
except GscliError as error:
    print(error, file=sys.stderr)
print(time.process_time() - start, taken() - before)
"""
SECONDS, BYTES = 2.0, 300 << 20  # as in `tests/fuzz.py`


def cheap(path: Path) -> str:
    """Hold that reading a file takes little, and return what is said of it."""
    done = subprocess.run(
        [sys.executable, "-c", COST, path], capture_output=True, text=True, timeout=120, check=True
    )
    seconds, size = map(float, done.stdout.split())
    assert seconds < 2 * SECONDS  # of processor time, on a machine that does other things
    assert size < BYTES
    return done.stderr


def test_the_length_of_a_pickled_array_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "x.pickle").write_bytes(b"\x80\x05\x96" + struct.pack("<Q", 3 << 30) + b"abc.")
    assert "cannot be read as a pickle" in cheap(tmp_path / "x.pickle")


@pytest.mark.parametrize("megabytes", [0.1, 0.5, 1, 2])
def test_a_small_spz_of_many_splats_is_cheap(tmp_path: Path, megabytes: float) -> None:
    """Its 92 bytes a splat are ninety times its own, and 344 are made of them."""
    size = int(megabytes * 1e6)
    points = max(32 << 20, 90 * size) // 92
    noise = np.random.default_rng(0).bytes(size * 9 // 10)
    body = bytes(92 * points - len(noise)) + noise
    packed = gzip.compress(struct.pack("<4sIIBBBB", b"NGSP", 3, points, 4, 12, 0, 0) + body)
    assert 92 * points <= max(32 << 20, 100 * len(packed))
    (tmp_path / "x.spz").write_bytes(packed)
    assert cheap(tmp_path / "x.spz").count("which no scene does") == (megabytes > 0.1)


@pytest.mark.parametrize(
    "count, body", [(60_000, b"x"), (1200, b"# a line\n" * 7000), (1200, bytes(1 << 17))]
)
def test_a_zip_of_many_members_is_cheap(tmp_path: Path, count: int, body: bytes) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in range(count):
            archive.writestr(f"{number}.xyz", body)
    assert "name one, as in" in cheap(tmp_path / "x.zip")


@pytest.mark.parametrize("degree", [0, 3])
def test_a_small_sog_of_many_splats_is_cheap(tmp_path: Path, degree: int) -> None:
    image = pytest.importorskip("PIL.Image")
    side = 2896  # pixels: 32 MB
    picture = io.BytesIO()
    image.new("RGBA", (side, side)).save(picture, "webp", lossless=True)
    names = ["a.webp", "b.webp"]
    book, bounds = {"codebook": [0.0] * 256}, {"mins": [0.0] * 3, "maxs": [1.0] * 3}
    meta = {"version": 2, "count": side * side, "means": {**bounds, "files": names}}
    meta |= {key: {**book, "files": names[:1]} for key in ("scales", "quats", "sh0")}
    if degree:
        palette = io.BytesIO()
        image.new("RGBA", (64 * 15, 64)).save(palette, "webp", lossless=True)
        (tmp_path / "palette.webp").write_bytes(palette.getvalue())
        meta["shN"] = {**book, "count": 64, "bands": degree, "files": ["palette.webp", "a.webp"]}
    for name in names:
        (tmp_path / name).write_bytes(picture.getvalue())
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    assert "which no scene does" in cheap(tmp_path / "meta.json")


@pytest.mark.parametrize("kind", ["elements", "attributes", "fields"])
def test_xml_that_makes_much_of_little_is_cheap(tmp_path: Path, kind: str) -> None:
    pytest.importorskip("pye57")
    fields = "".join(f'<b{i} type="Integer"/>' for i in range(500))
    scan = f'<s><points recordCount="1"><prototype>{fields}</prototype></points></s>'
    text = {
        "elements": "<a><b type='Vector'>" + "<c/>" * 199_990 + "</b></a>",
        "attributes": "<a" + "".join(f" a{i:x}=''" for i in range(300_000)) + "/>",
        "fields": f'<a><data3D type="Vector">{scan * 200}</data3D></a>',
    }[kind]
    (tmp_path / "x.e57").write_bytes(e57s.alone(text.encode()))
    assert re.search(
        "holds no scans|more in it than any scene has|without positions", cheap(tmp_path / "x.e57")
    )
