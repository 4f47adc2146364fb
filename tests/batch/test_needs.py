"""The memory that a task is said to take is never less than it takes, nor far more."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gscli import _core, scene
from gscli.batch import needs
from gscli.batch.tasks import Task, look
from gscli.convert import convert

MEASURE = """
import re, sys
from pathlib import Path
from gscli.batch import operations, tasks

task = tasks.Task.from_line(sys.argv[1])
operations.get(task.operation).run(task)
print(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "made.ply"
    scene.write(path, 100_000, sh_degree=3, seed=1)
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("operation", "kinds", "output", "settings"),
    [
        ("resample", ["ply"], "out.ply", "{}"),
        ("resample", ["spz"], "out.ply", "{}"),
        ("resample", ["folder/"], "out/", "{}"),
        ("convert", ["ply"], "out.spz", '{"to": "spz", "allow_lossy": true}'),
        ("convert", ["ply"], "out.csv", '{"to": "csv", "allow_lossy": true}'),
        ("compare", ["ply", "npz"], None, "{}"),
        ("simplify", ["ply"], "out.ply", '{"target": "60%", "views": 0}'),
        ("simplify", ["spz"], "out.ply", '{"target": "60%", "views": 0}'),
        ("lod", ["ply"], "out/", '{"levels": 2, "views": 0}'),
        ("lod", ["ply"], "out/", '{"levels": 2, "views": 0, "to": "spz", "allow_lossy": true}'),
    ],
)
def test_a_task_takes_what_it_is_said_to_take(
    tmp_path: Path, made: Path, operation: str, kinds: list[str], output: str | None, settings: str
) -> None:
    if operation in ("lod", "simplify") and not _core.available():
        pytest.skip("merging so many takes compiled kernels")
    inputs = []
    for kind in kinds:
        convert(made, f"{tmp_path}/in.{kind}", allow_lossy=True)
        inputs.append(look(f"{tmp_path}/in.{kind}"))
    outputs = () if output is None else (f"{tmp_path}/{output}",)
    task = Task("a", operation, tuple(inputs), outputs, json.loads(settings))
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, task.line()], capture_output=True, text=True, check=True
    )
    assert 0.25 < int(done.stdout) * 1024 / needs.needed(task) <= 1
