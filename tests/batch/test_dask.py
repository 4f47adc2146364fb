"""The same batch on a Dask cluster of real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gscli.batch.dask import Errand, Worker, errand, resources, take_next
from gscli.batch.tasks import Input, Task

from .conftest import ALL, SECONDS, Run, alive, readers, until, written

pytest.importorskip("distributed")
ON_CLUSTER = [word for word in ALL if word not in ("--workers", "2")]
RESOURCES = ("GPU=1 MEMORY=1e6", "MEMORY=8e9")  # of the workers of `mixed`, and they are called so


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[str]:
    """The address of a scheduler with two worker processes."""
    with running(tmp_path, ["--nworkers", "2"]) as address:
        yield address


@pytest.fixture
def mixed(tmp_path: Path) -> Iterator[str]:
    """The address of a scheduler with one worker that has a GPU, and one that has memory."""
    each = [["--nworkers", "1", "--resources", what, "--name", what] for what in RESOURCES]
    with running(tmp_path, *each) as address:
        yield address


@contextmanager
def running(tmp_path: Path, *workers: list[str]) -> Iterator[str]:
    """A scheduler and these workers, each a process of its own; yields the scheduler's address."""
    address_file = tmp_path / "scheduler.json"
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "2",
    }

    def start(*words: str) -> subprocess.Popen[bytes]:
        with (tmp_path / "dask.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "distributed.cli." + words[0], *words[1:]],
                cwd=tmp_path,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    common = ("--scheduler-file", str(address_file), "--no-dashboard")
    scheduler = start("dask_scheduler", *common, "--host", "127.0.0.1", "--port", "0")
    until(address_file.exists)
    place = ("--nthreads", "1", "--local-directory", str(tmp_path))
    crew = [start("dask_worker", *common, *place, *words) for words in workers]
    try:
        yield until(lambda: json.loads(address_file.read_text() or "{}").get("address"))
    finally:
        for process in (*crew, scheduler):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_a_cluster_writes_what_one_machine_does(
    batch: Run, expected: dict[str, bytes], cluster: str, tmp_path: Path
) -> None:
    done = batch(*ON_CLUSTER, "out", "--scheduler", cluster)
    assert done.returncode == 0, done.stderr
    assert written(tmp_path / "out") == expected


def test_an_input_that_kills_every_worker_costs_itself_alone(
    start: Any, expected: dict[str, bytes], scenes: Path, cluster: str, tmp_path: Path
) -> None:
    trap = scenes / "trap.ply"
    os.mkfifo(trap)
    held = os.open(trap, os.O_RDWR)
    process = start(*ON_CLUSTER, "out", "--scheduler", cluster)
    killed = 0
    while process.poll() is None:
        for worker in readers(trap.resolve()):
            os.kill(worker, signal.SIGKILL)
            until(lambda worker=worker: not alive(worker))
            killed += 1
    _, said = process.communicate(timeout=SECONDS)
    os.close(held)
    assert process.returncode == 1, said
    assert killed == 3  # two failures are allowed
    assert "KilledWorker" in said
    assert written(tmp_path / "out") == expected


def test_no_scheduler_is_an_engine_that_is_not_there(batch: Run, scenes: Path) -> None:
    done = batch(*ON_CLUSTER, "out", "--scheduler", "tcp://127.0.0.1:9")
    assert done.returncode == 5
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in done.stderr


def test_where_all_is_done_no_scheduler_is_needed(batch: Run, finished: Path) -> None:
    done = batch(*ON_CLUSTER, "finished", "--scheduler", "tcp://127.0.0.1:9", "--resume")
    assert done.returncode == 0, done.stderr
    assert "6 done (6 before)" in done.stderr


def test_a_lost_scheduler_is_no_fault_of_the_inputs(
    start: Any, scenes: Path, cluster: str, tmp_path: Path
) -> None:
    from distributed import Client

    with Client(cluster) as client:
        scheduler = client.run_on_scheduler(os.getpid)
    trap = scenes / "trap.ply"
    os.mkfifo(trap)
    held = os.open(trap, os.O_RDWR)
    process = start(*ON_CLUSTER, "out", "--scheduler", cluster)
    until(lambda: readers(trap.resolve()))
    os.kill(scheduler, signal.SIGKILL)
    _, said = process.communicate(timeout=SECONDS)
    blamed = list((tmp_path / "out" / "failed").iterdir())
    os.close(held)  # the worker that is left over reads on, and fails: that is no longer this batch's
    assert process.returncode == 5, said
    assert f"the Dask scheduler at {cluster} is gone" in said
    assert not blamed


def test_what_is_left_of_a_killed_batch_takes_no_record_away(
    batch: Run, start: Any, scenes: Path, cluster: str, tmp_path: Path
) -> None:
    from distributed import Client

    trap = scenes / "trap.ply"
    os.mkfifo(trap)
    held = os.open(trap, os.O_RDWR)
    process = start(*ON_CLUSTER, "out", "--scheduler", cluster)
    until(lambda: readers(trap.resolve()))
    process.kill()
    process.wait()
    trap.rename(tmp_path / "old")
    trap.write_bytes((scenes / "scene0.ply").read_bytes())
    done = batch(*ALL, "out", "--resume")
    assert done.returncode == 0, done.stderr
    records = {path.name for path in (tmp_path / "out").glob("*/*.json")}
    assert len(records) == 7
    assert readers(tmp_path / "old")  # the worker that was left over is still at it
    os.close(held)
    with Client(cluster) as client:
        until(lambda: not any(client.run(_busy).values()))
    assert {path.name for path in (tmp_path / "out" / "done").iterdir()} == records
    assert not list((tmp_path / "out" / "failed").iterdir())


def _busy(dask_worker: Any) -> int:
    return len(dask_worker.state.executing) + len(dask_worker.state.long_running)


def test_a_cluster_that_lost_its_workers_is_waited_for_until_interrupted(
    start: Any, scenes: Path, cluster: str
) -> None:
    trap = scenes / "trap.ply"
    os.mkfifo(trap)
    held = os.open(trap, os.O_RDWR)
    process = start(*ON_CLUSTER, "out", "--scheduler", cluster)
    (worker,) = until(lambda: readers(trap.resolve()))
    os.killpg(os.getpgid(worker), signal.SIGKILL)  # with those that would start it again
    until(lambda: "has no workers; waiting for some" in process.stderr.readline())
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=SECONDS)
    os.close(held)
    assert process.returncode == 130, said
    assert "interrupted with" in said


def test_ctrl_c_withdraws_what_no_worker_of_a_cluster_has_taken_up(
    start: Any, scenes: Path, cluster: str, tmp_path: Path
) -> None:
    from distributed import Client

    pipes = [scenes / f"x{number}.ply" for number in range(9)]  # of no size, so they come last
    for pipe in pipes:
        os.mkfifo(pipe)
    held = {pipe: os.open(pipe, os.O_RDWR) for pipe in pipes}
    scene = (scenes / "scene0.ply").read_bytes()  # less than a pipe holds
    process = start(*ON_CLUSTER, "out", "--scheduler", cluster)
    until(lambda: sum(len(readers(pipe.resolve())) for pipe in pipes) == 2)
    process.send_signal(signal.SIGINT)
    until(lambda: "finishing" in process.stderr.readline())
    with Client(cluster) as client:
        until(lambda: client.run_on_scheduler(_known) <= 2)
    for descriptor in held.values():
        os.write(descriptor, scene)
        os.close(descriptor)
    _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 130, said
    assert "interrupted with 7 of 15 inputs to do" in said
    assert len(list((tmp_path / "out" / "done").iterdir())) == 8


def _known(dask_scheduler: Any) -> int:
    return len(dask_scheduler.tasks)


@pytest.mark.parametrize("address", ["nonsense", "head:", "gopher://head:8786", "tcp://a b:1"])
def test_what_is_no_address_is_refused_at_once(batch: Run, scenes: Path, address: str) -> None:
    done = batch(*ON_CLUSTER, "out", "--scheduler", address)
    assert done.returncode == 2
    assert (
        done.stderr == f"gscli: error: --scheduler {address} is no address; write it like tcp://head:8786\n"
    )


@pytest.mark.parametrize(
    ("device", "status", "place"), [("cpu", {0}, RESOURCES[1]), ("cuda", {0, 1}, RESOURCES[0])]
)
def test_tasks_go_where_what_they_need_is(
    batch: Run, scenes: Path, mixed: str, device: str, status: set[int], place: str
) -> None:
    from distributed import Client

    with Client(mixed) as client:
        client.wait_for_workers(2, timeout=SECONDS)
        client.get_task_stream()  # from here on, the scheduler writes down who does what
        done = batch(*ON_CLUSTER, "out", "--scheduler", mixed, "--device", device)
        assert done.returncode in status, done.stderr  # 1: this machine has no GPU after all
        tasks = [entry for entry in client.get_task_stream() if "scene" in str(entry["key"])]
        names = {address: about["name"] for address, about in client.scheduler_info()["workers"].items()}
    assert len(tasks) == 6
    assert {names[entry["worker"]] for entry in tasks} == {place}


def test_a_gpu_that_no_worker_speaks_of_is_told(batch: Run, scenes: Path, cluster: str) -> None:
    done = batch(*ON_CLUSTER, "out", "--scheduler", cluster, "--device", "cuda")
    assert "no worker advertises a GPU (--resources GPU=1)" in done.stderr


GB = 10**9


@pytest.mark.parametrize(
    ("workers", "device", "expected"),
    [
        ([], "cpu", {}),
        ([{}, {}], "cuda", {}),
        ([{"MEMORY": 9 * GB}, {}], "cpu", {"MEMORY": 1.4 * GB}),
        ([{"MEMORY": 0.5 * GB}, {"MEMORY": 1 * GB}], "cpu", {"MEMORY": 1 * GB}),
        ([{"GPU": 2}, {"MEMORY": 9 * GB}], "cuda", {"GPU": 1}),
        ([{"GPU": 1, "MEMORY": 1 * GB}, {"MEMORY": 9 * GB}], "cuda", {"GPU": 1, "MEMORY": 1 * GB}),
    ],
)
def test_no_task_asks_for_what_no_worker_has(
    workers: list[dict[str, float]], device: str, expected: dict[str, float]
) -> None:
    task = Task("a", "resample", (Input("/a.ply", GB, 0),), ("/out/a.ply",), {"device": device})
    assert resources(task, workers) == expected


@pytest.mark.parametrize(
    ("workers", "device", "expected"),
    [
        ([], "cpu", ""),
        ([Worker(1, {})], "cpu", "9"),
        ([Worker(1, {}), Worker(2, {})], "cpu", "986"),
        ([Worker(1, {"GPU": 1}), Worker(1, {}), Worker(1, {})], "cuda", "9"),
        ([Worker(1, {"MEMORY": 99 * GB}), Worker(1, {"MEMORY": 2 * GB}), Worker(1, {})], "cpu", "91"),
        ([Worker(1, {"MEMORY": 99 * GB}), Worker(1, {"MEMORY": 10 * GB})], "cpu", "96"),
        ([Worker(1, {"MEMORY": 2 * GB}), Worker(1, {"MEMORY": 2 * GB})], "cpu", "98"),
    ],
)
def test_a_cluster_has_no_more_tasks_than_threads_that_can_do_them(
    workers: list[Worker], device: str, expected: str
) -> None:
    """A task that waits at a worker would be blamed, with the one that it waits for, if the worker dies."""
    parameters = {"device": device}
    tasks = [Task(str(s), "info", (Input("/a.ply", s * GB, 0),), (), parameters) for s in (9, 8, 6, 1)]
    waiting = deque(errand(task, workers) for task in tasks)
    given: dict[int, Errand] = {}
    while one := take_next(waiting, given, workers):
        given[len(given)] = one
    assert "".join(one.task.id for one in given.values()) == expected
    assert [one.task for one in waiting] == [task for task in tasks if task.id not in expected]
