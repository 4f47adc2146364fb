"""Scans of KITTI and nuScenes: exact both ways, only where they are named, and refused in one line."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import threading

import numpy as np
import pytest
from click.testing import CliRunner

import gscli
from gscli import formats
from gscli.cli import main
from gscli.cloud import GaussianCloud, Header
from gscli.errors import GscliError, InputError, UsageError, WriteRefused
from gscli.formats import Source, Target
from tests.formats import samples

KINDS = {"kitti": ("x", "y", "z", "intensity"), "nuscenes": ("x", "y", "z", "intensity", "ring")}


def scan(path, kind, count=9000):
    """A scan of more than one block, with values that no text would keep; returns what it holds."""
    values = np.random.default_rng(3).normal(size=(count, len(KINDS[kind]))).astype("<f4")
    values[1, 0] = np.nan
    path.write_bytes(values.tobytes())
    return values


@pytest.mark.parametrize("kind", KINDS)
def test_a_scan_is_read_and_written_byte_for_byte(tmp_path, kind):
    values = scan(tmp_path / "a.bin", kind)
    cloud = gscli.read(f"{tmp_path}/a.bin::{kind}")
    assert cloud.header.format == kind
    assert cloud.fields == KINDS[kind]
    assert np.array_equal(cloud.rows.view("<f4").reshape(values.shape), values, equal_nan=True)
    gscli.write(f"{tmp_path}/b.bin::{kind}", cloud)
    assert (tmp_path / "b.bin").read_bytes() == (tmp_path / "a.bin").read_bytes()
    gscli.write(tmp_path / f"c.{kind}", cloud)
    assert gscli.read(tmp_path / f"c.{kind}").rows.tobytes() == values.tobytes()
    index = np.array([8500, 3, 3])
    gscli.write(f"{tmp_path}/d.bin::{kind}", cloud, index=index)
    assert (tmp_path / "d.bin").read_bytes() == values[index].tobytes()


def test_a_scan_is_never_guessed(tmp_path):
    scan(tmp_path / "a.bin", "kitti")
    with pytest.raises(InputError, match=r"of no format.*a\.bin::kitti or a\.bin::nuscenes"):
        gscli.read(tmp_path / "a.bin")
    with pytest.raises(UsageError, match="no suffix of a format"):
        gscli.write(tmp_path / "b.bin", gscli.read(f"{tmp_path}/a.bin::kitti"))


def test_points_of_colmap_stay_known_by_what_they_hold_and_by_their_name(tmp_path, make_scene):
    path = samples.colmap(tmp_path / "points3D.bin", make_scene(50, 0, normals=False))
    assert gscli.read(path).header.format == "colmap"
    assert gscli.read(path.rename(tmp_path / "a.bin")).header.format == "colmap"
    (tmp_path / "points3D.bin").write_bytes(struct.pack("<Q", 1 << 60) + bytes(80))
    with pytest.raises(InputError, match="claims 1,152,921,504,606,846,976 points"):
        gscli.read(tmp_path / "points3D.bin")


@pytest.mark.parametrize(("kind", "size"), [("kitti", 16), ("nuscenes", 20)])
def test_a_scan_that_is_cut_short_is_refused(tmp_path, kind, size):
    (tmp_path / "a.bin").write_bytes(bytes(3 * size - 1))
    with pytest.raises(InputError, match=f"has {3 * size - 1} bytes, not a multiple of the {size} "):
        gscli.read(f"{tmp_path}/a.bin::{kind}")
    (tmp_path / "a.bin").write_bytes(b"")
    with pytest.raises(InputError, match="is empty"):
        gscli.read(f"{tmp_path}/a.bin::{kind}")


@pytest.mark.parametrize("place", ["velodyne/0.label", "labels/0.label"])
def test_labels_of_semantickitti_are_two_columns(tmp_path, place):
    for folder in ("velodyne", "labels"):
        (tmp_path / folder).mkdir()
    values = scan(tmp_path / "velodyne" / "0.bin", "kitti")
    numbers = np.arange(len(values), dtype="<u4") % 260 | np.arange(len(values), dtype="<u4") << 16
    (tmp_path / place).write_bytes(numbers.tobytes())
    cloud = gscli.read(f"{tmp_path}/velodyne/0.bin::kitti")
    assert np.array_equal(cloud["x"], values[:, 0], equal_nan=True)
    assert np.array_equal(cloud["intensity"], values[:, 3])
    assert np.array_equal(cloud["label"], numbers & 0xFFFF)
    assert np.array_equal(cloud["instance"], numbers >> 16)
    assert any("label and instance are those of" in note for note in cloud.header.notes)
    with pytest.raises(WriteRefused, match="would lose column label"):
        gscli.write(f"{tmp_path}/b.bin::kitti", cloud)
    (tmp_path / place).write_bytes(numbers[:-1].tobytes())
    with pytest.raises(
        InputError, match=r"0\.label: has 35,996 bytes where labels of 9,000 points take 36,000"
    ):
        gscli.read(f"{tmp_path}/velodyne/0.bin::kitti")


def test_what_float32_does_not_hold_is_named_and_what_it_does_is_not(tmp_path):
    rows = np.zeros(9000, [(name, "<f8") for name in "xyz"] + [("ring", "<i8")])
    rows["x"][8999], rows["y"][5], rows["ring"] = 1 / 4, np.nan, np.arange(9000)
    gscli.write(tmp_path / "a.nuscenes", GaussianCloud(rows))
    again = gscli.read(tmp_path / "a.nuscenes")
    assert np.array_equal(again["ring"], rows["ring"])
    assert set(again["intensity"]) == {0}
    rows["x"][8999] = 1 / 3
    with pytest.raises(WriteRefused, match=r"would lose precision \(x as float32\);"):
        gscli.write(tmp_path / "b.nuscenes", GaussianCloud(rows))
    assert not (tmp_path / "b.nuscenes").exists()


@pytest.mark.parametrize("suffix", [".kitti", ".nuscenes"])
def test_what_is_beyond_float32_is_refused_and_what_is_infinite_stays(tmp_path, suffix):
    rows = np.zeros(20_000, [(name, "f8") for name in ("x", "y", "z", "intensity")])
    rows["y"][7], rows["z"][15_000] = np.inf, -3.4e38
    path = tmp_path / f"scan{suffix}"
    formats.write(path, GaussianCloud(rows, Header("ply")), allow_lossy=True)
    assert formats.read(path)["y"][7] == np.inf
    rows["z"][15_000] = -3.5e38
    for index, number in ((None, 15_000), (np.arange(9_000, 20_000), 15_000)):
        with pytest.raises(
            GscliError,
            match=f"row {number} of what is to be written has z = -3.5e\\+38, which this format cannot hold",
        ):
            formats.write(
                path, GaussianCloud(rows, Header("ply")), allow_lossy=True, overwrite=True, index=index
            )


def test_a_named_format_goes_through_commands(tmp_path):
    values = scan(tmp_path / "a.bin", "kitti")
    command = ["resample", f"{tmp_path}/a.bin::kitti", f"{tmp_path}/half.bin::kitti"]
    values[1, 0] = 0
    (tmp_path / "a.bin").write_bytes(values.tobytes())
    runner = CliRunner()
    ran = runner.invoke(main, command, catch_exceptions=False)
    assert ran.exit_code == 0, ran.stderr
    assert 0 < (tmp_path / "half.bin").stat().st_size < (tmp_path / "a.bin").stat().st_size
    assert runner.invoke(main, command, catch_exceptions=False).exit_code == 4  # it is there already
    back = ["convert", f"{tmp_path}/a.bin::kitti", f"{tmp_path}/c.bin::nuscenes"]
    assert runner.invoke(main, back, catch_exceptions=False).exit_code == 0
    assert (tmp_path / "c.bin").stat().st_size == 20 * 9000


def test_a_source_and_a_target_are_called_by_the_file(tmp_path):
    assert Source.of("in/000000.bin::kitti").stem == "000000"
    target = Target.of(tmp_path / "x.bin::kitti")
    assert (target.path, target.format.name) == (f"{tmp_path}/x.bin", "kitti")
    (tmp_path / "y.ply::kitti").write_bytes(b"ply\n")
    assert Source.of(tmp_path / "y.ply::kitti").told is None


def test_a_splat_without_its_name_is_named_alike(tmp_path, make_scene):
    gscli.write(tmp_path / "a.splat", make_scene(20, 0, normals=False), allow_lossy=True)
    (tmp_path / "a.splat").rename(tmp_path / "a")
    assert gscli.read(f"{tmp_path}/a::splat").header.format == "splat"
    with pytest.raises(InputError, match="known by its name alone, or as a::splat"):
        gscli.read(tmp_path / "a")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_splat_comes_through_a_pipe(tmp_path, make_scene):
    gscli.write(tmp_path / "a.splat", make_scene(20, 0, normals=False), allow_lossy=True)
    data = (tmp_path / "a.splat").read_bytes()
    pipe = tmp_path / "b.splat"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(data,))
    writer.start()
    assert gscli.read(pipe).header.format == "splat"
    writer.join()
    command = [sys.executable, "-m", "gscli", "info", "-"]
    done = subprocess.run(command, input=data, capture_output=True, check=False)
    assert done.returncode == 3
    assert b"<stdin>: is of no format" in done.stderr
    assert b"or as -::splat" in done.stderr


@pytest.mark.parametrize("kind", [*KINDS, "splat"])
def test_stdin_and_stdout_are_named_like_files(tmp_path, make_scene, kind):
    cloud = make_scene(20, 0, normals=False)
    gscli.write(f"{tmp_path}/a.bin::{kind}", cloud, allow_lossy=True)
    piped = (tmp_path / "a.bin").read_bytes()
    command = ["convert", f"-::{kind}", f"-::{kind}", "--allow-lossy"]
    done = CliRunner().invoke(main, command, input=piped)
    assert (done.exit_code, done.stdout_bytes) == (0, piped)
    assert f"read     <stdin>::{kind}: 20 " in done.stderr
    assert f"wrote    <stdout>::{kind} ({kind})" in done.stderr
    assert f"<stdin>::{kind}: 20 " in CliRunner().invoke(main, ["info", f"-::{kind}"], input=piped).stdout


@pytest.mark.parametrize(
    ("args", "code", "what"),
    [
        (["compare", "-::kitti", "-"], 2, "stdin can be one of the two scenes, not both"),
        (["verify", "-::kitti", "-"], 2, "stdin can be read once"),
        (["coprune", "-::kitti", "-", "-t", "1", "--out-dir", "o"], 2, "stdin can be one of the two scenes"),
        (["demo", "-::kitti"], 2, "stdin can be read once"),
        (
            ["convert", "-::kitti", "-::kitti", "--json"],
            2,
            "stdout can carry one thing, not OUTPUT and --json",
        ),
        (["convert", "-", "/dev/stdout::kitti", "--json"], 2, "stdout can carry one thing"),
        (["info", "-"], 3, "of no format that gscli reads"),
        (["convert", "-::kitti", "-::spz"], 2, "no suffix of a format that gscli writes"),
        (["-::kitti"], 2, "no such option"),
    ],
)
def test_streams_with_a_format_are_streams(args, code, what):
    done = CliRunner().invoke(main, args, input=b"\1" * 64)
    assert done.exit_code == code
    assert what in done.stderr
    assert done.stderr.count("\n") == 1
    assert "\\x00" not in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/stdin"), reason="needs /dev/stdin")
def test_a_scan_comes_through_a_pipe(tmp_path):
    values = scan(tmp_path / "a.bin", "nuscenes")
    command = [sys.executable, "-m", "gscli", "info", "/dev/stdin::nuscenes"]
    done = subprocess.run(command, input=values.tobytes(), capture_output=True, check=True)
    assert done.stdout.startswith(b"/dev/stdin::nuscenes: 9,000 points (nuscenes")
