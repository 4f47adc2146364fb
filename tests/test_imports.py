"""What starts quickly stays quick: which libraries each way of using gscli imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from gscli import scene, write
from gscli.cli import main
from gscli.resample import resample

from .update_docs import ROOT

HEAVY = (
    "numpy",
    "torch",
    "faiss",
    "scipy",
    "plyfile",
    "matplotlib",
    "pykdtree",
    "yaml",
    "tqdm",
    "distributed",
)

# For each command, arguments that take it along its CPU path; {scene} is a file, {out} a folder to write to,
# with drawn.ply, a draw from it, and run, a training run.
EXAMPLES = {
    "batch compare": ["{scene}", "--reference", "{scene}", "--workers", "1"],
    "batch convert": ["{scene}", "--to", "npz", "--out-dir", "{out}/converted", "--workers", "1"],
    "batch info": ["{scene}", "--workers", "1"],
    "batch resample": ["{scene}", "--out-dir", "{out}/batch", "--workers", "1"],
    "batch verify": ["{scene}", "--reference", "{scene}", "--dry-run"],
    "cache clear": [],
    "cache info": [],
    "compare": ["{scene}", "{out}/drawn.ply", "--html", "{out}/page.html", "--distances", "{out}/far.ply"],
    "coprune": ["{scene}", "{out}/drawn.ply", "-t", "1", "--min-points", "1", "--out-dir", "{out}/pruned"],
    "convert": ["{scene}", "{out}/scene.npz"],
    "demo": ["{scene}", "--out-dir", "{out}/demo"],
    "formats": [],
    "info": ["{scene}", "--json"],
    "resample": ["{scene}", "{out}/half.ply", "--report", "{out}/half.json", "--index", "{out}/half.npy"],
    "verify": ["{scene}", "{out}/drawn.ply"],
    "watch": ["{out}/run", "--once", "--every", "0.01", "--tensorboard", "{out}/logs"],
}
WITH_TORCH = (
    "bench compare",
    "bench resample",
    "doctor",
)  # times what was written in torch; says whether a GPU works


def imported(code: str, *forbidden: str, **env: str) -> set[str]:
    """Which of `forbidden` are in `sys.modules` of a new process after it ran `code`."""
    ask = f"\nimport sys; print('\\n', [m for m in {forbidden!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code + ask],
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1].replace("'", '"')))


def running(*args: str) -> str:
    return f"from gscli.cli import main\nmain.main({args!r}, prog_name='gscli', standalone_mode=False)"


def names(group: click.Group = main, *above: str) -> list[str]:
    """The full names of all commands that do something."""
    found = []
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        below = isinstance(command, click.Group)
        found += names(command, *above, name) if below else [" ".join([*above, name])]
    return found


def test_importing_gscli_imports_nothing_heavy() -> None:
    assert imported("import gscli", *HEAVY, "click") == set()


def test_the_public_names_come_on_first_use() -> None:
    assert imported("import gscli; gscli.GscliError", "numpy") == set()
    assert imported("import gscli; gscli.read", "numpy") == {"numpy"}


@pytest.mark.parametrize(
    "args", [["--help"], ["--version"], *([*name.split(), "--help"] for name in names())], ids=" ".join
)
def test_help_imports_nothing_heavy(args: list[str]) -> None:
    assert imported(running(*args), *HEAVY) == set()


@pytest.mark.parametrize("words", ["gscli ", "gscli resample scene.ply --"])
def test_completion_imports_nothing_heavy(words: str) -> None:
    code = "from gscli.cli import main\ntry:\n    main(prog_name='gscli')\nexcept SystemExit:\n    pass"
    asked = {"_GSCLI_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    assert imported(code, *HEAVY, **asked) == set()


def test_every_command_has_an_example_here() -> None:
    assert sorted([*EXAMPLES, *WITH_TORCH]) == names()


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_command_on_the_cpu_imports_no_torch(name: str, tmp_path: Path) -> None:
    path = tmp_path / "scene.ply"
    write(path, scene.make(300))
    resample(path, tmp_path / "drawn.ply")
    for step in (1, 2):
        (tmp_path / f"run/iteration_{step}").mkdir(parents=True)
        write(tmp_path / f"run/iteration_{step}/point_cloud.ply", scene.make(300))
    args = [arg.format(scene=path, out=tmp_path) for arg in EXAMPLES[name]]
    assert imported(running(*name.split(), *args), "torch", GSCLI_CACHE_DIR=str(tmp_path / "cache")) == set()


def test_a_heavy_import_is_found() -> None:
    assert imported("import json, numpy", "json", "numpy", "torch") == {"json", "numpy"}
