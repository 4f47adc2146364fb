"""Disks that are full, and processes that are killed: told as that, in one line, with nothing left behind."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gscli import formats, scene
from gscli.errors import GscliError
from gscli.runtime import processes
from tests.formats import e57s, samples

resource = pytest.importorskip("resource")

LIMIT = 6000  # bytes of a file: more than what a process is asked and the head of a LAS, less than any points
COUNT = 1000

# A limit on file sizes fails writes as a full disk does, which takes nobody's leave to make.
SMALL_FILES = f"""
import resource, sys
from gscli import formats
from gscli.errors import GscliError

command, *paths = sys.argv[1:]
scene = formats.read(paths[0]) if command == "write" else None
resource.setrlimit(resource.RLIMIT_FSIZE, ({LIMIT}, {LIMIT}))
for path in paths if command == "read" else paths[1:]:
    try:
        formats.read(path) if command == "read" else formats.write(path, scene, allow_lossy=True)
        print("0 done")
    except GscliError as error:
        print(error.exit_code, error)
"""


def told(command: str, *paths: object, temporary: Path, **options) -> list[str]:
    """Of each path the line of a failure that is no file's fault."""
    done = subprocess.run(
        [sys.executable, "-c", SMALL_FILES, command, *map(str, paths)],
        capture_output=True,
        env=os.environ | {"TMPDIR": str(temporary)},
        timeout=120,
        check=False,
        **options,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    lines = done.stdout.decode().splitlines()
    assert [line.split()[0] for line in lines] == ["1"] * (len(paths) - (command == "write")), lines
    return [line.removeprefix("1 ") for line in lines]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder, cloud = tmp_path_factory.mktemp("made"), scene.make(COUNT, sh_degree=1)
    endings = {"ply": ".ply", "las": ".laz", "usd": ".usdc"}
    files = {
        name: folder / f"a{end}" for name, end in endings.items() if not formats.FORMATS.get(name).missing
    }
    for path in files.values():
        formats.write(path, cloud, allow_lossy=True)
    if not formats.FORMATS.get("e57").missing:
        files["e57"] = e57s.sample(folder / "a.e57", cloud.xyz)
    files["packed"] = folder / "packed.ply"
    files["packed"].write_bytes(gzip.compress(files["ply"].read_bytes()))
    files["zip"] = samples.zipped(folder / "a.zip", {"b.ply": files["ply"]})
    return files


@pytest.fixture
def temporary(tmp_path):
    folder = tmp_path / "temporary"
    folder.mkdir()
    yield folder
    assert not any(folder.iterdir())


def unpacked(made: dict[str, Path]) -> list[Path]:
    return [path for name, path in made.items() if name != "ply"]


def test_a_full_temporary_folder_is_no_damage_of_what_is_unpacked_there(made, temporary):
    paths = unpacked(made)
    for path, line in zip(paths, told("read", *paths, temporary=temporary), strict=True):
        assert line.startswith(f"{path}: cannot be unpacked to {temporary} (")
        assert line.endswith("; point TMPDIR at a folder with room")


def test_a_full_temporary_folder_is_told_of_stdin_too(made, temporary):
    (line,) = told("read", "-", temporary=temporary, input=made["ply"].read_bytes())
    assert line.startswith(f"cannot spool stdin to {temporary} (")


def test_a_full_temporary_folder_is_told_where_usd_is_made_there(made, tmp_path, temporary):
    pytest.importorskip("pxr")
    paths = [tmp_path / f"o{suffix}" for suffix in (".usda", ".usdc", ".usdz")]
    for path, line in zip(paths, told("write", made["ply"], *paths, temporary=temporary), strict=True):
        assert line.startswith(f"{path}: cannot be made in {temporary} (")
        assert line.endswith("; point TMPDIR at a folder with room")
    assert os.listdir(tmp_path) == ["temporary"]


def test_where_tmpdir_cannot_be_written_to_that_is_said_with_the_folder_that_had_no_room(made, tmp_path):
    absent = tmp_path / "absent"
    (line,) = told("read", made["zip"], temporary=absent)
    assert line.endswith(f"; {absent}, where it points now, cannot be written to")


def test_no_temporary_folder_at_all_is_no_damage_either(made, monkeypatch):
    def none() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr("tempfile.gettempdir", none)
    for path in unpacked(made):
        with pytest.raises(GscliError, match=r"a temporary folder \(No usable .*\); point TMPDIR") as error:
            formats.read(path)
        assert error.value.exit_code == 1


def test_a_full_disk_is_one_line_of_every_writer_and_leaves_nothing(made, tmp_path, temporary):
    writers = [form for form in formats.FORMATS if form.writer is not None and not form.missing]
    suffixes = [end for form in writers for end in form.suffixes]
    paths = [f"{tmp_path}/o{end}" for end in suffixes if not end.startswith(".usd")]  # made elsewhere first
    assert len(paths) > 15
    for line in told("write", made["ply"], *paths, temporary=temporary):
        assert line.startswith(f"{tmp_path}/o")
        assert ": cannot be written (File too large)" in line  # by the system's own words, not NumPy's
    assert os.listdir(tmp_path) == ["temporary"]


def decoded(made: dict[str, Path]) -> list[Path]:
    """What processes of their own read."""
    return [made[name] for name in ("las", "usd", "e57") if name in made]


def test_a_decoder_that_the_system_kills_is_no_damage(made, monkeypatch):
    monkeypatch.setattr(processes, "run", lambda *_: -signal.SIGKILL)
    for path in decoded(made):
        with pytest.raises(GscliError, match=r"the process .* was killed.*; free some memory") as error:
            formats.read(path)
        assert (error.value.exit_code, error.value.path) == (1, str(path))


def test_a_decoder_that_cannot_be_started_is_no_damage(made, monkeypatch):
    def full(*_: object) -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(processes, "run", full)
    for path in decoded(made):
        with pytest.raises(GscliError, match=r"cannot be started \(Resource temporarily unavail") as error:
            formats.read(path)
        assert (error.value.exit_code, error.value.path) == (1, str(path))


@pytest.mark.parametrize("status", [1, -signal.SIGABRT, -signal.SIGSEGV, -signal.SIGXCPU])
def test_a_decoder_that_ends_over_what_a_file_holds_is_damage(made, monkeypatch, status):
    monkeypatch.setattr(processes, "run", lambda *_: status)
    for path in decoded(made):
        with pytest.raises(GscliError, match=r"has damaged (LAZ|USD|E57) data") as error:
            formats.read(path)
        assert error.value.exit_code == 3
