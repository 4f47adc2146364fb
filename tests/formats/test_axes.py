"""SPZ files in any axes: read as they say, or as the reader says, or as the specification has it."""

from __future__ import annotations

import gzip
import json
import struct

import numpy as np
import pytest
from click.testing import CliRunner

import gscli
from gscli import fields
from gscli.cli import main
from gscli.errors import InputError, UsageError
from gscli.files import axes

RECORD = struct.pack("<II", 0xADBE0003, 4)


@pytest.fixture
def scene(make_scene):
    return make_scene(200, 3, normals=False)


def rewritten(path, change) -> None:
    """A file of version 3 with other unpacked bytes."""
    path.write_bytes(gzip.compress(bytes(change(bytearray(gzip.decompress(path.read_bytes()))))))


def unlabelled(path) -> None:
    """Take the record of its axes from a file, which splat-transform 3.7 never wrote."""

    def change(body):
        assert body[-12:-4] == RECORD
        body[14] &= ~2
        return body[:-12]

    rewritten(path, change)


def labelled(path, number) -> None:
    def change(body):
        body[14] |= 2
        return body + RECORD + struct.pack("<I", number)

    rewritten(path, change)


def same(got, wanted) -> bool:
    """Within the steps of SPZ, turned alike."""
    near = np.allclose(got.xyz, wanted.xyz, atol=1e-5)
    rest = fields.sh_rest(3)
    return near and np.allclose(got.columns(rest), wanted.columns(rest).clip(-1, 1), atol=1 / 128)


def notes(cloud) -> str:
    return " ".join(cloud.header.notes)


@pytest.mark.parametrize("name", axes.NAMES)
def test_a_scene_written_in_any_axes_is_read_back_upright(tmp_path, scene, name):
    path = tmp_path / "x.spz"
    gscli.write(path, scene, axes=name, allow_lossy=True)
    again = gscli.read(path)
    assert same(again, scene)
    assert again.header.axes == name
    assert (RECORD in gzip.decompress(path.read_bytes())) == (name != "rub")
    assert ("as the file says" in notes(again)) == (name != "rub")


def test_only_the_reader_can_tell_the_axes_of_a_file_without_a_record(tmp_path, scene):
    path = tmp_path / "x.spz"
    gscli.write(path, scene, axes="rdf", allow_lossy=True)
    unlabelled(path)
    upside_down, upright = gscli.read(path), gscli.read(path, axes="rdf")
    assert np.array_equal(upside_down.xyz, upright.xyz * [1, -1, -1])
    assert same(upright, scene)
    assert "right-up-back (rub), assumed" in notes(upside_down)
    assert "right-down-front (rdf), as asked" in notes(upright)


def test_a_record_is_believed_before_the_reader(tmp_path, scene):
    gscli.write(tmp_path / "x.spz", scene, axes="luf", allow_lossy=True)
    again = gscli.read(tmp_path / "x.spz", axes="rdf")
    assert same(again, scene)
    assert "(luf), as the file says: rdf is for files that do not" in notes(again)


def test_a_file_is_written_back_in_its_own_axes_unless_others_are_asked_for(tmp_path, scene):
    first, second, third = (tmp_path / f"{n}.spz" for n in (1, 2, 3))
    gscli.write(first, scene, axes="rdf", allow_lossy=True)
    gscli.resample(first, second, method="dense", allow_lossy=True)
    gscli.convert(second, third, axes="rub", allow_lossy=True)
    assert [gscli.read(path).header.axes for path in (second, third)] == ["rdf", "rub"]
    assert same(gscli.read(third), scene)


def test_a_record_that_names_no_axes_tells_nothing_and_one_of_unknown_axes_is_refused(tmp_path, scene):
    path = tmp_path / "x.spz"
    gscli.write(path, scene, allow_lossy=True)
    labelled(path, 0)
    assert "assumed" in notes(gscli.read(path))
    labelled(path, 12)
    with pytest.raises(InputError, match="is stored in axes 12, which are not read"):
        gscli.read(path)


def test_axes_that_mean_nothing_to_any_file_are_refused(tmp_path, scene):
    ply, npz, spz = (tmp_path / f"a.{suffix}" for suffix in ("ply", "npz", "spz"))
    gscli.write(ply, scene)
    gscli.write(spz, scene, allow_lossy=True)
    for use in (
        lambda: gscli.read(ply, axes="rub"),
        lambda: gscli.write(npz, scene, axes="rub"),
        lambda: gscli.convert(ply, npz, axes="rub"),
        lambda: gscli.resample(ply, npz, axes="rub"),
        lambda: gscli.info(ply, axes="rub"),
        lambda: gscli.compare(ply, ply, axes="rub"),
    ):
        with pytest.raises(UsageError, match="is always right-down-front"):
            use()
    with pytest.raises(UsageError, match="axes has no effect on clouds in memory"):
        gscli.compare(scene, scene, axes="rub")
    assert not npz.exists()
    gscli.convert(ply, spz, axes="rdf", allow_lossy=True, overwrite=True)
    gscli.convert(spz, npz, axes="rdf")
    assert same(gscli.read(npz), scene)


def test_the_command_line_names_the_axes_and_turns_what_it_is_told_to(tmp_path, scene):
    def run(*args):
        return CliRunner().invoke(main, [str(arg) for arg in args], catch_exceptions=False)

    gscli.write(tmp_path / "a.ply", scene)
    run("convert", tmp_path / "a.ply", tmp_path / "a.spz", "--axes", "rdf", "--allow-lossy")
    unlabelled(tmp_path / "a.spz")
    shown = run("info", tmp_path / "a.spz").stdout
    assert "axes right-up-back (rub), assumed: the file does not say" in shown
    assert json.loads(run("info", tmp_path / "a.spz", "--axes", "rdf", "--json").stdout)["axes"] == "rdf"
    compared = run("compare", tmp_path / "a.spz", tmp_path / "a.ply", "--json")
    assert "once turned by 180 degrees" in compared.stdout
    upright = run("compare", tmp_path / "a.spz", tmp_path / "a.ply", "--axes", "rdf", "--json")
    assert json.loads(upright.stdout)["source_to_target"]["at"][0]["fitness"] == 1
    assert "once turned" not in upright.stdout


def test_a_real_file_of_the_specification_is_upright_by_default(data_dir):
    stored, reference = data_dir / "biker.spz", data_dir / "biker.compressed.ply"
    by_default = gscli.compare(stored, reference, gaussians=False)
    turned = gscli.compare(stored, reference, gaussians=False, axes="rdf")
    fitness = [found.centers.source_to_target.at[0].fitness for found in (by_default, turned)]
    assert fitness[0] == 1
    assert fitness[1] < 1e-3
    assert any("100% of a sample" in note for note in turned.notes)
    assert not any("turned" in note for note in by_default.notes)
