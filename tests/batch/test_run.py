"""What is left to do, when others work on the same folder."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gscli import __version__
from gscli.batch.execute import execute
from gscli.batch.patterns import Pattern, find
from gscli.batch.plan import plan
from gscli.batch.records import Folder
from gscli.batch.run import Stop, look_at, opened, run
from gscli.batch.tasks import Task
from gscli.batch.work import Part, Summary
from gscli.errors import WriteRefused
from gscli.files import temporaries
from gscli.formats import ply


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "out")


@pytest.fixture
def tasks(tmp_path: Path, make_scene: Any) -> list[Task]:
    (tmp_path / "scenes").mkdir()
    for number in range(4):
        ply.write(tmp_path / "scenes" / f"{number}.ply", make_scene(50 + number))
    inputs = find([Pattern(f"{tmp_path}/scenes/*.ply")])
    return plan("resample", inputs, {"seed": 1}, folder=f"{tmp_path}/out")


def in_turn(tasks: Any, folder: str | None, stop: Stop, *, locks: tuple[int, ...]) -> Any:
    """An engine that does tasks in this process, one after the other."""
    for task in tasks:
        yield execute(task, folder)


def whole(tasks: list[Task], folder: Folder, **options: Any) -> list[str]:
    """Run a batch from its first look to its end; returns what was done, in turn."""
    with opened(tasks, look_at(tasks, folder, **options), folder) as (work, locks):
        return [r["id"] for r in run(work, in_turn, folder, Stop(), Summary(work), locks=locks)]


def ages(folder: Folder) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for name in ("*.ply", "done/*") for path in folder.path.glob(name)}


def test_a_batch_that_another_one_was_quicker_than_replaces_nothing(
    tasks: list[Task], folder: Folder
) -> None:
    work = look_at(tasks, folder)
    whole(tasks, folder)
    before = ages(folder)
    with pytest.raises(WriteRefused, match="holds a batch already"), opened(tasks, work, folder):
        pass
    assert ages(folder) == before
    assert len(before) == 2 * len(tasks)


def test_outputs_that_changed_in_place_are_found_by_their_digest_and_done_again(
    tasks: list[Task], folder: Folder
) -> None:
    tasks = [replace(task, check=True) for task in tasks]
    whole(tasks, folder)
    output = Path(tasks[1].outputs[0])
    good, about = output.read_bytes(), output.stat()
    output.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    os.utime(output, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert whole(tasks, folder, resume=True) == []
    before = ages(folder)
    assert whole(tasks, folder, resume=True, check=True) == [tasks[1].id]
    assert output.read_bytes() == good
    assert sum(age != before[path] for path, age in ages(folder).items()) == 2
    assert whole(tasks, folder, resume=True, check=True) == []


def test_what_another_run_did_before_this_one_had_the_folder_is_not_done_again(
    tasks: list[Task], folder: Folder
) -> None:
    whole(tasks[:2], folder)
    work = look_at(tasks, folder, resume=True)
    assert len(work.todo) == 2
    assert len(whole(tasks[:3], folder, resume=True)) == 1
    with opened(tasks, work, folder) as (work, _):
        assert list(work.todo) == tasks[3:]
        assert len(work.skipped) == 3


def test_parts_that_begin_together_are_no_hindrance_to_each_other(tasks: list[Task], folder: Folder) -> None:
    parts = [Part(1, 2), Part(2, 2)]
    looks = [look_at(tasks, folder, part=part) for part in parts]
    done = []
    for look in looks:
        with opened(tasks, look, folder) as (work, locks):
            done += [r["id"] for r in run(work, in_turn, folder, Stop(), Summary(work), locks=locks)]
    assert sorted(done) == sorted(task.id for task in tasks)


@pytest.mark.parametrize("lost", ["done", "failed"])
def test_records_that_were_deleted_are_made_again(tasks: list[Task], folder: Folder, lost: str) -> None:
    whole(tasks, folder)
    shutil.rmtree(folder.path / lost)
    assert len(whole(tasks, folder, resume=True)) == (len(tasks) if lost == "done" else 0)


def test_what_another_version_did_counts_and_is_told(tasks: list[Task], folder: Folder) -> None:
    whole(tasks, folder)
    record = folder.record("done", tasks[0].id)
    record.write_text(record.read_text().replace(f'"version": "{__version__}"', '"version": "0.0.9"'))
    with pytest.warns(UserWarning, match=r"done before 1 by gscli 0\.0\.9, which may differ"):
        assert whole(tasks, folder, resume=True) == []


def test_results_of_what_was_done_before_are_not_held_in_memory(tasks: list[Task], folder: Folder) -> None:
    whole(tasks, folder)
    skipped = look_at(tasks, folder, resume=True).skipped
    assert [record["figures"]["points"] for record in skipped] == [50, 51, 52, 53]
    assert not [record for record in skipped if "result" in record]


def test_the_largest_input_comes_first(tasks: list[Task], folder: Folder) -> None:
    assert list(look_at(tasks, folder).todo) == tasks[::-1]


def test_a_summary_says_what_became_of_the_inputs_and_lists_none(tasks: list[Task]) -> None:
    summary = Summary(look_at(tasks))
    list(run(summary.work, in_turn, None, Stop(), summary))
    assert repr(summary) == "<Summary: inputs 4, done 4, missed 0, failed 0, unfinished 0>"
    assert summary.to_dict()["done"] == 4


def test_nothing_is_left_of_a_killed_run_even_where_nothing_is_to_do(
    tasks: list[Task], folder: Folder
) -> None:
    whole(tasks, folder)
    places = (folder.record("done", tasks[0].id), Path(tasks[0].outputs[0]), folder.manifest)

    def leave() -> None:
        for place in places:
            temporaries.beside(place).touch()

    def left() -> list[Path]:
        return list(folder.path.rglob(f".*{temporaries.SUFFIX}"))

    leave()
    with opened(tasks, look_at(tasks, folder, resume=True), folder):
        assert left() == []
        leave()  # what was still held, because its process lets go of one file after the other as it dies
    assert left() == []
