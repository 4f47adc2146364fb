"""Damage that leaves a file well formed is found: by the checksums of zips, and by bytes after the end."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from gscli import formats
from gscli.errors import InputError
from gscli.grids.grid_files import read_mapping
from tests.formats import samples, trainers

XYZ = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)


def flip(path: Path, bytes_of_member: bytes) -> None:
    """Turn one bit of a member that is stored as it is."""
    data = bytearray(path.read_bytes())
    data[data.index(bytes_of_member) + len(bytes_of_member) // 2] ^= 1
    path.write_bytes(bytes(data))


def test_a_flipped_bit_of_an_archive_is_found(tmp_path):
    np.savez(tmp_path / "x.npz", xyz=XYZ)
    assert len(formats.read(tmp_path / "x.npz")) == 500
    flip(tmp_path / "x.npz", XYZ.tobytes())
    with pytest.raises(InputError, match=r"its member xyz\.npy does not match its checksum"):
        formats.read(tmp_path / "x.npz")


def test_a_flipped_bit_of_a_grid_file_is_found(tmp_path):
    ids = np.arange(500)
    np.savez(tmp_path / "grid.npz", indices=ids)
    flip(tmp_path / "grid.npz", ids.tobytes())
    with pytest.raises(InputError, match=r"its member indices\.npy does not match its checksum"):
        read_mapping(tmp_path / "grid.npz", 500)


def checkpoint(path: Path):
    torch = pytest.importorskip("torch")
    tensors = {"means": torch.tensor(XYZ), "scales": torch.full((500, 3), 0.25)}
    trainers.save(path, {"step": 1, "splats": tensors})
    return tensors["scales"].numpy().tobytes()


def test_a_flipped_bit_of_a_checkpoint_is_found_in_what_is_read_of_it(tmp_path):
    path = tmp_path / "ckpt.pt"
    scales = checkpoint(path)
    flip(path, scales)
    assert len(formats.read(path, only=("x", "y", "z"))) == 500
    with pytest.raises(InputError, match=r"data/[0-9] does not match its checksum"):
        formats.read(path)


def test_a_flipped_bit_of_what_tells_the_tensors_is_found(tmp_path):
    path = tmp_path / "ckpt.pt"
    checkpoint(path)
    flip(path, zipfile.ZipFile(path).read("ckpt/data.pkl"))
    with pytest.raises(InputError, match=r"data\.pkl does not match its checksum"):
        formats.read(path)


def test_a_checkpoint_that_was_saved_without_checksums_is_read(tmp_path):
    torch = pytest.importorskip("torch")
    if not hasattr(torch.serialization, "set_crc32_options"):
        pytest.skip("this PyTorch always writes checksums")
    torch.serialization.set_crc32_options(False)
    try:
        checkpoint(tmp_path / "ckpt.pt")
    finally:
        torch.serialization.set_crc32_options(True)
    assert len(formats.read(tmp_path / "ckpt.pt")) == 500


@pytest.fixture(scope="module")
def made(tmp_path_factory, make_scene) -> dict[str, Path]:
    pytest.importorskip("laspy")
    pytest.importorskip("PIL")
    return samples.make(tmp_path_factory.mktemp("samples"), make_scene(60, 1, normals=False))


@pytest.mark.parametrize(
    "name",
    ["npy", "npz", "ksplat-0", "ksplat-1", "ksplat-2", "spz", "spz-zstd", "safetensors", "splat", "ply"],
)
@pytest.mark.parametrize("more", [b"\0", b"x" * 700], ids=["a zero", "more"])
def test_bytes_after_the_end_are_refused(made, tmp_path, name, more):
    path = tmp_path / made[name].name
    path.write_bytes(made[name].read_bytes() + more)
    if name == "npz":  # a zip may have anything before and, as its comment, behind it
        path = tmp_path / "x.npz"
        with zipfile.ZipFile(path, "w") as archive:
            body = io.BytesIO()
            np.save(body, XYZ)
            archive.writestr("xyz.npy", body.getvalue() + more)
    with pytest.raises(InputError):
        formats.read(path)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_second_pickle_after_the_first_is_refused(tmp_path, protocol):
    path = trainers.save_pickle(tmp_path / "x.pickle", trainers.r2_pickle(), protocol)
    formats.read(path)
    formats.read(path, trust_pickle=True)
    path.write_bytes(path.read_bytes() * 2)
    for trust in (False, True):
        with pytest.raises(InputError, match="bytes after its pickle"):
            formats.read(path, trust_pickle=trust)


def test_bytes_after_the_splats_within_gzip_are_refused(made, tmp_path):
    body = gzip.decompress(made["spz"].read_bytes())
    (tmp_path / "x.spz").write_bytes(gzip.compress(body + b"more"))
    with pytest.raises(InputError, match="goes on for 4 bytes after its splats"):
        formats.read(tmp_path / "x.spz")
    (tmp_path / "x.spz").write_bytes(gzip.compress(body) + gzip.compress(body))
    with pytest.raises(InputError, match="bytes follow its end"):
        formats.read(tmp_path / "x.spz")


@pytest.mark.parametrize("field", [10, 28, 30, 32], ids=["count", "name", "extra", "comment"])
def test_a_directory_that_swallows_or_loses_members_is_refused(tmp_path, field):
    """A longer name, extra or comment in one record of a zip's directory covers the next record whole."""
    path = tmp_path / "cloud.npz"
    np.savez(path, x=np.zeros(3), y=np.ones(3), z=np.ones(3), opacity=np.ones(3))
    data = bytearray(path.read_bytes())
    last = data.rindex(b"PK\x01\x02")
    before = data.rindex(b"PK\x01\x02", 0, last)
    end = data.rindex(b"PK\x05\x06")
    at = end + field if field == 10 else before + field
    grown = 3 if field == 10 else int.from_bytes(data[at : at + 2], "little") + end - last
    data[at : at + 2] = grown.to_bytes(2, "little")
    path.write_bytes(data)
    with pytest.raises(InputError):
        formats.read(path)
