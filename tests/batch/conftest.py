from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gscli.formats import ply

SECONDS = 60  # the longest that anything here may take, on a busy machine

ALL = ("resample", "scenes/**/*.ply", "--seed", "7", "--workers", "2", "--out-dir")

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def scenes(make_scene: Any, tmp_path: Path) -> Path:
    """A folder of six scenes of different sizes, two of them in a folder below."""
    folder = tmp_path / "scenes"
    for number, points in enumerate((300, 900, 500, 1200, 700, 100)):
        path = folder / ("deep" if number > 3 else "") / f"scene{number}.ply"
        path.parent.mkdir(parents=True, exist_ok=True)
        ply.write(path, make_scene(points, seed=number))
    return folder


@pytest.fixture
def batch(tmp_path: Path) -> Run:
    """Runs ``gscli batch ...`` in the test's folder."""

    def run(*arguments: str, **settings: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*arguments, *pipes(tmp_path)),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            **settings,
        )

    return run


@pytest.fixture
def expected(scenes: Path, tmp_path: Path) -> dict[str, bytes]:
    """What ``gscli batch`` with `ALL` has to write: each scene resampled by itself, in this process."""
    from gscli.resample import resample

    for path in sorted(scenes.rglob("*.ply")):
        target = tmp_path / "expected" / path.relative_to(scenes)
        target.parent.mkdir(parents=True, exist_ok=True)
        resample(path, target, seed=7)
    return written(tmp_path / "expected")


@pytest.fixture
def finished(batch: Run, scenes: Path, tmp_path: Path) -> Path:
    """The folder of a batch with `ALL` that nothing happened to."""
    assert batch(*ALL, "finished").returncode == 0
    return tmp_path / "finished"


@pytest.fixture
def start(tmp_path: Path) -> Any:
    """Starts ``gscli batch ...`` in the test's folder and lets it run; killed at the end of the test."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command(*arguments, *pipes(tmp_path)),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 kB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("may not mount a small file system here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "gscli", "batch", *arguments]


def pipes(folder: Path) -> list[str]:
    """The pipes among the scenes of a test's folder, which no wildcard matches: they are inputs by name."""
    return [str(path.relative_to(folder)) for path in sorted(folder.glob("scenes/**/*")) if path.is_fifo()]


def written(folder: Path) -> dict[str, bytes]:
    """Every output of a batch: path below its folder, and bytes. Records and the plan are left out."""
    files = {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file()}
    return {
        name: path.read_bytes() for name, path in files.items() if name.endswith((".ply", ".npy", ".tmp"))
    }


def leftovers(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*") if p.name.endswith("gscli-tmp")]


def until(met: Callable[[], Any]) -> Any:
    """Wait until something is so, and return it."""
    end = time.monotonic() + SECONDS
    while not (found := met()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)
    return found


def readers(path: Path) -> list[int]:
    """Other processes that have a file open."""
    pids = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            try:
                if any(os.path.realpath(link) == str(path) for link in (process / "fd").iterdir()):
                    pids.append(int(process.name))
            except OSError:  # it ended meanwhile
                continue
    return pids


def alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has buried yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
