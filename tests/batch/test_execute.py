"""One task in this process, and what becomes of its record."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gscli.batch.execute import attempt, execute, finish, lost
from gscli.batch.records import Folder
from gscli.batch.tasks import Task, look
from gscli.errors import GscliError
from gscli.formats import ply
from gscli.grids import cache


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path / "out")
    made.make()
    return made


@pytest.fixture
def task(tmp_path: Path, make_scene: Any) -> Task:
    ply.write(tmp_path / "a.ply", make_scene(50))
    return Task("a", "resample", (look(str(tmp_path / "a.ply")),), (f"{tmp_path}/out/a.ply",), {"seed": 1})


def kept(folder: Folder) -> dict[str, Any]:
    found = {path.parent.name: json.loads(path.read_text()) for path in folder.path.glob("*/*.json")}
    return {kind: record["fingerprint"] for kind, record in found.items()}


def test_a_bug_at_one_input_is_recorded_with_its_traceback(task: Task) -> None:
    record = execute(Task("a", "info", task.inputs, (), {"no_such_option": 1}))
    assert record["status"] == "failed"
    assert "TypeError" in record["error"]
    assert "Traceback" in record["traceback"]


def test_a_cache_that_has_no_home_costs_a_warning_and_no_input(
    task: Task, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def homeless() -> Path:
        raise GscliError("no home folder")

    monkeypatch.setattr(cache, "folder", homeless)
    record = execute(replace(task, parameters={"seed": 1, "on_disk_cache": True}), str(folder.path))
    assert (record["status"], record["warnings"]) == ("done", ["grids are not cached: no home folder"])


def test_what_one_worker_did_is_done_whatever_becomes_of_another(folder: Folder, task: Task) -> None:
    done = execute(task, str(folder.path))
    Path(task.source).unlink()
    for answer in (execute(task, str(folder.path)), lost(task, str(folder.path), "its worker died")):
        assert answer == json.loads(json.dumps(done))
    assert kept(folder) == {"done": task.fingerprint}


def test_a_worker_of_an_earlier_run_that_fails_late_takes_no_record_away(folder: Folder, task: Task) -> None:
    earlier = Task(task.id, task.operation, task.inputs, task.outputs, {"seed": 2})
    execute(task, str(folder.path))
    assert lost(earlier, str(folder.path), "its worker died")["status"] == "failed"
    assert kept(folder) == {"done": task.fingerprint}
    assert folder.done(task)


def test_what_is_done_at_last_has_not_failed(folder: Folder, task: Task) -> None:
    lost(task, str(folder.path), "its worker died")
    assert kept(folder) == {"failed": task.fingerprint}
    execute(task, str(folder.path))
    assert kept(folder) == {"done": task.fingerprint}


def test_whatever_keeps_a_record_from_being_made_is_told(folder: Folder, task: Task) -> None:
    """A worker that raised something here would answer nothing, and its batch would wait for ever."""
    record = finish(Task("a", "info", task.inputs, ("/no\0where",)), attempt(task), str(folder.path))
    assert record["status"] == "failed"
    assert "done, but not recorded: " in record["error"]
    assert "Traceback" in record["traceback"]


def test_outputs_are_on_the_disk_before_their_record_is_written(
    folder: Folder, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: dict[str, bool] = {}
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        fsync(descriptor)
        synced[os.readlink(f"/proc/self/fd/{descriptor}")] = folder.record("done", task.id).exists()

    monkeypatch.setattr(os, "fsync", noted)
    execute(task, str(folder.path))
    (record,) = (path for path in synced if os.path.dirname(path) == f"{folder.path}/done")
    assert synced == {task.outputs[0]: False, str(folder.path): False, record: False}
