"""``gscli view`` as it is typed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gscli import write
from gscli.cli import main
from tests.cli.refusals import of_a_call as failed
from tests.drawn import cloud

pytestmark = pytest.mark.compiled


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    write("a.ply", cloud(80))
    write("b.ply", cloud(80, seed=1))

    def call(*words: str) -> Result:
        return CliRunner().invoke(
            main, ["view", *words, "--turns", "4", "--size", "24"], catch_exceptions=False
        )

    return call


def test_it_says_what_it_wrote(run: Callable[..., Result]) -> None:
    done = run("a.ply", "page.html", "-v")
    assert done.exit_code == 0
    assert done.stdout == ""
    for part in (
        "read     a.ply: 80 Gaussians (ply)",
        "drew     8 views, 24 x 24, by core",
        "wrote    page.html: ",
    ):
        assert part in done.stderr
    assert Path("page.html").read_text().startswith("<!doctype html>")


def test_two_scenes_and_a_document(run: Callable[..., Result]) -> None:
    told = json.loads(run("a.ply", "b.ply", "page.html", "--json").stdout)
    assert [each["path"] for each in told["scenes"]] == ["a.ply", "b.ply"]
    assert len(told["psnr"]) == 8


def test_the_page_goes_to_stdout(run: Callable[..., Result]) -> None:
    assert run("a.ply", "-").stdout.startswith("<!doctype html>")


def test_what_cannot_be_is_refused(run: Callable[..., Result]) -> None:
    failed(run("a.ply", "a.ply"), 2, "is an input")
    failed(run("a.ply", "b.ply", "a.ply", "page.html"), 2, "one scene or two, not 3")
    failed(run("none.ply", "page.html"), 3, "no such file")
    run("a.ply", "page.html")
    failed(run("a.ply", "page.html"), 4, "exists already", "--overwrite")
    failed(run("a.ply", "new.html", "--background", "transparent"), 2, "cannot be transparent")
    assert sorted(os.listdir()) == ["a.ply", "b.ply", "page.html"]
