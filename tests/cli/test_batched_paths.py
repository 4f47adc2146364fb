"""Every option that names files says so by its type, and every one of a batch is held to what that means.

The options are found in the commands: a new one is in all of these tests, and fails until `VALUES` has an
example of it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result

from gscli import _core, scene, write
from gscli.batch import operations
from gscli.cli import main, paths
from gscli.cli._batched import Batched
from gscli.resample import resample
from tests.commands import commands

VALUES = {  # of each parameter, as a job file has it
    "patterns": "new/*.ply",
    "reference": "ref/*.ply",
    "grid_file": "cells.npy",
    "pair": "index:rows.npy",
    "transform": "pose.json",
    "merge": "ref/a.ply",
    "cameras": "cameras.json",
    "out_dir": "out",
    "relative_to": ".",
    "index": "kept",
    "html": "pages",
    "distances": "far",
}
OF_THINNED = {"resample": {"patterns": "ref/*.ply"}}
RENDERS = _core.available()  # without compiled kernels, cameras have no use
MORE = {
    "compare": "threshold: '1'\n" + "render: true\nsize: 20x20\n" * RENDERS,
    "convert": "to: npz\nallow-lossy: true\n",
    "edit": "where: x > -1\nscale: 2\ndrop-floaters: true\n",
    "lod": "levels: 2\n" + "views: 0\n" * (not RENDERS),
    "resample": "method: one-per-grid\n",
    "simplify": "target: 30%\n" + "views: 0\n" * (not RENDERS),
}
FILES = {"patterns": "new/a.ply", "reference": "ref/a.ply", "pair": "rows.npy"}


def path_parameters(operation: str, *kinds: type) -> list[click.Parameter]:
    params = Batched(operation, lambda *_: None).params
    named = [p for p in params if isinstance(p.type, kinds or (paths.Path,))]
    return [p for p in named if RENDERS or p.name != "cameras"]


def each(*kinds: type) -> list[Any]:
    return [
        pytest.param(operation, str(p.name), id=f"{operation} {p.name}")
        for operation in operations.NAMES
        for p in path_parameters(operation, *kinds)
    ]


def value(operation: str, name: str) -> str:
    return OF_THINNED.get(operation, {}).get(name) or VALUES[name]


def make(folder: Path, seed: int) -> None:
    """Write a scene, cells, a thinned scene with its rows, a pose and cameras; other ones of another seed."""
    for name in ("ref", "new"):
        (folder / name).mkdir(parents=True)
    write(folder / "ref/a.ply", scene.make(200, seed=seed))
    np.save(folder / "cells.npy", (np.arange(200) + seed) % 40)
    settings = {"method": "one-per-grid", "grid_file": folder / "cells.npy", "seed": seed}
    resample(folder / "ref/a.ply", folder / "new/a.ply", index=folder / "rows.npy", **settings)
    shift = np.eye(4)
    shift[0, 3] = seed
    (folder / "pose.json").write_text(json.dumps(shift.tolist()))
    pose = {"position": [0, -6 - seed, 1], "rotation": [[1, 0, 0], [0, 0, 1], [0, -1, 0]]}
    (folder / "cameras.json").write_text(json.dumps([{**pose, "fx": 9, "fy": 9, "width": 20, "height": 20}]))


def batch(operation: str, folder: Path, *more: str) -> Result:
    """Run the job in `folder` from a folder beside it, where files of the same names are no scenes."""
    elsewhere = folder.parent / "elsewhere"
    for name in ("ref/a.ply", "new/a.ply", "cells.npy", "rows.npy", "pose.json", "cameras.json"):
        (elsewhere / name).parent.mkdir(parents=True, exist_ok=True)
        (elsewhere / name).write_text("decoy")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(elsewhere)
        return CliRunner().invoke(main, ["batch", str(folder / f"{operation}.yaml"), *more])


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished batch of every operation, each with all of its options that name files."""
    whole = tmp_path_factory.mktemp("finished")
    for operation in operations.NAMES:
        folder = whole / operation / "job"
        make(folder, seed=1)
        lines = [f"{_key(p)}: '{value(operation, str(p.name))}'\n" for p in path_parameters(operation)]
        text = f"operation: {operation}\nworkers: 1\n" + MORE.get(operation, "") + "".join(lines)
        (folder / f"{operation}.yaml").write_text(text)
        done = batch(operation, folder)
        assert done.exit_code == 0, done.stderr
    return whole


@pytest.fixture
def job(finished: Path, tmp_path: Path, operation: str) -> Path:
    """The folder of the finished batch of `operation`, moved to where no one has seen it."""
    return Path(shutil.copytree(finished / operation / "job", tmp_path / "moved"))


def _key(parameter: click.Parameter) -> str:
    return "inputs" if parameter.name == "patterns" else max(parameter.opts, key=len).lstrip("-")


def resumed(operation: str, job: Path) -> dict[str, Any]:
    done = batch(operation, job, "--resume", "--json")
    assert done.exit_code in (0, 6), done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def record(job: Path) -> dict[str, Any]:
    (path,) = (job / "out" / "done").iterdir()
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_what_the_help_calls_a_file_is_one_by_its_type() -> None:
    words = {"FILE", "FOLDER", "PATTERN", "LOGDIR", "REPORT", "SOURCE", "TARGET", "OUTPUT", "DRAW", "RUN"}
    words |= {"FIRST", "SECOND", "PAGE"}
    for command in commands().values():
        for parameter in command.params:
            is_argument = isinstance(parameter, click.Argument)
            called = parameter.human_readable_name if is_argument else parameter.metavar or ""
            is_path = isinstance(parameter.type, paths.Path)
            assert is_path == bool(words & set(re.findall("[A-Z]+", called))), called


@pytest.mark.once
@pytest.mark.parametrize(("operation", "name"), each(paths.Input, paths.Pattern))
def test_an_input_of_a_job_file_lies_beside_it(finished: Path, operation: str, name: str) -> None:
    folder = finished / operation / "job"
    file = "ref/a.ply" if operation == "resample" and name == "patterns" else FILES.get(name, VALUES[name])
    assert str(folder / file) in [read["path"] for read in record(folder)["inputs"]]


@pytest.mark.once
@pytest.mark.parametrize(("operation", "name"), each(paths.Output))
def test_an_output_of_a_job_file_is_a_folder_beside_it(finished: Path, operation: str, name: str) -> None:
    folder = finished / operation / "job"
    assert os.listdir(folder / value(operation, name))
    assert not (finished / operation / "elsewhere" / value(operation, name)).exists()


@pytest.mark.once
@pytest.mark.parametrize("operation", operations.NAMES)
def test_a_job_moves_together_with_its_files(job: Path, operation: str) -> None:
    assert resumed(operation, job)["skipped"] == 1


@pytest.mark.once
@pytest.mark.parametrize(("operation", "name"), each(paths.Input, paths.Pattern))
def test_what_depends_on_a_file_that_changed_is_done_again(
    job: Path, tmp_path: Path, operation: str, name: str
) -> None:
    file = "ref/a.ply" if operation == "resample" and name == "patterns" else FILES.get(name, VALUES[name])
    make(tmp_path / "other", seed=2)
    shutil.copyfile(tmp_path / "other" / file, job / file)
    before = record(job)
    assert resumed(operation, job)["skipped"] == 0
    assert record(job)["result"] != before["result"] or record(job)["outputs"] != before["outputs"]
    assert resumed(operation, job)["skipped"] == 1


@pytest.mark.once
@pytest.mark.parametrize(("operation", "name"), each(paths.Output))
def test_an_output_that_is_gone_is_written_again(job: Path, operation: str, name: str) -> None:
    folder = job / value(operation, name)
    written = [path for of_a in ("a.*", "a/*") for path in folder.rglob(of_a) if path.is_file()]
    if name == "out_dir" and not operations.get(operation).writes:
        written = [*(job / "out" / "done").iterdir()]  # the record is all there is
    assert written
    for path in written:
        path.unlink()
    assert resumed(operation, job)["skipped"] == 0
    assert all(path.exists() for path in written)


@pytest.mark.parametrize(("operation", "name"), each())
def test_a_shell_completes_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operation: str, name: str
) -> None:
    (tmp_path / "half.npy").touch()
    monkeypatch.chdir(tmp_path)
    command = Batched(operation, lambda *_: None)
    (parameter,) = (p for p in command.params if p.name == name)
    prefix = VALUES[name].partition(":")[0] + ":" if ":" in VALUES[name] else ""
    (item,) = parameter.shell_complete(click.Context(command), f"{prefix}ha")
    assert item.type in ("file", "dir") or item.value == f"{prefix}half.npy"
    is_folder = isinstance(parameter.type, paths.Output | paths.Folder)
    assert (item.type == "dir") == is_folder


def test_the_word_before_a_file_is_completed_too() -> None:
    command = Batched("compare", lambda *_: None)
    items = paths.PAIR.shell_complete(click.Context(command), None, "")
    assert [item.value for item in items] == ["nearest", "rows", "index:"]
    assert paths.PAIR.shell_complete(click.Context(command), None, "rows:") == []


@pytest.mark.once
@pytest.mark.parametrize("operation", ["compare"])
def test_pairs_without_a_file_are_words(job: Path, operation: str) -> None:
    text = (job / "compare.yaml").read_text()
    (job / "compare.yaml").write_text(text.replace("index:rows.npy", "nearest"))
    assert resumed(operation, job)["skipped"] == 0
    assert record(job)["parameters"]["pair"] == "nearest"
    (job / "compare.yaml").write_text(text.replace("index:rows.npy", "index"))
    done = batch(operation, job, "--resume")
    assert (done.exit_code, "is none of nearest, rows, index:FILE" in done.stderr) == (2, True)


@pytest.mark.once
@pytest.mark.parametrize("operation", ["compare"])
def test_a_file_that_every_input_needs_is_missed_before_anything_runs(job: Path, operation: str) -> None:
    before = record(job)
    (job / "pose.json").unlink()
    done = batch(operation, job, "--resume")
    assert (done.exit_code, "moved/pose.json: no such file" in done.stderr) == (3, True), done.stderr
    assert record(job) == before


@pytest.mark.once
@pytest.mark.parametrize("operation", ["resample", "verify"])
def test_a_grid_is_not_looked_for_in_the_current_folder(job: Path, operation: str) -> None:
    (job / "cells.npy").unlink()
    done = batch(operation, job, "--resume")
    assert (done.exit_code, "cells.npy: no such grid file" in done.stderr) == (1, True), done.stderr


def test_a_grid_of_each_scene_is_that_of_its_folder(tmp_path: Path) -> None:
    room = tmp_path / "job" / "room"
    room.mkdir(parents=True)
    np.save(room / "coord.npy", np.arange(60, dtype="f4").reshape(20, 3))
    np.save(room / "cells.npy", np.arange(20) // 5)
    (tmp_path / "job" / "resample.yaml").write_text(
        "operation: resample\nmethod: one-per-grid\nworkers: 1\n"
        "inputs: room/\ngrid: cells.npy\nout-dir: out\n"
    )
    done = batch("resample", tmp_path / "job")
    assert done.exit_code == 0, done.stderr
    assert len(np.load(tmp_path / "job" / "out" / "room" / "coord.npy")) == 4
    np.save(room / "cells.npy", np.arange(20) // 4)
    assert resumed("resample", tmp_path / "job")["skipped"] == 0
    assert len(np.load(tmp_path / "job" / "out" / "room" / "coord.npy")) == 5
