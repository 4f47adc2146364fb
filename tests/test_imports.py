"""What starts quickly stays quick: which libraries each way of using gscli imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gscli import _core

from .commands import EXAMPLES, WITH_KERNELS, commands, example
from .update_docs import ROOT

HEAVY = (
    "numpy",
    "torch",
    "faiss",
    "scipy",
    "plyfile",
    "matplotlib",
    "pykdtree",
    "zstandard",
    "yaml",
    "tqdm",
    "distributed",
)
WITH_TORCH = ("bench compare", "bench resample", "doctor")  # time it, or say whether a GPU works with it


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


def running(*asked: list[str]) -> str:
    """Code that runs commands one after the other, in a process that keeps what any of them imports."""
    return (
        f"from gscli.cli import main\nfor args in {asked!r}:\n"
        "    main.main(args, prog_name='gscli', standalone_mode=False)"
    )


def test_importing_gscli_imports_nothing_heavy() -> None:
    assert imported("import gscli", *HEAVY, "click") == set()


def test_the_public_names_come_on_first_use() -> None:
    assert imported("import gscli; gscli.GscliError", "numpy") == set()
    assert imported("import gscli; gscli.read", "numpy") == {"numpy"}


def test_help_imports_nothing_heavy() -> None:
    asked = [["--help"], ["--version"], *([*name.split(), "--help"] for name in commands())]
    assert imported(running(*asked), *HEAVY) == set()


@pytest.mark.parametrize("words", ["gscli ", "gscli resample scene.ply --"])
def test_completion_imports_nothing_heavy(words: str) -> None:
    code = "from gscli.cli import main\ntry:\n    main(prog_name='gscli')\nexcept SystemExit:\n    pass"
    asked = {"_GSCLI_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    assert imported(code, *HEAVY, **asked) == set()


def test_every_command_has_an_example() -> None:
    assert sorted(EXAMPLES) == list(commands())


def test_no_command_on_the_cpu_imports_torch(tmp_path: Path) -> None:
    left_out = {*WITH_TORCH, *(() if _core.available() else WITH_KERNELS)}
    asked = []
    for name in sorted({*EXAMPLES} - left_out):
        folder = tmp_path / name.replace(" ", "-")
        folder.mkdir()
        asked.append([*name.split(), *example(name, folder)])
    assert imported(running(*asked), "torch", GSCLI_CACHE_DIR=str(tmp_path / "cache")) == set()


def test_a_heavy_import_is_found() -> None:
    assert imported("import json, numpy", "json", "numpy", "torch") == {"json", "numpy"}
