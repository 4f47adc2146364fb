"""The recipes of examples/batch run as they stand; shell scripts are sound."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from gscli import scene

from .update_docs import ROOT, surroundings

EXAMPLES = ROOT / "examples" / "batch"
MISSED = 6


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with three scenes in ``scenes`` and the examples beside them."""
    shutil.copytree(EXAMPLES, tmp_path, dirs_exist_ok=True)
    for name in ("a", "b", "deep/c"):
        path = tmp_path / "scenes" / f"{name}.ply"
        path.parent.mkdir(parents=True, exist_ok=True)
        scene.write(path, 1500, sh_degree=0, seed=len(name))
    return tmp_path


def run(folder: Path, *words: object, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in words],
        cwd=folder,
        env=surroundings(folder) | variables,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def outputs(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.ply"))}


@pytest.fixture
def whole(folder: Path) -> dict[str, bytes]:
    """What job.yaml gives in one go."""
    done = run(folder, "bash", "-c", "gscli batch job.yaml --out-dir whole")
    assert done.returncode == 0, done.stderr
    assert len(outputs(folder / "whole")) == 12
    return outputs(folder / "whole")


def test_a_slurm_array_does_the_whole_job(folder: Path, whole: dict[str, bytes]) -> None:
    for number in ("1", "2"):
        slurm = {"SLURM_ARRAY_TASK_ID": number, "SLURM_ARRAY_TASK_COUNT": "2", "SLURM_CPUS_PER_TASK": "1"}
        done = run(folder, "bash", "slurm.sh", "job.yaml", **slurm)
        assert done.returncode == 0, done.stderr
    assert outputs(folder / "views") == whole


def test_a_part_of_a_slurm_array_is_done_again_by_itself(folder: Path, whole: dict[str, bytes]) -> None:
    for number in ("1", "2"):
        slurm = {"SLURM_ARRAY_TASK_ID": number, "SLURM_ARRAY_TASK_COUNT": "1", "SLURM_CPUS_PER_TASK": "1"}
        done = run(folder, "bash", "slurm.sh", "job.yaml", 2, **slurm)
        assert done.returncode == 0, done.stderr
        assert (outputs(folder / "views") == whole) == (number == "2")


def test_gnu_parallel_does_the_whole_job(folder: Path, whole: dict[str, bytes]) -> None:
    if shutil.which("parallel") is None:
        pytest.skip("needs GNU parallel")
    done = run(folder, "bash", "parallel.sh", "job.yaml", 3)
    assert done.returncode == 0, done.stderr
    assert outputs(folder / "views") == whole
    assert json.loads((folder / "views" / "summary.json").read_text())["done"] == 3


def test_make_thins_what_changed(folder: Path) -> None:
    if shutil.which("make") is None:
        pytest.skip("needs make")
    done = run(folder, "make", "-j2", "all", "check")
    assert done.returncode == 0, done.stderr
    first = outputs(folder / "half")
    assert sorted(first) == ["a.ply", "b.ply"]
    assert "Nothing to be done" in run(folder, "make").stdout
    scene.write(folder / "scenes" / "a.ply", 900, sh_degree=0, overwrite=True)
    os.utime(folder / "half" / "a.ply", (0, 0))
    assert run(folder, "make").returncode == 0
    second = outputs(folder / "half")
    assert second["a.ply"] != first["a.ply"]
    assert second["b.ply"] == first["b.ply"]


@pytest.mark.parametrize("worse", [False, True])
def test_the_gate_lets_only_good_scenes_in(folder: Path, worse: bool) -> None:
    workflow = yaml.safe_load((folder / "gate.yml").read_text())
    (step,) = (s["run"] for s in workflow["jobs"]["gate"]["steps"] if "min-fitness" in s.get("run", ""))
    for side in ("new", "ref"):
        for name in ("hall", "yard"):
            (folder / side).mkdir(exist_ok=True)
            scene.write(folder / side / f"{name}.ply", 800, sh_degree=0, seed=len(name))
    if worse:
        scene.write(folder / "new" / "yard.ply", 800, sh_degree=0, seed=99, overwrite=True)
    done = run(folder, "bash", "-e", "-c", step)
    assert done.returncode == (MISSED if worse else 0), done.stderr
    pages = sorted(p.name for p in (folder / "compared" / "pages").iterdir())
    assert pages == ["hall.html", "index.html", "yard.html"]


def test_a_short_soak_of_kills_loses_nothing(folder: Path) -> None:
    done = run(folder, sys.executable, "soak.py", "--kills", 6, "--scenes", 3, "--points", 3000)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"6 kills \(.*\); \d+ batches resumed to the same 6 files\n", done.stdout)


@pytest.mark.parametrize("script", sorted(EXAMPLES.glob("*.sh")), ids=lambda script: script.name)
def test_shell_scripts_are_sound(script: Path) -> None:
    shellcheck = shutil.which("shellcheck", path=surroundings(ROOT)["PATH"])
    if shellcheck is None:
        pytest.skip("needs shellcheck")
    assert subprocess.run([shellcheck, script], capture_output=True, text=True, check=False).stdout == ""
