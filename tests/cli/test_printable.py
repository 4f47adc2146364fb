"""Whatever files and folders are called, no command lets their names steer a terminal."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from gscli import cli, read, write
from gscli.cloud import GaussianCloud
from gscli.errors import printable

PACKAGE = Path(cli.__file__).parents[1]
MARKS = "\x1b[31m \x07 \n \r \x9b \u202e \u2066 \u200f"
TOLD = printable(MARKS)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a name that would colour, ring, break the line and turn the direction of writing."""
    folder = tmp_path / f"here {MARKS} there"
    folder.mkdir()
    return folder


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "gscli", *map(str, arguments)]
    return subprocess.run(
        line, capture_output=True, text=True, env=os.environ | environment, check=False, cwd=PACKAGE.parent
    )


def tame(done: subprocess.CompletedProcess[str]) -> str:
    """All that a command said, once it is sure that there is nothing in it but lines."""
    said = done.stdout + done.stderr
    assert all(line.isprintable() for line in said.split("\n")), said
    return said


@pytest.mark.parametrize("command", ["info", "clear"])
def test_the_cache_is_named_safely(place: Path, command: str) -> None:
    assert TOLD in tame(run("cache", command, GSCLI_CACHE_DIR=str(place)))


def test_the_doctor_names_folders_safely(place: Path) -> None:
    assert TOLD in tame(run("doctor", GSCLI_CACHE_DIR=str(place)))


def test_notes_of_watch_are_safe(place: Path) -> None:
    step = place / "iteration_1"
    step.mkdir()
    (step / "point_cloud.ply").write_bytes(b"ply\nbroken")
    assert TOLD in tame(run("watch", place, "--once"))


def test_warnings_are_one_safe_line(place: Path, scene_file: Path) -> None:
    done = run("resample", scene_file, place / "out.ply", GSCLI_CACHE_DIR=str(scene_file))
    assert done.returncode == 0
    assert "gscli: warning:" in tame(done)
    done = run("resample", scene_file, place / "two.ply", GSCLI_CACHE_DIR=f"{scene_file}/{MARKS}")
    assert done.returncode == 0
    assert "gscli: warning:" in tame(done)


def test_failures_and_summaries_name_files_safely(
    place: Path, scene_file: Path, scene: GaussianCloud
) -> None:
    assert TOLD in tame(run("info", place / "absent.ply"))
    here = place / scene_file.name
    here.write_bytes(scene_file.read_bytes())
    for arguments in (
        ["info", here],
        ["convert", here, place / "out.splat", "--allow-lossy"],
        ["compare", here, here],
        ["batch", "info", f"{place.parent}/*/*.ply"],
    ):
        done = run(*arguments)
        assert done.returncode == 0
        tame(done)


def unsafe(source: str) -> list[int]:
    """Lines that print something else than a literal, a line of JSON, or what went through `printable`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or ast.unparse(node.func) not in (
            "click.echo",
            "click.secho",
            "print",
            "tqdm.write",
        ):
            continue
        shown = node.args[0]
        safe = isinstance(shown, ast.Constant) or (
            isinstance(shown, ast.Call) and ast.unparse(shown.func) in ("printable", "json.dumps", "dumps")
        )
        if not safe:
            found.append(node.lineno)
    return found


def test_nothing_is_printed_but_through_printable() -> None:
    found = {str(path): unsafe(path.read_text()) for path in PACKAGE.rglob("*.py")}
    assert {path: lines for path, lines in found.items() if lines} == {}
    assert unsafe("click.echo(f'{path}')\nclick.echo(printable(path))\nprint(path)") == [1, 3]


def test_a_warning_of_numpy_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(warnings, "showwarning", cli._show_warning)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        np.exp(np.array([1e4]))
    told = "some values are too large to calculate with, or no numbers, and stay so"
    assert capsys.readouterr().err == f"gscli: warning: {told} (overflow encountered in exp)\n"


@pytest.mark.parametrize("name", ["out.splat", "out.spz", "out.compressed.ply", "out/"])
def test_a_scale_beyond_all_numbers_is_converted_without_a_warning(
    tmp_path: Path, scene: GaussianCloud, name: str
) -> None:
    rows = scene.rows.copy()
    rows["scale_0"][:5] = 1e4
    write(tmp_path / "big.ply", GaussianCloud(rows))
    done = run("convert", tmp_path / "big.ply", f"{tmp_path}/{name}", "--allow-lossy")
    assert done.returncode == 0
    assert "warning" not in done.stderr
    assert np.isfinite(read(tmp_path / name).columns(("scale_0",))).all()
