"""Batches with real worker processes, real signals and a really full disk."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gscli.batch.tasks import Task, look

from .conftest import ALL, SECONDS, Run, alive, command, leftovers, readers, until, written


@pytest.fixture
def trap(scenes: Path) -> Iterator[Path]:
    """An input that keeps its worker waiting for ever: a pipe that nothing comes out of."""
    path = scenes / "trap.ply"
    os.mkfifo(path)
    held = os.open(path, os.O_RDWR)
    yield path
    os.close(held)


def records(folder: Path, kind: str) -> dict[str, Any]:
    found = [json.loads(path.read_text()) for path in (folder / kind).iterdir()]
    return {Path(record["inputs"][0]["path"]).name: record for record in found}


def test_outputs_lie_as_inputs_do_and_are_what_the_function_writes(
    finished: Path, expected: dict[str, bytes]
) -> None:
    assert written(finished) == expected
    assert sorted(expected) == [
        *("deep/scene4.ply", "deep/scene5.ply"),
        *(f"scene{i}.ply" for i in range(4)),
    ]


def test_one_worker_writes_what_three_do(batch: Run, expected: dict[str, bytes], tmp_path: Path) -> None:
    for workers in ("1", "3"):
        assert batch(*ALL, workers, "--workers", workers).returncode == 0
        assert written(tmp_path / workers) == expected


def test_a_worker_killed_at_an_input_costs_that_input_alone(
    batch: Run, start: Any, expected: dict[str, bytes], trap: Path, tmp_path: Path
) -> None:
    for attempt in ("first", "again"):
        process = start(*ALL, "out", *(["--resume"] if attempt == "again" else []))
        (worker,) = until(lambda: readers(trap.resolve()))
        os.kill(worker, signal.SIGKILL)
        _, said = process.communicate(timeout=SECONDS)
        assert process.returncode == 1
        assert "1 of 7 inputs failed" in said
        assert written(tmp_path / "out") == expected
        (name, record), *others = records(tmp_path / "out", "failed").items()
        assert not others
        assert name == "trap.ply"
        assert "SIGKILL" in record["error"]
    trap.unlink()
    assert batch(*ALL, "out", "--resume").returncode == 0


@pytest.fixture
def at_the_last(start: Any, expected: dict[str, bytes], scenes: Path) -> Any:
    """A batch of one worker that is at the first of two pipes and has only them to do.

    The batch, both pipes, and the first one opened for writing.
    """
    first, second = scenes / "x.ply", scenes / "y.ply"  # of no size, so they come last
    for pipe in (first, second):
        os.mkfifo(pipe)
    writing = os.open(first, os.O_RDWR)
    process = start(*ALL, "out", "--workers", "1")
    until(lambda: readers(first.resolve()))
    return process, first, second, writing


def test_an_input_whose_record_dies_with_its_worker_is_done_again(
    at_the_last: Any, expected: dict[str, bytes], scenes: Path, tmp_path: Path
) -> None:
    process, first, second, writing = at_the_last
    plan = map(json.loads, (tmp_path / "out" / "manifest.jsonl").read_text().splitlines())
    (id,) = (line["id"] for line in plan if line["inputs"][0]["path"].endswith("/x.ply"))
    record = tmp_path / "out" / "done" / f"{id}.json"
    os.mkfifo(record)  # keeps whoever writes it waiting
    scene = (scenes / "deep/scene5.ply").read_bytes()
    os.write(writing, scene)
    os.close(writing)
    held = os.open(second, os.O_RDWR)
    (worker,) = until(lambda: readers(second.resolve()))
    first.unlink()
    first.write_bytes(scene)
    record.unlink()
    os.kill(worker, signal.SIGKILL)
    _, said = process.communicate(timeout=SECONDS)
    os.close(held)
    assert process.returncode == 1
    assert "1 of 8 inputs failed" in said
    assert "7 done, 1 failed" in said
    assert json.loads(record.read_text())["status"] == "done"
    assert written(tmp_path / "out") == {**expected, "x.ply": expected["deep/scene5.ply"]}


@pytest.fixture
def at_start(tmp_path: Path) -> Any:
    """Makes an environment in which every worker runs some code as it starts."""

    def make(code: str, **variables: str) -> dict[str, str]:
        folder = tmp_path / "site"
        folder.mkdir()
        first = ("import os\n" + code).replace("{", "{{").replace("}", "}}")
        (folder / "sitecustomize.py").write_text(
            f"from gscli.runtime import processes\nprocesses._CODE = {first!r} + processes._CODE\n"
        )
        kept = {name: value for name, value in os.environ.items() if not name.endswith("_THREADS")}
        paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {**kept, "PYTHONPATH": os.pathsep.join(paths), **variables}

    return make


@pytest.mark.parametrize(("code", "cause"), [("os.kill(os.getpid(), 9)", "SIGKILL"), ("os._exit(3)", "3")])
def test_workers_that_cannot_start_end_the_batch(
    batch: Run, scenes: Path, at_start: Any, code: str, cause: str
) -> None:
    done = batch(*ALL, "out", env=at_start(code))
    assert done.returncode == 1
    assert "a worker process could not start" in done.stderr
    assert cause in done.stderr


def telling(workers: int, *names: str) -> str:
    """Code that leaves the values of variables in ``told``, and goes on once so many workers have."""
    return (
        f"import time; told = '-'.join(os.environ[name] for name in {names!r})\n"
        "open(f'told/{told}.{os.getpid()}', 'x').close()\n"
        f"while len(os.listdir('told')) < {workers}: time.sleep(0.01)\n"
    )


@pytest.mark.parametrize("each", ["", "1", "all"])
def test_workers_share_the_cores(batch: Run, scenes: Path, at_start: Any, tmp_path: Path, each: str) -> None:
    cores = len(os.sched_getaffinity(0))
    (tmp_path / "told").mkdir()
    expected = [str(cores)] if each == "all" else ["1"] * min(cores, 6)
    variables = {"GSCLI_THREADS": each.replace("all", str(cores))} if each else {}
    environment = at_start(telling(len(expected), "GSCLI_THREADS"), **variables)
    done = batch("info", "scenes/**/*.ply", env=environment)
    assert done.returncode == 0, done.stderr
    assert [path.stem for path in (tmp_path / "told").iterdir()] == expected


def test_threads_that_are_asked_for_are_those_of_every_worker_and_of_its_libraries(
    batch: Run, scenes: Path, at_start: Any, tmp_path: Path
) -> None:
    (tmp_path / "told").mkdir()
    code = telling(2, "GSCLI_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    done = batch("info", "scenes/*.ply", "--workers", "2", env=at_start(code, GSCLI_THREADS="3"))
    assert done.returncode == 0, done.stderr
    assert [path.stem for path in (tmp_path / "told").iterdir()] == ["3-3-3"] * 2


def test_a_worker_whose_batch_was_killed_says_nothing_more(scenes: Path) -> None:
    """Its stdout may end a moment before its stdin."""
    task = Task("a", "info", (look(str(scenes / "scene0.ply")),), (), {})
    with subprocess.Popen(
        [sys.executable, "-c", "from gscli.batch.worker import main; main('info', '1')"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    ) as worker:
        assert b"ready" in worker.stdout.readline()
        worker.stdout.close()
        worker.stdin.write(task.line().encode() + b"\n")
        said = worker.stderr.read()
        assert (worker.wait(SECONDS), said) == (-signal.SIGKILL, b"")


def test_a_failed_input_is_tried_again_when_resumed(
    batch: Run, expected: dict[str, bytes], scenes: Path, tmp_path: Path
) -> None:
    whole = (scenes / "scene3.ply").read_bytes()
    (scenes / "scene3.ply").write_bytes(whole[:-7])
    done = batch(*ALL, "out")
    assert done.returncode == 1
    assert "scene3.ply" in done.stderr
    assert sorted(records(tmp_path / "out", "done")) == [
        "scene0.ply",
        "scene1.ply",
        "scene2.ply",
        "scene4.ply",
        "scene5.ply",
    ]
    assert records(tmp_path / "out", "failed")["scene3.ply"]["exit_code"] == 3
    (scenes / "scene3.ply").write_bytes(whole)
    done = batch(*ALL, "out", "--resume")
    assert done.returncode == 0
    assert "6 done (5 before)" in done.stderr
    assert not records(tmp_path / "out", "failed")
    assert written(tmp_path / "out") == expected


def test_ctrl_c_lets_what_runs_finish(
    batch: Run, at_the_last: Any, expected: dict[str, bytes], scenes: Path, tmp_path: Path
) -> None:
    process, running, waiting, writing = at_the_last
    process.send_signal(signal.SIGINT)
    until(lambda: "finishing" in process.stderr.readline())
    os.write(writing, (scenes / "deep/scene5.ply").read_bytes())  # 100 points: less than a pipe holds
    os.close(writing)
    _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 130, said
    assert "interrupted with 1 of 8 inputs to do" in said
    assert len(records(tmp_path / "out", "done")) == 7
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["unfinished"] == 1
    assert (tmp_path / "out" / "x.ply").read_bytes() == expected["deep/scene5.ply"]
    (tmp_path / "out" / "x.ply").unlink()
    for pipe in (running, waiting):
        pipe.unlink()
    assert "6 done (6 before)" in batch(*ALL, "out", "--resume").stderr
    assert written(tmp_path / "out") == expected


def test_a_second_ctrl_c_ends_what_runs(
    start: Any, expected: dict[str, bytes], trap: Path, tmp_path: Path
) -> None:
    process = start(*ALL, "out")
    (worker,) = until(lambda: readers(trap.resolve()))
    process.send_signal(signal.SIGINT)
    until(lambda: "finishing" in process.stderr.readline())
    assert alive(worker)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=SECONDS)
    assert process.returncode == 130
    assert not alive(worker)
    assert "trap.ply" not in records(tmp_path / "out", "failed")
    assert not leftovers(tmp_path / "out")


def test_a_killed_batch_takes_its_workers_along_and_resumes_to_the_same_bytes(
    batch: Run, start: Any, expected: dict[str, bytes], trap: Path, tmp_path: Path
) -> None:
    process = start(*ALL, "out")
    (worker,) = until(lambda: readers(trap.resolve()))
    process.kill()
    until(lambda: not alive(worker))
    until(lambda: not readers(tmp_path / "out" / ".lock"))  # the other worker, perhaps still starting
    trap.unlink()
    assert batch(*ALL, "out", "--resume").returncode == 0
    assert written(tmp_path / "out") == expected


def test_what_is_done_is_not_done_again(batch: Run, finished: Path) -> None:
    folder = finished
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.ply")}
    assert batch(*ALL, "finished", "--resume").returncode == 0
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.ply")} == before


@pytest.mark.parametrize("damage", ["no record", "torn record", "no output", "short output", "other input"])
def test_what_is_not_surely_done_is_done_again(
    batch: Run, finished: Path, expected: dict[str, bytes], damage: str, scenes: Path
) -> None:
    folder = finished
    (record,) = (folder / "done").glob("scene3-*.json")
    output = folder / "scene3.ply"
    if damage == "no record":
        record.unlink()
        output.write_bytes(b"from before")
    elif damage == "torn record":
        record.write_bytes(record.read_bytes()[:100])
    elif damage == "no output":
        output.unlink()
    elif damage == "short output":
        output.write_bytes(output.read_bytes()[:-1])
    else:
        os.utime(scenes / "scene3.ply", ns=(0, 0))
    done = batch(*ALL, "finished", "--resume")
    assert done.returncode == 0
    assert "6 done (5 before)" in done.stderr
    assert written(folder) == expected


def test_other_options_do_everything_again(
    batch: Run, finished: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    assert batch(*ALL, "finished", "--resume", "--seed", "8").returncode == 0
    assert batch(*ALL, "other", "--seed", "8").returncode == 0
    assert written(finished) == written(tmp_path / "other") != expected


def test_leftovers_of_an_interrupted_write_are_swept(batch: Run, scenes: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "deep").mkdir(parents=True)
    stale = tmp_path / "out" / "deep" / ".scene4.ply.0123abcd.gscli-tmp"
    someone_elses = tmp_path / "out" / ".other.ply.0123abcd.gscli-tmp"
    for path in (stale, someone_elses):
        path.write_bytes(b"half")
    assert batch(*ALL, "out").returncode == 0
    assert leftovers(tmp_path / "out") == [someone_elses]


def test_leftovers_of_long_names_are_told_apart(tmp_path: Path) -> None:
    from gscli.files import temporaries, writing

    names = [f"{'long' * 20}{number}.ply" for number in range(3)]
    crashed: list[Path] = []
    for name in names:
        with writing.replacing(tmp_path / name, overwrite=True):
            (left,) = set(leftovers(tmp_path)) - set(crashed)
            crashed.append(left.with_name(left.name.replace(left.name[-18:-10], "0123abcd")))
            shutil.copy(left, crashed[-1])  # what a crash here would leave
    assert temporaries.sweep(tmp_path, names[1:]) == 2
    assert leftovers(tmp_path) == crashed[:1]


def test_a_file_that_may_not_grow_costs_the_large_inputs_only(
    batch: Run, expected: dict[str, bytes], tmp_path: Path
) -> None:
    limit = 40_000
    small = {name: data for name, data in expected.items() if len(data) <= limit}
    assert 0 < len(small) < len(expected)
    done = batch(*ALL, "out", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert written(tmp_path / "out") == small
    assert not leftovers(tmp_path / "out")
    assert batch(*ALL, "out", "--resume").returncode == 0
    assert written(tmp_path / "out") == expected


def test_a_full_disk_loses_nothing(batch: Run, expected: dict[str, bytes], tiny_disk: Path) -> None:
    filler = tiny_disk / "filler"
    filler.write_bytes(bytes(140_000))
    done = batch(*ALL, "tiny/out")
    assert done.returncode == 1
    assert "No space left" in done.stderr
    kept = written(tiny_disk / "out")
    assert set(kept.items()) < set(expected.items())
    assert not leftovers(tiny_disk)
    filler.unlink()
    subprocess.run(["mount", "-o", "remount,size=2m", str(tiny_disk)], check=True)
    assert batch(*ALL, "tiny/out", "--resume").returncode == 0
    assert written(tiny_disk / "out") == expected


def test_what_happened_is_told_where_there_is_no_room_for_the_summary(
    batch: Run, expected: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "out" / "summary.json").mkdir(parents=True)
    done = batch(*ALL, "out")
    assert done.returncode == 4
    assert all(f"scenes/{name}" in done.stderr for name in expected)
    assert "summary.json: is a folder" in done.stderr
    assert written(tmp_path / "out") == expected


def test_two_batches_do_not_work_on_one_folder(
    batch: Run, start: Any, expected: dict[str, bytes], trap: Path
) -> None:
    start(*ALL, "out")
    until(lambda: readers(trap.resolve()))
    done = batch(*ALL, "out", "--resume")
    assert done.returncode == 1
    assert "another gscli batch is at work" in done.stderr


def test_python_files_among_the_scenes_disturb_no_worker(scenes: Path, tmp_path: Path) -> None:
    (tmp_path / "queue.py").write_text("raise SystemExit('the wrong module')\n")
    installed = "import sys; sys.path.remove(''); from gscli.cli import run; run()"
    done = subprocess.run(
        [sys.executable, "-c", installed, "batch", *ALL, "out"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr


def test_a_file_in_the_place_of_a_folder_costs_what_goes_there_alone(
    batch: Run, expected: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "deep").touch()
    done = batch(*ALL, "out")
    assert done.returncode == 1
    assert "failed   out/deep: cannot be written" in done.stderr
    assert written(tmp_path / "out") == {n: data for n, data in expected.items() if "deep" not in n}
    (tmp_path / "out" / "deep").unlink()
    assert batch(*ALL, "out", "--resume").returncode == 0
    assert written(tmp_path / "out") == expected


def test_json_lines_to_a_closed_stdout_are_refused_before_anything_runs(scenes: Path, tmp_path: Path) -> None:
    words = [*command("info", "scenes/*.ply", "--json-lines", "--workers", "1", "--out-dir", "out")]
    closed = ["bash", "-c", '"$@" >&-', "bash", *words]
    done = subprocess.run(closed, cwd=tmp_path, stderr=subprocess.PIPE, text=True, timeout=SECONDS)
    assert (done.returncode, done.stderr) == (1, "gscli: error: <stdout>: is closed\n")
    assert not list((tmp_path / "out" / "done").iterdir())
