"""The examples run as they stand."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gscli import read, scene

from .update_docs import ROOT, surroundings

EXAMPLES = ROOT / "examples"
SCRIPTS = [*sorted(EXAMPLES.glob("*.sh")), ROOT / ".ci" / "run"]


def run(folder: Path, *args: object) -> str:
    """What a script prints, run in `folder`."""
    done = subprocess.run(
        [str(arg) for arg in args],
        cwd=folder,
        env=surroundings(folder),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_make_scene_writes_the_scene_asked_for(tmp_path: Path) -> None:
    run(tmp_path, sys.executable, EXAMPLES / "make_scene.py", "a.ply", "--points", 500, "--sh-degree", 1)
    assert read(tmp_path / "a.ply").rows.tobytes() == scene.make(500, sh_degree=1).rows.tobytes()


def test_the_pipeline_thins_a_scene(tmp_path: Path) -> None:
    scene.write(tmp_path / "scene.ply", 5000, sh_degree=0)
    first, second = run(tmp_path, EXAMPLES / "pipeline.sh", "scene.ply", ".").splitlines()
    one, four = (re.fullmatch(r".*: (\d+) of 5000 points", line) for line in (first, second))
    assert one is not None
    assert four is not None
    assert 0 < int(one[1]) < int(four[1]) < 5000
    assert len(read(tmp_path / "flat.ply")) == int(four[1])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_shell_scripts_are_sound(script: Path) -> None:
    shellcheck = shutil.which("shellcheck", path=surroundings(ROOT)["PATH"])
    if shellcheck is None:
        pytest.skip("needs shellcheck")
    assert subprocess.run([shellcheck, script], capture_output=True, text=True, check=False).stdout == ""


def test_the_training_example_trains_and_says_where_its_time_goes(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    said = run(
        tmp_path,
        sys.executable,
        EXAMPLES / "train_density_invariant.py",
        *("--iterations", 60, "--points", 3000, "--weight", 5),
    )
    moved = {
        title: [float(v) for v in re.findall(r"([\d.]+)%", line)]
        for line in said.splitlines()
        if "probability moved" in line
        for title in [line.split()[2]]
    }
    assert set(moved) == {"without", "with"}
    assert all(values[0] == 0 for values in moved.values())
    assert all(
        0 < own < 0.9 * other for own, other in zip(moved["with"][1:], moved["without"][1:], strict=True)
    )
    for stage in ("sampling", "data", "forward", "consistency", "backward"):
        assert re.search(rf"{stage} +[\d.]+ ms +[\d.]+%", said)


def test_the_sampler_for_pointcept_trains_on_two_scenes_at_once(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    said = run(
        tmp_path, sys.executable, EXAMPLES / "pointcept_sampler.py", "--points", 2000, "--iterations", 3
    )
    ends = re.findall(r"(\w+) +([\d.]+)% of the points, scenes end at (\d+), (\d+)", said)
    assert [name for name, *_ in ends] == ["dense", "half_density", "single_per_grid"]
    assert ends[0][1:] == ("100.0", "2000", "3000")
    cells = int(re.search(r"([\d,]+) cells in both scenes", said)[1].replace(",", ""))
    assert int(ends[2][3]) == cells


def test_the_monitor_for_r2_gaussian_logs_and_prunes(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    said = run(tmp_path, sys.executable, EXAMPLES / "r2_monitor.py", "--points", 1500, "--iterations", 1000)
    for step in (500, 1000):
        assert re.search(rf"^{step} corgs/point_fitness \S+ corgs/point_rmse", said, re.MULTILINE)
        assert re.search(rf"^{step} corgs/render_psnr_diff \S+ corgs/render_ssim_diff", said, re.MULTILINE)
    assert re.search(r"^pruned [\d,]+ of 1,500 [\d,]+ of 1,500$", said, re.MULTILINE)


def test_the_overhead_of_a_monitor_can_be_measured_anywhere(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    args = ("--points", 500, "--every", 5, "--blocks", 2, "--cdist-blocks", 1)
    said = run(tmp_path, sys.executable, EXAMPLES / "monitor_overhead.py", *args)
    assert re.search(r"monitor +[\d.]+ ms per iteration", said)
    assert re.search(r"cdist in the loop +[\d.]+ ms per iteration", said)
