"""``gscli render`` as it is typed."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from gscli.cli import main
from tests.cli.refusals import of_a_call as failed

SCENE = Path(__file__).parent.parent / "data" / "scene.ply"
GSCLI = [sys.executable, "-m", "gscli"]
PNG = b"\x89PNG\r\n\x1a\n"
pytestmark = pytest.mark.compiled


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)

    def call(*args: object) -> Result:
        words = ["render", SCENE, *args, "--size", "64x48"]
        return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)

    return call


def test_it_says_what_it_drew_and_chose(run: Callable[..., Result]) -> None:
    done = run("shot.png", "-v")
    assert done.exit_code == 0
    assert done.stdout == ""
    for part in (
        "scene.ply: 10,774 Gaussians (ply)",
        "drew     1 view of rgb on black, 64 x 48, by core",
        "up       z, as the file says; --up chooses another",
        "wrote    shot.png",
        "(read ",
    ):
        assert part in done.stderr
    assert Path("shot.png").read_bytes().startswith(PNG)


def test_a_folder_gets_a_picture_from_each_camera(run: Callable[..., Result]) -> None:
    done = run("shots", "--views", 3, "--file-type", "webp", "--json")
    told = json.loads(done.stdout)
    assert [shot["path"] for shot in told["outputs"]] == [f"shots/orbit_0{i}.webp" for i in (1, 2, 3)]
    assert sorted(os.listdir("shots")) == ["orbit_01.webp", "orbit_02.webp", "orbit_03.webp"]
    assert len(told["cameras_sha256"]) == 64


def test_a_picture_goes_to_stdout(tmp_path: Path) -> None:
    done = subprocess.run([*GSCLI, "render", SCENE, "-", "--size", "20"], capture_output=True, check=True)
    assert done.stdout.startswith(PNG)
    piped = subprocess.run(
        [*GSCLI, "render", "-", tmp_path / "a.npy", "--size", "20"],
        input=SCENE.read_bytes(),
        capture_output=True,
        check=True,
    )
    assert b"<stdin>: 10,774 Gaussians" in piped.stderr
    assert np.load(tmp_path / "a.npy").shape == (20, 20, 3)
    assert io.BytesIO(done.stdout).read(8) == PNG


def test_what_cannot_be_is_refused_in_its_own_words(run: Callable[..., Result]) -> None:
    failed(run("shot.gif"), 2, "no picture is called *.gif", ".png")
    failed(run("shot.png", "--views", 2), 2, "--views asks for 2 pictures", "name a folder")
    failed(run("shot.png", "--camera", 2), 2, "--camera has no effect without --cameras")
    failed(run("shot.png", "--cameras", "none.json"), 3, "none.json: no such file")
    failed(run("shot.png", "--rasterizer", "gpu"), 2, "no rasterizer 'gpu'")
    failed(run("none/shot.png"), 1, "there is no folder none")
    assert os.listdir() == []


def test_a_picture_is_replaced_only_with_leave(run: Callable[..., Result]) -> None:
    run("shot.png")
    failed(run("shot.png"), 4, "exists already", "--overwrite")
    assert run("shot.png", "--overwrite").exit_code == 0


def test_points_alone_are_nothing_to_render(tmp_path: Path) -> None:
    path = tmp_path / "points.xyz"
    path.write_text("0 0 0\n1 1 1\n")
    done = CliRunner().invoke(main, ["render", str(path), str(tmp_path / "shot.png")])
    failed(done, 3, "points.xyz: has no opacity, scales and rotation: points alone cannot be rendered")
