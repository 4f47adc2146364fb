"""Batches over scene folders: what is read is a folder, and what is written may be one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gscli.batch import outputs
from gscli.batch.patterns import Pattern, find
from gscli.batch.plan import plan
from gscli.batch.tasks import Task, look
from gscli.errors import InputError, UsageError, WriteRefused

from .conftest import Run, leftovers, readers, until

NAMES = ("room.v1", "room.v2", "more/hall")
POINTS = 300


@pytest.fixture
def rooms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three scene folders: rooms/room.v1, rooms/room.v2, rooms/more/hall."""
    rng = np.random.default_rng(0)
    for name in NAMES:
        folder = tmp_path / "rooms" / name
        folder.mkdir(parents=True)
        np.save(folder / "coord.npy", rng.normal(size=(POINTS, 3)).astype("f4"))
        np.save(folder / "lang_feat.npy", rng.normal(size=(POINTS, 16)).astype("f2"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "rooms"


@pytest.fixture
def half(batch: Run, rooms: Path, tmp_path: Path) -> Path:
    """The folder of a batch over ``rooms``."""
    done = batch(*words("half"))
    assert done.returncode == 0, done.stderr
    return tmp_path / "half"


def words(out: str, *more: str) -> tuple[str, ...]:
    return ("resample", "rooms/**/", "--seed", "7", "--workers", "1", "--out-dir", out, *more)


def held(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.npy"))}


def test_draws_of_scene_folders_are_the_folders_that_the_function_writes(
    half: Path, rooms: Path, tmp_path: Path
) -> None:
    from gscli.resample import resample

    for name in NAMES:
        resample(rooms / name, f"{tmp_path}/expected/{name}/", seed=7)
    assert held(half) == held(tmp_path / "expected")
    assert len(held(half)) == 2 * len(NAMES)
    (record, *_) = (json.loads(path.read_text()) for path in (half / "done").glob("hall-*.json"))
    assert [o["path"] for o in record["outputs"]] == ["more/hall/coord.npy", "more/hall/lang_feat.npy"]


def test_nothing_that_is_done_is_done_again(batch: Run, half: Path) -> None:
    (half / "room.v1" / "notes.txt").write_text("mine")
    done = batch(*words("half", "--resume"))
    assert "3 done (3 before)" in done.stderr
    assert (half / "room.v1" / "notes.txt").read_text() == "mine"


def _lose(half: Path) -> None:
    (half / "room.v2" / "lang_feat.npy").unlink()


def _cut(half: Path) -> None:
    (half / "room.v2" / "coord.npy").write_bytes(b"half of it")


def _crash(half: Path) -> None:
    """As a power cut between the outputs and the record, in the middle of the next attempt."""
    (record,) = (path for path in (half / "done").iterdir() if "room.v2" in path.read_text())
    record.unlink()
    started = half / ".room.v2.0123abcd.gscli-tmp"
    started.mkdir()
    (started / "coord.npy").write_bytes(b"half of it")


@pytest.mark.parametrize("damage", [_lose, _cut, _crash])
def test_a_folder_that_is_not_complete_is_written_again(batch: Run, half: Path, damage: Any) -> None:
    before = held(half)
    damage(half)
    done = batch(*words("half", "--resume"))
    assert done.returncode == 0, done.stderr
    assert "3 done (2 before)" in done.stderr
    assert held(half) == before
    assert not [name for name in os.listdir(half) if name.endswith("gscli-tmp")]


def _rewrite(file: Path) -> None:
    file.write_bytes(file.read_bytes())


def _replace_by_an_older_one(file: Path) -> None:
    """As ``rsync --times`` does: sizes stay, and no age is newer than the newest before."""
    about, folder = file.stat(), file.parent.stat()
    file.write_bytes(file.read_bytes())
    os.utime(file, ns=(about.st_mtime_ns - 10**9, about.st_mtime_ns - 10**9))
    os.utime(file.parent, ns=(folder.st_mtime_ns, folder.st_mtime_ns))


def _add(file: Path) -> None:
    (file.parent / "segment.npy").write_bytes(file.read_bytes())


@pytest.mark.parametrize("change", [_rewrite, _replace_by_an_older_one, _add, Path.unlink])
def test_a_change_of_any_file_in_a_folder_is_noticed(rooms: Path, change: Any) -> None:
    def fingerprint() -> str:
        return Task("room", "info", (look(str(rooms / "room.v1")),)).fingerprint

    before = fingerprint()
    assert fingerprint() == before
    change(rooms / "room.v1" / "lang_feat.npy")
    assert fingerprint() != before


def test_folders_move_together_with_their_batch(batch: Run, half: Path, rooms: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for folder in (half, rooms):
        folder.rename(elsewhere / folder.name)
    done = batch(
        *words("elsewhere/half", "--resume")[:1],
        "elsewhere/rooms/**/",
        *words("elsewhere/half")[2:],
        "--resume",
    )
    assert "3 done (3 before)" in done.stderr


def test_a_killed_batch_is_resumed_to_the_same_folders(
    batch: Run, start: Any, half: Path, tmp_path: Path
) -> None:
    process = start(*words("again"))
    until(lambda: list(tmp_path.glob("again/done/*.json")))
    process.kill()
    until(lambda: not readers(tmp_path / "again" / ".lock"))
    done = batch(*words("again", "--resume"))
    assert done.returncode == 0, done.stderr
    assert held(tmp_path / "again") == held(half)
    assert not leftovers(tmp_path / "again")


def test_a_full_disk_costs_what_does_not_fit(batch: Run, half: Path, rooms: Path, tiny_disk: Path) -> None:
    np.save(rooms / "room.v1" / "lang_feat.npy", np.zeros((POINTS, 999), "f4"))  # more than there is room for
    done = batch(*words("tiny/out"))
    assert done.returncode == 1
    assert "room.v1/: cannot be written (No space left on device)" in done.stderr
    assert {k: v for k, v in held(half).items() if "v1" not in k} == held(tiny_disk / "out")
    assert not leftovers(tiny_disk)


def test_several_draws_of_folders_and_their_rows(batch: Run, rooms: Path, tmp_path: Path) -> None:
    done = batch(*words("views", "--repeat", "2", "--index", "rows"))
    assert done.returncode == 0, done.stderr
    for name in NAMES:
        for epoch in (0, 1):
            rows = np.load(tmp_path / f"rows/{name}.half-density.e{epoch}.npy")
            drawn = np.load(tmp_path / f"views/{name}.half-density.e{epoch}/coord.npy")
            assert np.array_equal(drawn, np.load(rooms / name / "coord.npy")[rows])


def test_folders_are_compared_with_their_partners(batch: Run, half: Path) -> None:
    words = ("half/**/", "--reference", "rooms/**/", "--no-gaussians", "--min-fitness", "1", "--json-lines")
    done = batch("compare", *words, "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 3


def test_folders_are_converted_from_and_to(batch: Run, rooms: Path, tmp_path: Path) -> None:
    words = ("--allow-lossy", "--workers", "1", "--out-dir")
    done = batch("convert", "rooms/*/", "--to", "npz", *words, "arrays")
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in (tmp_path / "arrays").glob("*.npz")) == ["room.v1.npz", "room.v2.npz"]
    assert "array lang_feat" in done.stderr
    done = batch("info", "rooms/**/", "--json-lines", "--workers", "1")
    assert [json.loads(line)["figures"]["points"] for line in done.stdout.splitlines()] == [POINTS] * 3


def test_a_damaged_folder_costs_itself_alone(batch: Run, rooms: Path, tmp_path: Path) -> None:
    (rooms / "room.v1" / "coord.npy").unlink()
    done = batch(*words("out"))
    assert done.returncode == 1
    assert "1 of 3 inputs failed" in done.stderr
    assert sorted(held(tmp_path / "out"))[0] == "more/hall/coord.npy"


def test_folders_that_hold_nothing_but_folders_are_passed_over(rooms: Path) -> None:
    assert [f.relative for f in find([Pattern("rooms/*/")])] == ["room.v1", "room.v2"]
    assert [f.relative for f in find([Pattern("rooms/**/")])] == ["more/hall", "room.v1", "room.v2"]


def test_a_folder_of_scenes_is_no_scene(rooms: Path) -> None:
    with pytest.raises(
        InputError, match=r"rooms: is a folder, but no scene; give a pattern such as 'rooms/\*"
    ):
        find([Pattern("rooms")])
    assert [f.relative for f in find([Pattern("rooms/room.v1")])] == ["room.v1"]


def test_a_folder_in_the_way_is_refused_without_leave(rooms: Path, tmp_path: Path) -> None:
    (tmp_path / "diary").mkdir()
    outputs.refuse_existing(f"{tmp_path}/diary/", overwrite=False, source="")
    (tmp_path / "diary" / "today.txt").write_text("precious")
    for overwrite in (False, True):
        with pytest.raises(WriteRefused, match="no scene folder"):
            outputs.refuse_existing(f"{tmp_path}/diary/", overwrite=overwrite, source="")
    with pytest.raises(WriteRefused, match="exists already"):
        outputs.refuse_existing(f"{rooms}/room.v1/", overwrite=False, source="")
    outputs.refuse_existing(f"{rooms}/room.v1/", overwrite=True, source="")


def test_a_folder_is_not_written_over_one_that_is_read(rooms: Path) -> None:
    with pytest.raises(UsageError, match="is an input and would be overwritten"):
        plan("resample", find([Pattern("rooms/*/")]), {}, folder="rooms")


@pytest.mark.parametrize("name", ["done", "failed", "summary.json", "summary-1-of-2.json"])
def test_a_folder_is_not_written_over_the_records(rooms: Path, name: str) -> None:
    (rooms / "room.v1").rename(rooms / name)
    with pytest.raises(UsageError, match="is where records go"):
        plan("resample", find([Pattern("rooms/*/")]), {}, folder="out")
    assert len(plan("resample", find([Pattern("rooms/*/")], relative_to="."), {}, folder="out")) == 2


def test_a_folder_is_not_written_over_outputs_in_it(rooms: Path) -> None:
    (rooms / "room.v1").rename(rooms / "room.v2" / "nook")
    with pytest.raises(UsageError, match=r"nook/: would lie in the output of .*room\.v2"):
        plan("resample", find([Pattern("rooms/**/")]), {}, folder="out")


def test_a_folder_is_not_written_over_what_is_read_in_it(tmp_path: Path) -> None:
    """A folder of levels holds scenes, and is replaced as a whole."""
    (tmp_path / "0").mkdir()
    (tmp_path / "0/0.ply").touch()
    found = find([Pattern(f"{tmp_path}/0/*.ply")])
    with pytest.raises(UsageError, match=r"0/0\.ply: is an input and lies in the output of .*0/0\.ply"):
        plan("lod", found, {"views": 0}, folder=str(tmp_path))
    assert len(plan("lod", found, {"views": 0}, folder=f"{tmp_path}/out")) == 1


def test_outputs_are_complete_where_each_has_its_files(tmp_path: Path) -> None:
    (tmp_path / "levels/0_0").mkdir(parents=True)
    files = [tmp_path / "levels/lod.json", tmp_path / "levels/0_0/meta.json", tmp_path / "rows.npy"]
    for file in files:
        file.write_text("x")
    wanted = [f"{tmp_path}/levels/", f"{tmp_path}/rows.npy"]
    kept = {os.fspath(file): {"bytes": 1} for file in files}
    assert [os.path.join(tmp_path, each["path"]) for each in outputs.keep(wanted, str(tmp_path))] == sorted(
        kept
    )
    assert outputs.complete(wanted, kept)
    assert not outputs.complete([*wanted, f"{tmp_path}/more/"], kept)
    assert not outputs.complete(wanted[:1], kept)
    files[1].unlink()
    assert not outputs.complete(wanted, kept)
