"""``gscli edit`` as it is typed: actions in the order of the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from gscli import formats
from gscli.cli import main
from tests.cli.refusals import of_a_call as failed
from tests.drawn import cloud


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    formats.write("scene.ply", cloud(200, 1))

    def call(*args: object) -> Result:
        words = ["edit", "scene.ply", *args]
        return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)

    return call


def test_it_says_what_each_action_did_in_the_order_in_which_they_were_typed(
    run: Callable[..., Result],
) -> None:
    done = run(
        "out.ply", "--translate", "1,0,0", "--where", "x > 1", "--scale", 2, "--where", "x > 2.5", "-v"
    )
    assert done.exit_code == 0
    assert done.stdout == ""
    x = cloud(200, 1)["x"].astype(float) + 1
    first, second = int((x > 1).sum()), int((x > 1.25).sum())
    assert done.stderr.splitlines()[:6] == [
        "read     scene.ply: 200 points (ply)",
        "moved    translate 1,0,0",
        f"dropped  {200 - first} of 200: where x > 1",
        "moved    scale 2",
        f"dropped  {first - second} of {first}: where x > 2.5",
        f"wrote    out.ply: {second} points, {second / 200:.1%}",
    ]
    assert "(read " in done.stderr


@pytest.mark.parametrize(
    ("words", "actions"),
    [
        (
            ("--where", "x>0", "out.ply", "--scale=3", "--where", "y>0"),
            [["where", "x>0"], ["scale", 3.0], ["where", "y>0"]],
        ),
        (
            ("--scale", "3", "--where", "x>0", "--where=y>0", "out.ply"),
            [["scale", 3.0], ["where", "x>0"], ["where", "y>0"]],
        ),
        (("out.ply", "--crop-box", "-1,-1,-1,1,1,1"), [["crop_box", [-1.0, -1.0, -1.0, 1.0, 1.0, 1.0]]]),
    ],
)
def test_the_order_of_the_command_line_counts(
    run: Callable[..., Result], words: tuple[str, ...], actions: list[list[object]]
) -> None:
    done = run(*words, "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["options"]["actions"] == actions


def test_floaters_are_a_flag_that_may_be_told_more(run: Callable[..., Result]) -> None:
    formats.write("more.ply", cloud(50, 1, seed=3))
    done = run(
        "out.ply",
        "--drop-floaters",
        "--merge",
        "more.ply",
        "--dedupe",
        "0.01",
        "--drop-floaters=2%,0.5",
        "--json",
    )
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["options"]["actions"] == [
        ["drop_floaters", [0.01, None]],
        ["merge", "more.ply"],
        ["dedupe", 0.01],
        ["drop_floaters", [0.02, 0.5]],
    ]
    told = run("out.ply", "--merge", "more.ply", "--overwrite").stderr
    assert "merged   merge more.ply (50 rows)\nwrote    out.ply: 250 points\n" in told


def test_a_report_is_the_same_document(run: Callable[..., Result]) -> None:
    done = run("out.ply", "--sh-degree", 0, "--report", "out.json")
    assert done.exit_code == 0
    assert "changed  sh-degree 0 (degree 1 to 0, 9 columns less)" in done.stderr
    assert json.loads(Path("out.json").read_text())["actions"][0]["note"] == "degree 1 to 0, 9 columns less"


def test_an_edit_stands_in_a_pipe(run: Callable[..., Result]) -> None:
    done = CliRunner().invoke(main, ["edit", "-", "-", "--up", "y:z"], input=Path("scene.ply").read_bytes())
    assert done.exit_code == 0
    Path("piped.ply").write_bytes(done.stdout_bytes)
    np.testing.assert_array_equal(formats.read("piped.ply")["z"], cloud(200, 1)["y"])


def test_refusals_speak_as_the_command_line_does(run: Callable[..., Result]) -> None:
    failed(run("out.ply"), 2, "no action is given; give one, such as --crop-box")
    failed(run("out.ply", "--crop-box", "1,2"), 2, "--crop-box must be x0,y0,z0,x1,y1,z1, not '1,2'")
    failed(
        run("out.ply", "--where", "opacty > 0"),
        2,
        "scene.ply: --where asks for opacty",
        "did you mean opacity?",
    )
    failed(run("out.ply", "--where", "x > 99"), 2, "scene.ply: --where leaves nothing of 200 points")
    failed(
        run("out.ply", "--scale", "-1"), 2, "--scale must be one positive factor, not -1; --transform takes"
    )
    failed(run("out.ply", "--transform", "none.json"), 3, "none.json: no such file")
    failed(run("scene.ply", "--scale", "2"), 4, "scene.ply: exists already; add --overwrite")
    assert sorted(path.name for path in Path().iterdir()) == ["scene.ply"]


def batch(*words: object) -> list[list[object]]:
    """The actions that a batch over one scene did."""
    done = CliRunner().invoke(main, ["batch", *map(str, words), "--workers", "1", "--json-lines"])
    assert done.exit_code == 0, done.stderr
    actions: list[list[object]] = json.loads(done.stdout.splitlines()[0])["result"]["options"]["actions"]
    return actions


def test_a_batch_does_actions_in_the_order_in_which_they_were_typed(run: Callable[..., Result]) -> None:
    formats.write("more.ply", cloud(50, 1, seed=3))
    typed = ["--scale", 2, "--merge", "more.ply", "--dedupe", 0.1, "--where", "x > 0", "--scale", 3]
    assert batch("edit", "scene.ply", "--out-dir", "out", *typed) == [
        ["scale", 2.0],
        ["merge", str(Path("more.ply").resolve())],
        ["dedupe", 0.1],
        ["where", "x > 0"],
        ["scale", 3.0],
    ]
    assert run("alone.ply", *typed).exit_code == 0
    together, alone = formats.read("out/scene.ply"), formats.read("alone.ply")
    np.testing.assert_array_equal(together.rows, alone.rows)


def test_a_job_file_does_them_in_its_order_unless_the_command_line_has_the_same(
    run: Callable[..., Result],
) -> None:
    Path("job.yaml").write_text(
        "operation: edit\ninputs: scene.ply\nout-dir: out\nwhere: x > 0\nscale: 2\ndrop-floaters: true\n"
        "crop-sphere: 0,0,0,9\n"
    )
    written = [
        ["where", "x > 0"],
        ["scale", 2.0],
        ["drop_floaters", [0.01, None]],
        ["crop_sphere", [0.0, 0.0, 0.0, 9.0]],
    ]
    assert batch("job.yaml") == written
    assert batch("job.yaml", "--overwrite", "--scale", 3) == [written[0], *written[2:], ["scale", 3.0]]


def test_a_batch_refuses_actions_before_it_begins(run: Callable[..., Result]) -> None:
    for words, told in (
        (["--scale", 0], "--scale must be"),
        ([], "no action is given"),
        (["--dedupe", 1], "--merge"),
    ):
        done = CliRunner().invoke(main, ["batch", "edit", "scene.ply", "--out-dir", "out", *map(str, words)])
        failed(done, 2, told)
    assert not Path("out").exists()
