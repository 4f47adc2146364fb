"""The same batch on a Dask cluster of real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import ALL, SECONDS, Run, alive, readers, until, written

pytest.importorskip("distributed")
ON_CLUSTER = [word for word in ALL if word not in ("--workers", "2")]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[str]:
    """The address of a scheduler with two worker processes."""
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
    workers = start(
        "dask_worker", *common, "--nworkers", "2", "--nthreads", "1", "--local-directory", str(tmp_path)
    )
    try:
        yield until(lambda: json.loads(address_file.read_text() or "{}").get("address"))
    finally:
        for process in (workers, scheduler):
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


@pytest.mark.parametrize("address", ["nonsense", "head:", "gopher://head:8786", "tcp://a b:1"])
def test_what_is_no_address_is_refused_at_once(batch: Run, scenes: Path, address: str) -> None:
    done = batch(*ON_CLUSTER, "out", "--scheduler", address)
    assert done.returncode == 2
    assert (
        done.stderr == f"gscli: error: --scheduler {address} is no address; write it like tcp://head:8786\n"
    )
