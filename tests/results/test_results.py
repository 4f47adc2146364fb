"""What every tool answers: its document, its size once pickled, and how it shows itself."""

from __future__ import annotations

import copy
import json
import pickle
import re

import pytest
from click.testing import CliRunner

from gscli import scene, write
from gscli.cli import main
from gscli.compare import compare
from gscli.convert import convert
from gscli.coprune import coprune
from gscli.errors import UsageError
from gscli.info import info
from gscli.report import html
from gscli.resample import resample
from gscli.verify import verify

N = 100_000
COMMANDS = {
    "resample": "resample {a} {out}/half.ply --no-cache",
    "compare": "compare {a} {b}",
    "coprune": "coprune {a} {b} -t 1 --out-dir {out}/pruned",
    "convert": "convert {a} {out}/scene.npz",
    "info": "info {a}",
    "verify": "verify {a} {b}",
}


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """A scene and a draw of it, whose names are HTML."""
    folder = tmp_path_factory.mktemp("<scenes>")
    a, b = folder / "a<b>.ply", folder / "half.ply"
    write(a, scene.make(N, sh_degree=0))
    resample(a, b)
    return a, b


@pytest.fixture(scope="module")
def results(scenes, tmp_path_factory):
    a, b = scenes
    out = tmp_path_factory.mktemp("out")
    return {
        "resample": resample(a, out / "half.ply"),
        "compare": compare(a, b),
        "coprune": coprune(a, b, threshold=1, out_dir=out / "pruned"),
        "convert": convert(a, out / "scene.npz"),
        "info": info(a),
        "verify": verify(a, [b]),
    }


def known(document):
    """A document less what two runs differ in."""
    text = re.sub(r'"[^"]*/out\d+/', '"', json.dumps(document))
    return {key: value for key, value in json.loads(text).items() if key != "timings_s"}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_result_gives_the_document_that_the_command_prints(name, results, scenes, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    a, b = scenes
    args = [word.format(a=a, b=b, out=out) for word in COMMANDS[name].split()]
    done = CliRunner().invoke(main, [*args, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    document = results[name].to_dict()
    assert document == json.loads(json.dumps(document, allow_nan=False))
    expected = json.loads(done.stdout)
    assert list(expected) == list(document)
    if name == "resample":
        expected["grid"]["cache"] = "off"
    assert known(document) == known(expected)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_result_of_a_large_scene_is_small_once_pickled(name, results):
    result = results[name]
    rows = 8 * (result.first.kept + result.second.kept) if name == "coprune" else 0  # they are the answer
    for found in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result)):
        assert found.to_dict() == result.to_dict()
    assert len(pickle.dumps(result)) < rows + 10_000


@pytest.mark.parametrize("name", COMMANDS)
def test_a_result_shows_itself_in_a_line_and_in_a_small_table(name, results):
    result = results[name]
    line, page = repr(result), result._repr_html_()
    assert re.fullmatch(rf"<{type(result).__name__}: [^\n]*>", line)
    assert len(line) < 600
    assert "a<b>.ply" in line
    assert "a&lt;b&gt;.ply" in page
    assert "<b>" not in page
    assert 3 <= page.count("<tr>") <= 6


def test_what_a_comparison_was_taken_from_stays_out_of_copies(results):
    result = results["compare"]
    assert result.evidence.forth.distances.shape == (N,)
    assert repr(result.evidence).startswith(f"<Evidence: source {N:,}, target ")
    for found in (copy.copy(result), pickle.loads(pickle.dumps(result))):
        assert found.evidence is None
        assert found == result
        with pytest.raises(
            UsageError, match="copied or pickled has no points to draw; draw the one that compare"
        ):
            html.page(found)


def test_the_figures_of_a_grid_stay_in_the_result(results):
    grid = results["resample"].grid
    assert grid.cells > 0
    assert grid.occupancy.min <= grid.occupancy.median <= grid.occupancy.max
    assert grid.occupancy.mean == grid.points / grid.cells
    assert repr(grid).startswith(f"<GridFigures: points {N:,}, cells ")
