"""Nothing of the current folder runs, in no process of gscli's; and how child processes are started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gscli import scene, write
from gscli.errors import EngineUnavailable
from gscli.runtime import module_path, processes

from ..update_docs import ROOT, surroundings

# What gscli and its libraries import, of others and of Python; and what Python runs when it starts.
OTHERS = (
    "numpy",
    "laspy",
    "lazrs",
    "click",
    "tqdm",
    "yaml",
    "pykdtree",
    "faiss",
    "torch",
    "zstandard",
    "PIL",
)
PYTHONS = ("json", "random", "typing", "subprocess", "resource", "selectors", "tempfile", "struct", "zipfile")
AT_START = ("gscli", "sitecustomize", "usercustomize", "runpy", "contextlib", "encodings")
TRAP = "import pathlib\npathlib.Path({place!r}, 'RAN-' + __name__).touch()\nraise ImportError('a trap')\n"


def set_traps(folder: Path, *names: str) -> None:
    """Lay modules and packages that leave a file behind where they run."""
    for number, name in enumerate(names):
        path = folder / (f"{name}/__init__.py" if number % 2 else f"{name}.py")
        path.parent.mkdir(exist_ok=True)
        path.write_text(TRAP.format(place=str(folder)))


def sprung(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("RAN-*"))


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """A folder of scenes, where somebody left modules."""
    laspy = pytest.importorskip("laspy")
    folder = tmp_path / "scenes"
    folder.mkdir()
    set_traps(folder, *OTHERS, *PYTHONS)
    las = laspy.LasData(laspy.LasHeader(point_format=3))
    las.x, las.y, las.z = np.random.default_rng(0).random((3, 200))
    las.write(str(folder / "scene.laz"))
    write(folder / "scene.ply", scene.make(200, sh_degree=0))
    return folder


def run(folder: Path, *command: str | Path, **env: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**surroundings(folder.parent), **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


COMMANDS = {
    "info of LAZ": ["info", "scene.laz"],
    "compare": ["compare", "scene.ply", "scene.laz"],
    "batch": ["batch", "info", "scene.laz", "scene.ply", "--workers", "1"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_gscli_runs_nothing_of_the_current_folder(scenes: Path, name: str) -> None:
    set_traps(scenes, *AT_START)
    run(scenes, "gscli", *COMMANDS[name])
    assert sprung(scenes) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_python_m_gscli_runs_nothing_of_the_current_folder(scenes: Path, name: str) -> None:
    """But for what Python itself looks for there before it comes to gscli: `AT_START`."""
    run(scenes, sys.executable, "-m", "gscli", *COMMANDS[name])
    assert sprung(scenes) == []


MONITORED = """
import os, sys
import numpy as np
from gscli.training import DisagreementMonitor
os.chdir(sys.argv[1])
with DisagreementMonitor(lambda scalars, step: print(step)) as monitor:
    monitor(np.zeros((9, 3)), np.zeros((9, 3)), 5)
"""


def test_the_monitor_runs_nothing_of_the_current_folder(scenes: Path) -> None:
    """Not even for a trainer that would itself, like a notebook, find its modules there."""
    set_traps(scenes, *AT_START)
    elsewhere = scenes.parent / "elsewhere"
    elsewhere.mkdir()
    assert run(elsewhere, sys.executable, "-c", MONITORED, str(scenes)) == "5\n"
    assert sprung(scenes) == []


def test_a_trap_is_sprung_where_python_is_started_otherwise(scenes: Path) -> None:
    subprocess.run([sys.executable, "-c", "import numpy"], cwd=scenes, capture_output=True, check=False)
    assert sprung(scenes) == ["RAN-numpy"]


def tell() -> None:
    """What a child process finds: its modules' places, its environment and its threads."""
    print(json.dumps({"path": sys.path, "utf8": sys.flags.utf8_mode, "gscli": module_path.HOME}))


def told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    monkeypatch.chdir(folder)
    with processes.start("tests.runtime.test_processes:tell") as process:
        found: dict[str, object] = json.loads(process.communicate(timeout=60)[0])
    assert process.returncode == 0
    return found


def test_a_child_finds_modules_where_its_parent_does(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty entry of PYTHONPATH is the current folder; another that the parent was given stays."""
    set_traps(scenes, *AT_START)
    monkeypatch.setenv("PYTHONPATH", f"{os.pathsep}{scenes}")
    for entry in ("", ".", str(scenes), str(tmp_path / "link"), str(tmp_path / "libraries")):
        monkeypatch.syspath_prepend(entry)
    (tmp_path / "link").symlink_to(scenes)
    found = told(scenes, monkeypatch)
    kept = [
        str(tmp_path / "libraries"),
        *(place for place in sys.path if place and not place.startswith((".", str(tmp_path)))),
    ]
    assert found["path"] == kept
    assert found["gscli"] == str(ROOT)
    assert found["utf8"] == sys.flags.utf8_mode
    assert sprung(scenes) == []


def test_the_current_folder_counts_where_gscli_lives_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "path", ["", str(ROOT), os.path.dirname(os.__file__)])
    assert module_path.without_current_folder() == sys.path[1:]


def test_gscli_is_found_even_if_the_path_does_not_name_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [os.path.dirname(os.__file__)])
    assert module_path.without_current_folder() == [str(ROOT), *sys.path]


def test_a_folder_that_is_gone_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.rmdir()
    assert processes.run("tests.runtime.test_processes:tell") == 0


def test_a_program_without_an_interpreter_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(EngineUnavailable, match="no Python interpreter"):
        processes.command("gscli.cli:run")


def test_threads_are_shared_out_but_what_the_user_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in processes.THREADS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "7")
    monkeypatch.setenv("GSCLI_THREADS", "")
    shared, bound = processes.environment(3), processes.environment(3, at_most=True)
    assert {name: shared[name] for name in processes.THREADS} == {
        **dict.fromkeys(processes.THREADS, "3"),
        "MKL_NUM_THREADS": "7",
    }
    assert {bound[name] for name in processes.THREADS} == {"3"}
    assert shared["PATH"] == os.environ["PATH"]


def wait() -> None:
    """End with the parent, or after a minute."""
    processes.end_with_parent()
    print("ready", flush=True)
    time.sleep(60)


def test_a_child_ends_when_its_stdin_does() -> None:
    with processes.start("tests.runtime.test_processes:wait") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.stdin.close()
        assert process.wait(30) == -signal.SIGKILL


def compute() -> None:
    """Compute for ever, within a second of processor time."""
    processes.bound_time(1)
    while True:
        pass


def test_a_child_ends_with_its_time() -> None:
    pytest.importorskip("resource")
    assert processes.run("tests.runtime.test_processes:compute") == -signal.SIGXCPU


def test_an_interrupt_ends_the_child_too(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    begin = processes.start

    def start(*args: Any, **options: Any) -> subprocess.Popen[bytes]:
        started.append(begin(*args, **options))
        return started[0]

    def interrupted(self: object, timeout: float | None = None) -> int:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(processes, "start", start)
    monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        processes.run("tests.runtime.test_processes:wait")
    assert started[0].returncode == -signal.SIGKILL
