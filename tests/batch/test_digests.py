"""``--check``: a batch goes by what files hold, not by their size and time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from gscli.batch import digests
from gscli.cli import main

WORDS = ("resample", "scenes/*.ply", "--out-dir", "out", "--workers", "1")


@pytest.fixture
def folder(three_scenes: Path) -> Path:
    return three_scenes


def batch(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["batch", *arguments])


def again(*more: str, words: tuple[str, ...] = WORDS) -> list[str]:
    """The inputs that a resumed run does, by name."""
    before = {path: path.stat().st_mtime_ns for path in Path("out/done").iterdir()}
    done = batch(*words, "--resume", *more)
    assert done.exit_code == 0, done.output
    records = [path for path in Path("out/done").iterdir() if before.get(path) != path.stat().st_mtime_ns]
    return sorted(Path(json.loads(path.read_bytes())["inputs"][0]["path"]).name for path in records)


def alter(path: Path) -> None:
    """Change a byte of the last row and nothing that ``stat`` tells."""
    about, data = path.stat(), bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (about.st_size, about.st_mtime_ns)


@pytest.mark.parametrize("first", [(), ("--overwrite",)], ids=["new", "anew"])
@pytest.mark.parametrize("what", ["scenes", "out"])
def test_what_changed_behind_its_size_and_time_is_noticed(
    folder: Path, what: str, first: tuple[str, ...]
) -> None:
    if first:
        assert batch(*WORDS).exit_code == 0
    assert batch(*WORDS, "--check", *first).exit_code == 0
    made = (folder / "out" / "s1.ply").read_bytes()
    assert again("--check") == []
    alter(folder / what / "s1.ply")
    assert again() == []  # nothing tells, but for the bytes
    assert again("--check") == ["s1.ply"]
    assert again("--check") == []
    assert (folder / "out" / "s1.ply").exists()
    if what == "out":
        assert (folder / "out" / "s1.ply").read_bytes() == made


def test_a_new_time_alone_is_no_change(folder: Path) -> None:
    assert batch(*WORDS, "--check").exit_code == 0
    for number in range(2):
        os.utime(folder / "scenes" / f"s{number}.ply", (1, 1))
    assert again("--check") == []
    assert again() == ["s0.ply", "s1.ply"]


def test_other_settings_are_not_done_whatever_the_files_are(folder: Path) -> None:
    assert batch(*WORDS, "--check").exit_code == 0
    assert len(again("--check", "--seed", "4")) == 3


def test_a_record_has_the_digest_of_what_was_read(folder: Path) -> None:
    import hashlib

    assert batch(*WORDS, "--check").exit_code == 0
    for path in (folder / "out" / "done").iterdir():
        record = json.loads(path.read_bytes())
        for one in (
            *record["inputs"],
            *({**o, "path": folder / "out" / o["path"]} for o in record["outputs"]),
        ):
            assert one["sha256"] == hashlib.sha256(Path(one["path"]).read_bytes()).hexdigest()
    assert batch(*WORDS, "--overwrite").exit_code == 0
    records = [json.loads(path.read_bytes()) for path in (folder / "out" / "done").iterdir()]
    assert not any("sha256" in one for record in records for one in record["inputs"])


def test_inputs_without_digests_are_believed_by_size_and_time_and_that_is_said(folder: Path) -> None:
    assert batch(*WORDS).exit_code == 0
    alter(folder / "out" / "s2.ply")
    os.utime(folder / "scenes" / "s0.ply", (1, 1))
    words = [sys.executable, "-m", "gscli", "batch", *WORDS, "--resume", "--check"]
    done = [subprocess.run(words, capture_output=True, text=True, check=True).stderr for _ in range(2)]
    assert "3 done (1 before)" in done[0]
    assert "3 done (3 before)" in done[1]
    assert all("warning: what 1 input held was not recorded, and is believed by" in said for said in done)


def test_a_data_set_that_was_copied_without_its_times_is_done(folder: Path) -> None:
    assert batch(*WORDS, "--check").exit_code == 0
    shutil.copytree("scenes", "copy", copy_function=shutil.copyfile)
    shutil.rmtree("scenes")
    os.rename("copy", "scenes")
    assert again("--check") == []


def test_files_of_a_scene_folder_and_of_options_are_held_to_their_digests(folder: Path) -> None:
    room = folder / "rooms" / "a"
    room.mkdir(parents=True)
    np.save(room / "coord.npy", np.random.default_rng(0).random((300, 3), np.float32))
    np.save(room / "extra.npy", np.arange(300, dtype=np.int64))
    np.save(folder / "cells.npy", np.arange(300) // 10)
    words = ("resample", "rooms/*/", "--out-dir", "out", "--workers", "1")
    words = (*words, "--grid", str(folder / "cells.npy"), "--method", "single")
    assert batch(*words, "--check").exit_code == 0
    assert again("--check", words=words) == []
    for changed in (room / "extra.npy", folder / "cells.npy", folder / "out" / "a" / "extra.npy"):
        alter(changed)
        assert again(words=words) == []
        assert again("--check", words=words) == ["a"], changed


def test_a_file_that_many_inputs_share_is_read_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy("scenes/s0.ply", "reference.ply")
    words = ("compare", "scenes/*.ply", "--reference", "reference.ply", "--out-dir", "out", "--workers", "1")
    assert batch(*words, "--check").exit_code == 0
    read: list[str] = []
    real = digests.of_file
    monkeypatch.setattr(digests, "of_file", lambda path: (read.append(os.path.basename(path)), real(path))[1])
    assert again("--check", words=words) == []
    assert sorted(read) == ["reference.ply", "s0.ply", "s1.ply", "s2.ply"]


def test_a_pipe_has_no_digest_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert digests.of_input(str(tmp_path / "pipe")) is None
    assert digests.of_input(str(tmp_path / "gone")) is None


def test_parts_of_a_file_have_the_digest_of_the_file(folder: Path) -> None:
    assert digests.of_input("scenes/s0.ply::gs1") == digests.of_file("scenes/s0.ply")


def test_a_job_file_may_ask_for_it(folder: Path) -> None:
    job = "operation: resample\ninputs: scenes/*.ply\nout-dir: out\nworkers: 1\ncheck: true\n"
    (folder / "job.yaml").write_text(job)
    assert batch("job.yaml").exit_code == 0
    assert again("--check") == []


def test_it_has_no_effect_where_nothing_is_kept(folder: Path) -> None:
    done = batch("info", "scenes/*.ply", "--workers", "1", "--check")
    assert done.exit_code == 2
    assert "--check has no effect where nothing is kept" in done.stderr


def test_a_dry_run_tells_what_the_digests_tell(folder: Path) -> None:
    assert batch(*WORDS, "--check").exit_code == 0
    alter(folder / "scenes" / "s2.ply")
    assert "would resample 1 input" in batch(*WORDS, "--resume", "--check", "--dry-run").output
    assert "would do 0 inputs" in batch(*WORDS, "--resume", "--dry-run").output
