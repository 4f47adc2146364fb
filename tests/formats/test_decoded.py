"""Rows that are decoded where they are asked for are those that reading gives; no scene is held for them."""

from __future__ import annotations

import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import gscli
from gscli import formats
from gscli.errors import InputError
from gscli.formats import FORMATS, Source, _decoded, spz
from gscli.kernels import structured
from tests.formats import gltfs, samples

SPLATS = {"kernel": "ellipse", "colorSpace": "srgb_rec709_display"}
NAMES = [form.name for form in FORMATS if form.decoded is not None]


@pytest.fixture(scope="module")
def made(tmp_path_factory, make_scene) -> dict[str, Path]:
    if missing := [form.name for form in FORMATS if form.missing]:
        pytest.skip(f"without the libraries of {', '.join(missing)} not all files can be made")
    return samples.make_all(tmp_path_factory.mktemp("decoded"), make_scene(60, 1, normals=False))


@pytest.fixture
def small(monkeypatch):
    """Blocks that end within primitives and everything else."""
    monkeypatch.setattr(_decoded, "BLOCK", 7)


def test_every_file_is_decoded_in_blocks_as_it_is_read(made, small, tmp_path):
    seen = set()
    for path in made.values():
        whole, found = gscli.read(path), Source.of(path).decoded()
        gscli.convert(path, tmp_path / "x.ply", overwrite=True, allow_lossy=True)
        gscli.write(tmp_path / "whole.ply", whole, overwrite=True, allow_lossy=True)
        assert (tmp_path / "x.ply").read_bytes() == (tmp_path / "whole.ply").read_bytes(), path
        if found is None:
            continue
        seen.add(whole.header.format)
        assert (found.fields, len(found)) == (whole.fields, len(whole))
        assert (found.like.header.comments, found.like.header.axes) == (
            whole.header.comments,
            whole.header.axes,
        )
        assert b"".join(rows.tobytes() for rows in found.blocks()) == whole.rows.tobytes()
        with found.rows(slice(3, 29)) as rows:
            assert rows.tobytes() == whole.rows[3:29].tobytes()
    assert seen == set(NAMES)


def test_what_is_not_a_file_of_its_own_is_read_whole(made, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made["splat"].parent)
        for path in (made["zip-stored"], f"{made['splat'].name}::splat", "-", "."):
            assert Source.of(path).decoded() is None
    assert Source.of(made["splat"]).decoded(axes="rub") is None
    assert Source.of(made["spz"]).decoded(axes="rdf") is not None


def test_primitives_are_decoded_across_their_seams(tmp_path, make_scene, small):
    maker, clouds = (
        gltfs.Maker(),
        [make_scene(count, degree) for count, degree in ((10, 1), (3, 0), (0, 0), (12, 1))],
    )
    meshes = [
        maker.mesh(gltfs.splats(maker, c, d), SPLATS) for c, d in zip(clouds, (1, 0, 0, 1), strict=True)
    ]
    maker.show(*({"mesh": mesh, "translation": [mesh, 0, 0]} for mesh in meshes))
    found = Source.of(maker.save(tmp_path / "x.glb")).decoded()
    whole = gscli.read(tmp_path / "x.glb")
    assert len(found) == 25
    assert b"".join(rows.tobytes() for rows in found.blocks()) == whole.rows.tobytes()
    for first in range(25):
        with found.rows(slice(first, 25)) as rows:
            assert rows.tobytes() == whole.rows[first:].tobytes()
    x = np.concatenate([cloud["x"] + mesh for mesh, cloud in enumerate(clouds)])
    np.testing.assert_allclose(np.abs(whole["x"]), np.abs(x), rtol=1e-5)


def damaged(path: Path, cloud: gscli.GaussianCloud) -> Path:
    """A .glb of which only the last row has what no splat has."""
    maker = gltfs.Maker()
    attributes = gltfs.splats(maker, cloud, 0)
    scales = np.ones((len(cloud), 3), "<f4")
    scales[-1] = -1.0
    attributes["KHR_gaussian_splatting:SCALE"] = maker.accessor(scales)
    maker.show({"mesh": maker.mesh(attributes, SPLATS)})
    return maker.save(path)


def test_a_row_that_is_damaged_leaves_no_output(tmp_path, make_scene, small):
    path = damaged(tmp_path / "x.glb", make_scene(50, 0))
    with pytest.raises(InputError, match="scales below zero") as caught:
        gscli.convert(path, tmp_path / "x.ply")
    assert str(caught.value).startswith(f"{path}: ")
    with pytest.raises(InputError, match="scales below zero"):
        gscli.convert(path, tmp_path / "x.ply", dry_run=True)
    assert [*tmp_path.iterdir()] == [path]
    command = [sys.executable, "-m", "gscli", "convert", str(path), "-"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (3, b"")
    with (tmp_path / "redirected.ply").open("wb") as out:
        done = subprocess.run([*command[:-1], "/dev/stdout"], stdout=out, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, (tmp_path / "redirected.ply").read_bytes()) == (3, b"")


def test_a_packed_primitive_is_unpacked_once_however_many_threads_ask_for_it(
    tmp_path, make_scene, small, monkeypatch
):
    formats.write(tmp_path / "x.spz", make_scene(60, 0, normals=False), allow_lossy=True)
    path = gltfs.packed(tmp_path / "x.glb", tmp_path / "x.spz")
    unpacked, asked = [], spz.decoded

    def slowly(*args, **settings):
        unpacked.append(args)
        time.sleep(0.1)
        return asked(*args, **settings)

    monkeypatch.setattr(spz, "decoded", slowly)
    monkeypatch.setenv("GSCLI_THREADS", "4")
    gscli.convert(path, tmp_path / "x.ply")
    assert len(unpacked) == 1


@pytest.mark.parametrize("name", sorted({*NAMES} - {"sog"}))
def test_no_scene_is_held_while_it_is_converted(tmp_path, make_scene, monkeypatch, name):
    """Beside what is held of a packed file; SOG holds pictures."""
    monkeypatch.setattr(_decoded, "BLOCK", 512)
    monkeypatch.setattr(sys.modules[gscli.convert.__module__], "BLOCK", 512)
    monkeypatch.setattr(structured, "BLOCK_BYTES", 1 << 18)
    monkeypatch.setenv("GSCLI_THREADS", "2")
    cloud = make_scene(30_000, 3, normals=False)
    formats.write(tmp_path / "x.ply", cloud)
    path = tmp_path / f"x{FORMATS.get(name).suffixes[0]}"
    gscli.convert(tmp_path / "x.ply", path, allow_lossy=True)  # imports
    held = {"spz": 1.0, "compressed_ply": 0.8}.get(name, 0.35)
    for source, target in ((tmp_path / "x.ply", path), (path, tmp_path / "y.ply")):
        tracemalloc.start()
        try:
            gscli.convert(source, target, allow_lossy=True, overwrite=True)
            assert tracemalloc.get_traced_memory()[1] < held * cloud.rows.nbytes, (source, target)
        finally:
            tracemalloc.stop()
