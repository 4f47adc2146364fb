"""``gscli simplify`` as it is typed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from gscli import formats, scene
from gscli.cli import main
from gscli.cloud import GaussianCloud
from tests.cli.refusals import of_a_call as failed

SCENE = Path(__file__).parent.parent / "data" / "scene.ply"
pytestmark = pytest.mark.compiled


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)

    def call(*args: object) -> Result:
        words = ["simplify", SCENE, *args]
        return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)

    return call


def test_it_says_from_where_it_looked_what_it_merged_and_how_it_looks(run: Callable[..., Result]) -> None:
    done = run("small.ply", "--target", "25%", "-v")
    assert done.exit_code == 0
    assert done.stdout == ""
    for part in (
        "scene.ply: 10,774 Gaussians (ply)",
        "looked   from all around, 10 views",
        "stay as they are\n",
        "looks    PSNR ",
        " of the worst view\n",
        "from 8 other views around it; z is up, as the file says",
        "wrote    small.ply: 2,693 Gaussians, 25.0%",
        "(read ",
        ", judge ",
    ):
        assert part in done.stderr, part


def test_the_fewest_are_told_with_what_falls_short(run: Callable[..., Result]) -> None:
    done = run("small.ply", "--min-psnr", 30, "--report", "small.json")
    assert done.exit_code == 0
    told = json.loads(Path("small.json").read_text())
    assert told["options"]["min_psnr"] == 30
    assert told["options"]["target"] is None
    assert list(told["search"]) == ["wanted", "reached", "tried", "short", "short_of"]
    assert told["search"]["short_of"] < 30 <= told["search"]["reached"]
    left, tried = told["output"]["points"], told["search"]["tried"]
    line = f"fewest   {left:,} Gaussians for 30 dB, of {tried} counts tried"
    assert f"{line}; {told['search']['short']:,} come to 29." in done.stderr


def test_without_rendering_it_says_so(run: Callable[..., Result]) -> None:
    done = run("small.ply", "--target", 900, "--views", 0, "--json")
    told = json.loads(done.stdout)
    assert (told["look"], told["render"]) == (None, None)
    assert told["output"]["points"] == 900
    done = run("other.ply", "--target", 900, "--views", 0)
    assert "looked   nowhere: Gaussians count by their size and opacity" in done.stderr
    assert "looks  " not in done.stderr
    assert Path("small.ply").read_bytes() == Path("other.ply").read_bytes()


def test_what_cannot_be_is_refused_in_its_own_words(run: Callable[..., Result]) -> None:
    failed(run("small.ply"), 2, "give either --target or --min-psnr")
    failed(run("small.ply", "--min-psnr", 900), 6, "--min-psnr 900 with any fewer Gaussians", "ask for less")
    assert not Path("small.ply").exists()
    failed(run("small.ply", "--target", "0"), 2, "--target 0 leaves nothing of 10,774")
    failed(
        run("small.ply", "--target", 5, "--views", 0, "--cameras", "c.json"), 2, "no effect with --views 0"
    )
    failed(run("small.ply", "--target", 5, "--cameras", "none.json"), 3, "none.json: no such file")
    failed(run("small.splat", "--target", 5), 4, "would lose", "--allow-lossy")


def test_points_alone_are_sent_to_resample(tmp_path: Path) -> None:
    path = tmp_path / "points.xyz"
    path.write_text("0 0 0\n1 1 1\n")
    done = CliRunner().invoke(main, ["simplify", str(path), str(tmp_path / "out.ply"), "--target", "1"])
    failed(done, 3, "holds points and no Gaussians, which alone are merged; thin it by resample")


def test_what_another_command_does_first_is_spelt_as_that_has_it(tmp_path: Path) -> None:
    rows = scene.make(50, sh_degree=0).rows
    rows["x"][3] = np.nan
    formats.write(tmp_path / "a.ply", GaussianCloud(rows))
    done = CliRunner().invoke(main, ["simplify", str(tmp_path / "a.ply"), "o.ply", "--target", "9"])
    assert done.exit_code == 3
    assert done.stderr.endswith("by resample with --target 100% and --drop-invalid=gaussians\n")


def test_scenes_too_wide_to_be_looked_at_are_named(tmp_path: Path) -> None:
    rows = scene.make(50, sh_degree=0).rows
    rows["x"] *= np.float32(1e33)
    path = tmp_path / "wide.ply"
    formats.write(path, GaussianCloud(rows))
    for words in (["simplify", str(path), "o.ply", "--target", "9"], ["lod", str(path), str(tmp_path / "l")]):
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 3
        assert re.match(rf"gscli: error: {path}: has positions of \S+, too far apart", done.stderr)
