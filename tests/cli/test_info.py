"""`gscli info` writes a page where one is asked for, whole or not at all, and says what it says without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import gscli
from gscli.cli import main
from gscli.cloud import GaussianCloud


@pytest.fixture
def run(
    tmp_path: Path, make_scene: Callable[..., GaussianCloud], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """Runs in a folder with two scenes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    gscli.write("a.ply", make_scene(60, seed=0))
    np.save("b.npy", np.random.default_rng(0).normal(size=(40, 3)))
    return lambda *args: CliRunner().invoke(main, ["info", *args])


@pytest.mark.parametrize("more", [[], ["--json"], ["--stats", "--voxel-size", "0.5"]])
def test_what_is_said_is_the_same_beside_a_page(run: Callable[..., Result], more: list[str]) -> None:
    beside = run("a.ply", "--html", "page.html", *more)
    assert beside.exit_code == 0, beside.stderr
    assert beside.stdout == run("a.ply", *more).stdout
    page = Path("page.html").read_text("utf-8")
    assert page.endswith("</html>\n")
    assert ("Cells" in page) == ("--voxel-size" in more)
    assert "<dt>date</dt><dd>1970-01-02 00:00:00 UTC</dd>" in page


def test_several_scenes_are_on_one_page(run: Callable[..., Result]) -> None:
    both = run("a.ply", "b.npy", "--html", "page.html", "--up", "x")
    assert both.stdout == run("a.ply", "b.npy").stdout
    page = Path("page.html").read_text("utf-8")
    assert "<h1>2 scenes</h1>" in page
    assert page.count("Up is x, as asked for") == 2


def test_a_page_goes_to_stdout_and_the_summary_aside(run: Callable[..., Result]) -> None:
    done = run("a.ply", "--html", "-")
    assert done.stdout.startswith("<!doctype html>")
    assert done.stdout.endswith("</html>\n")
    assert done.stderr == run("a.ply").stdout


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (["a.ply", "--up", "z"], 2, "--up has no effect where no page is written; drop it"),
        (["a.ply", "--html", "new.html", "--up", "north"], 2, "north"),
        (["a.ply", "--html", "old.html"], 4, "old.html: exists already; add --overwrite to replace it"),
        (["a.ply", "--html", "a.ply", "--overwrite"], 2, "a.ply: is an input, and would be replaced"),
        (
            ["b.npy", "a.ply", "--html", "a.ply", "--overwrite"],
            2,
            "a.ply: is an input, and would be replaced",
        ),
        (["a.ply", "--html", "none/new.html"], 1, "there is no folder none"),
        (["a.ply", "gone.ply", "--html", "new.html"], 3, "gone.ply: no such file"),
        (["a.ply", "--html", "-", "--json"], 2, "stdout can carry one thing, not --html and --json"),
        (["a.ply", "b.npy", "--html", "new.html", "--json"], 2, "--json is one document"),
    ],
)
def test_what_cannot_be_done_is_refused_and_nothing_is_written(
    run: Callable[..., Result], args: list[str], status: int, said: str
) -> None:
    Path("old.html").write_text("mine")
    before = {path.name: path.read_bytes() for path in Path().iterdir()}
    done = run(*args)
    assert (done.exit_code, said in done.stderr) == (status, True), done.stderr
    assert {path.name: path.read_bytes() for path in Path().iterdir()} == before
    assert run("a.ply", "--html", "old.html", "--overwrite").exit_code == 0
    assert Path("old.html").stat().st_size > 5000
