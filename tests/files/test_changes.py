"""Files that another program writes to while they are read end in a line, not in a bus error or nonsense."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import BinaryIO

import numpy as np
import pytest

import gscli
from gscli import files, formats, scene
from gscli.errors import InputError
from gscli.files import changes, writing
from gscli.kernels import parallel
from gscli.watching import reading

MAPPED = pytest.mark.skipif(
    sys.platform == "win32", reason="POSIX lets a file be cut short under its readers"
)

# gscli, where a file changes as soon as it was read; its rows are still to be looked at.
CHANGED = """
import os, sys
import gscli.formats._source as source
from {start}
how, victim, real = sys.argv.pop(1), sys.argv.pop(1), source._read

def read(found, *asked):
    cloud = real(found, *asked)
    if os.path.basename(found.path) == victim and os.path.exists(found.path):
        if how == "gone":
            os.unlink(found.path)
        elif how == "replaced":
            os.replace("other.ply", found.path)
        else:
            was = open(found.path, "rb").read()
            os.truncate(found.path, {{"cut": 4096, "emptied": 0}}.get(how, len(was)))
            if how == "written anew":
                os.truncate(found.path, 0)
                open(found.path, "r+b").write(was)
    return cloud

source._read = read
"""
COMMAND = CHANGED.format(start="gscli.cli import run") + "\nrun()"


def run(folder: Path, how: str, *args: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, how, "scene.ply", *args],
        cwd=folder,
        env={**os.environ, "GSCLI_CACHE_DIR": str(folder.parent / "cache")},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "scenes"
    place.mkdir()
    scene.write(place / "scene.ply", 3000, sh_degree=1, seed=1)
    scene.write(place / "other.ply", 3000, sh_degree=1, seed=2)
    return place


@MAPPED
@pytest.mark.parametrize(
    ("how", "args"),
    [
        ("cut", ["info", "scene.ply"]),
        ("emptied", ["compare", "other.ply", "scene.ply"]),
        ("cut", ["convert", "scene.ply", "out.ply"]),
        ("written anew", ["convert", "scene.ply", "out.spz", "--allow-lossy"]),
        ("cut", ["resample", "scene.ply", "out.ply"]),
        ("emptied", ["resample", "scene.ply", "out/", "--allow-lossy", "--memory-limit", "100MB"]),
    ],
)
def test_a_scene_that_is_written_to_while_it_is_read_is_refused_in_a_line(
    folder: Path, how: str, args: list[str]
) -> None:
    before = sorted(os.listdir(folder))
    told = "gscli: error: scene.ply: changed while it was read; try again once its writer is done\n"
    assert run(folder, how, *args) == (3, told)
    assert sorted(os.listdir(folder)) == before


@MAPPED
@pytest.mark.parametrize("how", ["gone", "replaced"])
def test_a_scene_that_another_takes_the_place_of_is_read_as_it_was(folder: Path, how: str) -> None:
    was = formats.read(folder / "scene.ply").rows.copy()
    assert run(folder, how, "convert", "scene.ply", "out.ply")[0] == 0
    assert formats.read(folder / "out.ply").rows.tobytes() == was.tobytes()


@MAPPED
def test_a_batch_records_the_input_that_changed_and_keeps_its_worker(folder: Path) -> None:
    worker = CHANGED.format(start="gscli.batch.execute import execute") + (
        "from gscli.batch.tasks import Task, look\n"
        "from gscli.files import changes\n"
        "import json\n"
        "changes.guard()\n"
        "for name in ('scene.ply', 'other.ply'):\n"
        "    record = execute(Task(name, 'info', (look(os.path.abspath(name)),)))\n"
        "    print(json.dumps([record['status'], record.get('error')]))\n"
    )
    command = [sys.executable, "-c", worker, "cut", "scene.ply"]
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    first, second = map(json.loads, said.splitlines())
    assert first[0] == "failed"
    assert first[1].endswith("scene.ply: changed while it was read; try again once its writer is done")
    assert second == ["done", None]


@MAPPED
def test_a_watch_reads_again_what_its_trainer_writes_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real = folder / "scene.ply", formats.read

    def read(*args: object, **settings: object) -> object:
        cloud = real(*args, **settings)  # type: ignore[arg-type]
        path.write_bytes(path.read_bytes())
        return cloud

    monkeypatch.setattr(formats, "read", read)
    with pytest.raises(InputError, match="changed while it was read"):
        reading.read(str(path), whole=False)
    monkeypatch.undo()
    model = reading.read(str(path), whole=True)
    assert model.cloud is not None
    was = model.cloud.rows.tobytes()
    path.write_bytes(bytes(path.stat().st_size))
    assert model.cloud.rows.tobytes() == was


def test_a_file_that_grows_while_it_is_decoded_is_no_damaged_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = folder / "points.xyz"
    text.write_text("1 2 3\n" * 100)
    real = files.open_regular

    def growing(path: str) -> BinaryIO:
        with open(path, "a") as more:
            more.write("4 5")
        return real(path)

    monkeypatch.setattr(files, "open_regular", growing)
    with pytest.raises(InputError, match=r"points\.xyz: changed while it was read"):
        formats.read(text)


def test_outputs_that_others_write_to_later_are_nobodys_inputs(folder: Path) -> None:
    with changes.noticed():
        cloud = formats.read(folder / "scene.ply")
        gscli.write(folder / "copy.ply", cloud)
        (folder / "copy.ply").write_bytes(b"")
        changes.refuse()
    (folder / "scene.ply").write_bytes((folder / "scene.ply").read_bytes())
    with writing.replacing(folder / "note.txt", overwrite=False) as stream:  # of no block that read it
        stream.write(np.arange(3).tobytes())


def test_threads_notice_what_each_of_them_reads(folder: Path) -> None:
    """The block of one ends before that of another, which began later."""
    path = folder / "scene.ply"
    began, ended = threading.Barrier(2), threading.Event()

    def first() -> None:
        with changes.noticed():
            began.wait()
            began.wait()
        ended.set()

    def second() -> str:
        began.wait()
        with changes.noticed():
            began.wait()
            ended.wait()
            formats.read(path)
            path.write_bytes(path.read_bytes())
            with pytest.raises(InputError, match="changed while it was read"):
                changes.refuse()
        formats.read(path)
        path.write_bytes(path.read_bytes())
        changes.refuse()
        return "done"

    with ThreadPoolExecutor(2) as threads:
        found = threads.submit(second)
        threads.submit(first).result()
        assert found.result() == "done"
    formats.read(path)
    path.write_bytes(path.read_bytes())
    changes.refuse()  # of no block


def test_what_is_written_by_a_thread_of_a_block_is_of_that_block(folder: Path) -> None:
    path = folder / "scene.ply"
    with changes.noticed():
        formats.read(path)
        path.write_bytes(path.read_bytes())

        def save(name: str) -> None:
            with writing.replacing(folder / name, overwrite=False) as stream:
                stream.write(b"1")

        with pytest.raises(InputError, match="changed while it was read"):
            list(parallel.in_order(save, ["a", "b", "c"]))
    assert not {"a", "b", "c"} & set(os.listdir(folder))


@MAPPED
def test_what_takes_the_number_of_a_spool_is_not_that_spool(folder: Path) -> None:
    with changes.noticed(), tempfile.TemporaryFile() as spool:
        spool.write((folder / "scene.ply").read_bytes())
        spool.flush()
        formats.read(f"/dev/fd/{spool.fileno()}")
        spool.truncate(10)  # as the next file without a name, which the system may give the same numbers
        changes.refuse()


@MAPPED
def test_zeros_for_which_there_is_no_room_are_no_remedy(folder: Path) -> None:
    cloud = formats.read(folder / "scene.ply")
    os.truncate(folder / "scene.ply", 4096)
    failed = ctypes.c_void_p(-1).value
    assert not changes._zero(SimpleNamespace(mmap=lambda *_: failed))  # type: ignore[arg-type]
    assert changes._zero(SimpleNamespace(mmap=lambda address, *_: address))  # type: ignore[arg-type]
    assert len(cloud) == 3000


@MAPPED
@pytest.mark.parametrize("how", ["beside", "within", "replaced", "gone"])
def test_a_folder_is_what_is_read_of_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, how: str, tmp_path: Path
) -> None:
    held, other = tmp_path / "held", tmp_path / "other"
    for place in (held, other):
        gscli.write(f"{place}/", formats.read(folder / "scene.ply"), allow_lossy=True)
    form = formats.FORMATS.get("scenesplat")

    def read(path: Path) -> object:
        cloud = form.read(path)
        if how == "beside":
            (held / "draw.ply").write_bytes(b"ply")
        elif how == "within":
            (held / "coord.npy").write_bytes((held / "coord.npy").read_bytes())
        else:
            held.rename(tmp_path / "was")
            if how == "replaced":
                other.rename(held)
        return cloud

    monkeypatch.setattr(formats.Source, "format", replace(form, read=read))
    if how in ("beside", "gone"):
        assert len(formats.read(held)) == 3000
        return
    with pytest.raises(InputError, match="changed while it was read"):
        formats.read(held)


@MAPPED
def test_what_is_read_of_a_folder_is_noticed_until_the_end(folder: Path) -> None:
    gscli.write(f"{folder}/held/", formats.read(folder / "scene.ply"), allow_lossy=True)
    with changes.noticed():
        formats.read(folder / "held")
        (folder / "held" / "coord.npy").write_bytes((folder / "held" / "coord.npy").read_bytes())
        with pytest.raises(InputError, match=r"coord\.npy: changed while it was read"):
            changes.refuse()
