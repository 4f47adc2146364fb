from __future__ import annotations

import json
import os
import re
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result

from gscli import formats, scene
from gscli.cli import main
from gscli.cli._batched import Batched
from gscli.formats import ply
from tests.formats import trainers

JOB = """
operation: resample
inputs: scenes/*.ply
out-dir: out
method: [half-density, one-per-grid]
ratio: 0.2:0.4
seed: 5
workers: 1
"""


@pytest.fixture
def folder(three_scenes: Path) -> Path:
    return three_scenes


def batch(*arguments: str, **settings: Any) -> Result:
    return CliRunner().invoke(main, ["batch", *arguments], **settings)


def spellings(command: click.Command) -> list[str]:
    return [option for parameter in command.params for option in parameter.opts]


def outputs(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.ply"))}


def test_a_job_file_is_the_command_line_written_down(folder: Path) -> None:
    (folder / "job.yaml").write_text(JOB)
    assert batch("job.yaml").exit_code == 0
    words = "--method half-density --method one-per-grid --ratio 0.2:0.4 --seed 5 --out-dir typed --workers 2"
    assert batch("resample", "scenes/*.ply", *words.split()).exit_code == 0
    assert len(outputs(folder / "out")) == 6
    assert outputs(folder / "out") == outputs(folder / "typed")


def test_inputs_are_counted_in_words_that_fit(folder: Path) -> None:
    for pattern, told in (("scenes/s1.ply", "1 input"), ("scenes/*.ply", "3 inputs")):
        assert f"would info {told}, " in batch("info", pattern, "--dry-run").output
        assert f"batch    {told}: " in batch("info", pattern).output


def test_paths_of_a_job_file_are_relative_to_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "job.yaml").write_text(JOB + "index: rows\n")
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    done = batch("../job.yaml", "--dry-run")
    assert done.exit_code == 0, done.output
    (folder / "elsewhere" / "scenes").symlink_to(folder / "scenes")
    done = batch("../job.yaml", "--out-dir", "here")
    assert done.exit_code == 0, done.output
    assert len(outputs(folder / "elsewhere" / "here")) == 6
    assert len(list((folder / "rows").iterdir())) == 6


def test_the_command_line_overrides_the_job_file(folder: Path) -> None:
    (folder / "job.yaml").write_text(JOB)
    assert (
        batch("job.yaml", "--method", "dense", "--dry-run").exit_code == 2
    )  # nothing left to draw with a seed
    done = batch("job.yaml", "scenes/s1.ply", "--method", "half", "--dry-run")
    assert done.output.splitlines()[0].split()[-3:] == ["scenes/s1.ply", "->", "out/s1.ply"]


def test_an_unknown_key_is_refused_with_the_nearest_one(folder: Path) -> None:
    (folder / "job.yaml").write_text(JOB.replace("seed:", "sede:"))
    done = batch("job.yaml")
    assert done.exit_code == 3
    assert "line 7: unknown key 'sede'; did you mean seed?" in done.stderr


def test_a_bad_value_in_a_job_file_is_a_usage_error(folder: Path) -> None:
    (folder / "job.yaml").write_text(JOB.replace("seed: 5", "seed: many"))
    done = batch("job.yaml")
    assert done.exit_code == 2
    assert "job.yaml: line 7: seed: 'many' is not a valid integer" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("--resume",),
        ("--overwrite",),
        ("--check",),
        ("--dry-run", "--json"),
        ("--dry-run", "--json-lines"),
        ("--json", "--json-lines"),
        ("--out-dir", ""),
    ],
)
def test_options_that_could_do_nothing_are_refused(folder: Path, words: tuple[str, ...]) -> None:
    done = batch("info", "scenes/*.ply", "--workers", "1", *words)
    assert done.exit_code == 2
    assert done.stdout == ""


def test_a_dry_run_prints_the_plan_and_writes_nothing(folder: Path) -> None:
    done = batch("resample", "scenes/*.ply", "--out-dir", "out", "--dry-run")
    assert done.exit_code == 0
    assert "scenes/s2.ply -> out/s2.ply" in done.stdout
    assert "would resample 3 inputs" in done.stdout
    assert not (folder / "out").exists()


def test_a_folder_with_a_batch_is_refused_without_leave(folder: Path) -> None:
    words = ("resample", "scenes/*.ply", "--out-dir", "out", "--workers", "1")
    assert batch(*words, "--resume").exit_code == 0  # nothing there: starts afresh
    first = outputs(folder / "out")
    done = batch(*words)
    assert done.exit_code == 4
    assert "--resume" in done.stderr
    assert batch(*words, "--overwrite", "--seed", "9").exit_code == 0
    assert outputs(folder / "out") != first


def test_files_in_the_way_are_refused_without_leave(folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "s1.ply").write_text("precious")
    for more in ((), ("--resume",)):
        assert batch("resample", "scenes/*.ply", "--out-dir", "out", *more).exit_code == 4
    assert (folder / "out" / "s1.ply").read_text() == "precious"
    assert [p.name for p in (folder / "out").iterdir()] == ["s1.ply"]


def test_resuming_replaces_nothing_that_another_made(folder: Path) -> None:
    words = ("--out-dir", "out", "--workers", "1")
    assert batch("resample", "scenes/s[01].ply", *words).exit_code == 0
    (folder / "out" / "s2.ply").write_text("precious")
    before = outputs(folder / "out")
    for operation in (("resample",), ("convert", "--to", "ply")):
        done = batch(*operation, "scenes/*.ply", *words, "--resume")
        assert done.exit_code == 4
        assert "exists already; add --overwrite" in done.stderr
    assert outputs(folder / "out") == before
    done = batch("resample", "scenes/*.ply", *words, "--resume", "--overwrite")
    assert "3 done (2 before)" in done.stderr


def test_inputs_that_come_and_go_are_not_done_again(folder: Path) -> None:
    words = ("--out-dir", "out", "--workers", "1", "--resume")
    for pattern, before in (("*", ""), ("s0*", " (1 before)"), ("*", " (3 before)")):
        assert f"done{before};" in batch("resample", f"scenes/{pattern}.ply", *words).stderr


def test_failures_of_inputs_that_are_gone_are_forgotten(folder: Path) -> None:
    (folder / "scenes" / "broken.ply").write_text("no scene")
    words = ("resample", "scenes/*.ply", "--out-dir", "out", "--workers", "1", "--resume")
    assert batch(*words).exit_code == 1
    (folder / "scenes" / "broken.ply").unlink()
    assert batch(*words).exit_code == 0
    assert not list((folder / "out" / "failed").iterdir())


def test_starting_anew_leaves_no_record_of_what_was_there(folder: Path) -> None:
    words = ("--out-dir", "out", "--workers", "1")
    assert batch("resample", "scenes/*.ply", *words).exit_code == 0
    assert batch("convert", "scenes/*.ply", "--to", "ply", *words, "--overwrite").exit_code == 0
    records = [json.loads(path.read_text()) for path in (folder / "out" / "done").iterdir()]
    assert [record["operation"] for record in records] == ["convert"] * 3


@pytest.mark.parametrize("damage", [b"\xff\xfe", b"{}\n", b"[1]\n", b""])
def test_a_damaged_plan_is_written_again(folder: Path, damage: bytes) -> None:
    words = ("resample", "scenes/*.ply", "--out-dir", "out", "--workers", "1")
    assert batch(*words).exit_code == 0
    plan = folder / "out" / "manifest.jsonl"
    whole = plan.read_bytes()
    plan.write_bytes(damage)
    assert "3 done (3 before)" in batch(*words, "--resume").stderr
    assert plan.read_bytes() == whole


def test_shards_together_are_the_whole(folder: Path) -> None:
    words = ("resample", "scenes/*.ply", "--seed", "3", "--workers", "1")
    assert batch(*words, "--out-dir", "whole").exit_code == 0
    for number in ("1/2", "2/2"):
        assert batch(*words, "--out-dir", "parts", "--shard", number).exit_code == 0
    assert outputs(folder / "parts") == outputs(folder / "whole")
    assert batch(*words, "--out-dir", "parts", "--shard", "2/2").exit_code == 4  # this part was run before
    done = batch(*words, "--out-dir", "parts", "--resume", "--json")
    assert json.loads(done.stdout)["skipped"] == 3


@pytest.mark.parametrize("value", ["0/2", "3/2", "1", "a/b", "1/0", "1/" + "9" * 5000])
def test_a_shard_that_is_none_is_a_usage_error(folder: Path, value: str) -> None:
    assert batch("info", "scenes/*.ply", "--shard", value).exit_code == 2


def test_json_lines_are_a_record_per_input_of_a_list(folder: Path) -> None:
    done = batch("info", "-", "--json-lines", "--workers", "1", input="scenes/s0.ply\nscenes/s2.ply\n")
    assert done.exit_code == 0, done.output
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(record["figures"]["points"] for record in records) == [200, 202]
    assert [p.name for p in folder.iterdir()] == ["scenes"]  # nothing is kept without --out-dir


def test_a_list_without_paths_is_a_bad_input(folder: Path) -> None:
    done = batch("info", "-", input="\n")
    assert done.exit_code == 3
    assert "<stdin>: lists no paths" in done.stderr


def test_the_summary_says_how_it_went(folder: Path) -> None:
    (folder / "scenes" / "s1.ply").write_text("not a scene")
    done = batch("resample", "scenes/*.ply", "--out-dir", "out", "--workers", "1")
    assert done.exit_code == 1
    assert "1 of 3 inputs failed; --resume tries again" in done.stderr
    summary = json.loads((folder / "out" / "summary.json").read_text())
    assert (summary["inputs"], summary["done"], summary["failed"]) == (3, 2, 1)
    assert [row["status"] for row in summary["records"]] == ["done", "failed", "done"]


def test_a_missed_gate_is_exit_6_and_stays_so(folder: Path) -> None:
    words = ("compare", "scenes/*.ply", "--reference", "scenes/s0.ply", "--no-gaussians", "--workers", "1")
    words += ("--threshold", "0.01", "--min-fitness", "0.9", "--out-dir", "out")
    done = batch(*words)
    assert done.exit_code == 6
    assert "2 of 3 inputs missed a gate" in done.stderr
    assert "source_to_target.at[0].fitness is 0" in done.stdout
    done = batch(*words, "--resume")
    assert done.exit_code == 6
    assert "3 done" not in done.stdout


@pytest.mark.parametrize(("left_out", "compared"), [("true", False), ("false", True)])
def test_what_a_job_file_leaves_out_is_left_out(folder: Path, left_out: str, compared: bool) -> None:
    lines = "operation: compare\ninputs: scenes/s0.ply\nreference: scenes/s1.ply\nworkers: 1\nout-dir: out\n"
    (folder / "job.yaml").write_text(f"{lines}no-gaussians: {left_out}\n")
    assert batch("job.yaml").exit_code == 0
    (path,) = (folder / "out" / "done").iterdir()
    report = json.loads(path.read_text())["result"]
    assert report["options"]["gaussians"] is compared
    assert (report["gaussians"] is not None) == compared


def test_pages_of_a_comparison_lie_in_a_folder(folder: Path) -> None:
    words = ("compare", "scenes/*.ply", "--reference", "scenes/*.ply", "--html", "pages", "--workers", "1")
    assert batch(*words).exit_code == 2  # what is written has to be recorded somewhere
    done = batch(*words, "--out-dir", "out")
    assert done.exit_code == 0
    assert "pages    pages/index.html" in done.stdout
    names = ["index.html", "s0.html", "s1.html", "s2.html"]
    assert sorted(p.name for p in (folder / "pages").iterdir()) == names


WITH_INDEX = ("compare", "scenes/*.ply", "--reference", "scenes/s0.ply", "--no-gaussians", "--workers", "1")
WITH_INDEX += ("--threshold", "0.2", "--out-dir", "out", "--html", "pages")


def pairs(page: Path) -> list[tuple[str, str, str]]:
    """Of each pair in an index the name, the state and where it leads."""
    name = r'<tr><td>(?:<img [^>]*>)?(?:<a href="([^"]*)">)?([^<]*)(?:</a>)?<small>'
    row = re.compile(name + r'.*?<span class="\w+">([\w ]+)</span>')
    return [(name, state, link) for link, name, state in row.findall(page.read_text())]


def test_an_index_leads_to_every_page_the_worst_pair_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    scenes = folder / "scenes"
    scene.write(scenes / "a <b> & ü%.ply", 150, sh_degree=0, seed=9, flyaways=0)
    (scenes / "broken.ply").write_bytes((scenes / "s1.ply").read_bytes()[:-100])
    (scenes / "near.ply").write_bytes((scenes / "s0.ply").read_bytes())
    done = batch(*WITH_INDEX, "--min-fitness", "0.9")
    assert done.exit_code == 1
    page = folder / "pages" / "index.html"
    found = pairs(page)
    assert found[0] == ("broken.ply", "failed", "")
    assert [state for _, state, _ in found] == ["failed", "missed", "missed", "missed", "done", "done"]
    assert {name for name, *_ in found[4:]} == {"s0.ply", "near.ply"}
    assert all((page.parent / unquote(link)).is_file() for *_, link in found[1:])
    assert ("a &lt;b&gt; &amp; ü%.ply", "missed", "a%20%3Cb%3E%20%26%20%C3%BC%25.html") in found
    text = page.read_text()
    assert "1 failed, 3 missed, 2 done" in text
    assert text.count('<img src="data:image/png;base64,') == 5
    assert "its body holds" in text
    assert "not &gt;= 0.9" in text
    assert "<dt>date</dt><dd>1970-01-02 00:00:00 UTC</dd>" in text
    assert "gscli batch compare &#x27;scenes/*.ply&#x27; --reference scenes/s0.ply" in text
    assert not re.search("<script|http|url\\(", text)
    scores = [
        float(s) for s in re.findall(r"<td>([\d.]+)</td><td>[\d.e-]+</td><td>[\d.e-]+</td><td>0.2</td>", text)
    ]
    assert scores[:3] == sorted(scores[:3])
    (scenes / "broken.ply").write_bytes((scenes / "s0.ply").read_bytes())
    assert batch(*WITH_INDEX, "--min-fitness", "0.9", "--resume").exit_code == 6
    assert "3 missed, 3 done" in page.read_text()
    assert len(pairs(page)) == 6


def test_an_index_of_renders_is_sorted_by_them_and_says_what_is_equal(folder: Path) -> None:
    words = ("--render", "--views", "2", "--size", "40x30", "--up", "z")
    done = batch("compare", "scenes/*.ply", "--reference", "scenes/s0.ply", *WITH_INDEX[4:], *words)
    assert done.exit_code == 0, done.output
    text = (folder / "pages/index.html").read_text()
    assert "<th>PSNR, dB</th>" in text
    told = re.findall(r'class="passed">done</span></td><td>([^<]*)</td>', text)
    assert told[-1] == "equal"
    assert [float(psnr) for psnr in told[:-1]] == sorted(float(psnr) for psnr in told[:-1])
    assert "Up is z, as asked for" in (folder / "pages/s1.html").read_text()


def test_pages_of_a_batch_stand_as_asked_for_without_renders_too(folder: Path) -> None:
    assert batch(*WITH_INDEX, "--up", "x").exit_code == 0
    assert "Up is x, as asked for" in (folder / "pages/s1.html").read_text()
    refused = batch(*WITH_INDEX[:-2], "--up", "x", "--overwrite")
    assert "--up has no effect without --render" in refused.stdout + refused.stderr


def test_an_index_replaces_nothing_without_leave(folder: Path) -> None:
    (folder / "pages").mkdir()
    page = folder / "pages" / "index.html"
    page.write_text("mine")
    refused = batch(*WITH_INDEX)
    assert refused.exit_code == 4
    assert "index.html: exists already; add --overwrite" in refused.stderr
    assert page.read_text() == "mine"
    assert not (folder / "out").exists()
    assert batch(*WITH_INDEX, "--overwrite").exit_code == 0
    assert len(pairs(page)) == 3


def test_a_page_and_the_index_cannot_be_one_file(folder: Path) -> None:
    (folder / "scenes/s2.ply").rename(folder / "scenes/index.ply")
    refused = batch(*WITH_INDEX)
    assert refused.exit_code == 2
    assert "would be the page of" in refused.stderr
    assert "--relative-to" in refused.stderr
    assert batch(*WITH_INDEX, "--relative-to", ".").exit_code == 0
    assert (folder / "pages/scenes/index.html").is_file()
    assert ("index.ply", "done", "scenes/index.html") in pairs(folder / "pages/index.html")


def test_each_part_has_an_index_and_the_whole_one_of_all(folder: Path) -> None:
    for number in (1, 2):
        assert batch(*WITH_INDEX, "--shard", f"{number}/2").exit_code == 0
    parts = [pairs(folder / "pages" / f"index-{number}-of-2.html") for number in (1, 2)]
    assert sorted(len(part) for part in parts) == [1, 2]
    assert not (folder / "pages/index.html").exists()
    assert batch(*WITH_INDEX, "--resume").exit_code == 0
    assert sorted(pairs(folder / "pages/index.html")) == sorted(parts[0] + parts[1])


def test_a_batch_of_descriptions_has_pages_and_an_index_of_them(folder: Path) -> None:
    scenes = folder / "scenes"
    scene.write(scenes / "empty.ply", 0, sh_degree=0, seed=1)
    (scenes / "broken.ply").write_bytes((scenes / "s1.ply").read_bytes()[:-100])
    cloud = ply.read(scenes / "s1.ply")[:]
    cloud.rows["x"][:5] = float("nan")
    ply.write(scenes / "flawed <b>.ply", cloud)
    words = ("info", "scenes/*.ply", "--html", "pages", "--up", "x", "--workers", "1")
    assert "give --out-dir FOLDER" in batch(*words).stderr
    done = batch(*words, "--out-dir", "out")
    assert done.exit_code == 1
    text = (folder / "pages/index.html").read_text()
    row = re.compile(r'<tr><td>(?:<img [^>]*>)?(?:<a href="([^"]*)">)?([^<]*)')
    found = row.findall(text)
    assert [name for _, name in found[:3]] == ["broken.ply", "empty.ply", "flawed &lt;b&gt;.ply"]
    assert sorted(name for _, name in found[3:]) == ["s0.ply", "s1.ply", "s2.ply"]
    pages = {unquote(link): (folder / "pages" / unquote(link)).read_text() for link, _ in found[1:]}
    assert "Up is x, as asked for" in pages["s0.html"]
    assert '<span class="MISSED">5</span>' in text
    assert text.count('<img src="data:image/png;base64,') == 4
    assert not re.search("<script|http|url\\(|<b>\\.", text)
    plain = batch("info", "scenes/s0.ply", "--workers", "1", "--json-lines").stdout
    beside = batch("info", "scenes/s0.ply", "--workers", "1", "--json-lines", *HTML).stdout
    assert [json.loads(each)["result"] for each in (plain, beside)] == [json.loads(plain)["result"]] * 2
    refused = batch("info", "scenes/*.ply", "--up", "z", "--workers", "1")
    assert (refused.exit_code, "--up has no effect where no page" in refused.stderr) == (2, True)


HTML = ("--html", "other", "--out-dir", "more")


@pytest.mark.parametrize("name", ["npz", ".npz", "NPZ"])
def test_converted_scenes_are_what_the_command_writes(folder: Path, name: str) -> None:
    words = ("--to", name, "--out-dir", "out", "--workers", "1")
    done = batch("convert", "scenes/*.ply", *words)
    assert done.exit_code == 0, done.output
    for number in range(3):
        assert CliRunner().invoke(main, ["convert", f"scenes/s{number}.ply", f"s{number}.npz"]).exit_code == 0
        assert (folder / f"out/s{number}.npz").read_bytes() == (folder / f"s{number}.npz").read_bytes()
    assert [line.split()[-2:] for line in done.stderr.splitlines() if "scenes/s1" in line] == [
        ["201", "nothing"]
    ]


def test_a_job_file_names_the_format_to_convert_to(folder: Path) -> None:
    (folder / "job.yaml").write_text(
        "operation: convert\ninputs: scenes/*.ply\nto: compressed.ply\nallow-lossy: true\nout-dir: out\n"
    )
    done = batch("job.yaml", "--workers", "1")
    assert done.exit_code == 0, done.output
    assert [p.name for p in sorted((folder / "out").glob("*.ply"))] == [
        f"s{i}.compressed.ply" for i in range(3)
    ]
    assert batch("job.yaml", "--resume", "--json").exit_code == 0
    again = batch("convert", "out/*.compressed.ply", "--to", "ply", "--out-dir", "back", "--dry-run")
    assert "out/s0.compressed.ply -> back/s0.ply" in again.stdout  # no s0.compressed.ply


@pytest.mark.parametrize(
    ("to", "status", "complaint"),
    [
        ("spz", 4, "--to spz always loses precision; add --allow-lossy"),
        ("ksplat", 2, "is read, but not written"),
        ("spx", 2, "did you mean .spz?"),
        ("", 2, "--to is empty"),
        ("out/spz", 2, "no format that gscli writes"),
    ],
)
def test_a_format_that_cannot_be_written_is_refused_before_anything_runs(
    folder: Path, to: str, status: int, complaint: str
) -> None:
    done = batch("convert", "scenes/*.ply", "--to", to, "--out-dir", "out")
    assert (done.exit_code, complaint in done.stderr) == (status, True), done.stderr
    assert not (folder / "out").exists()


def test_what_one_scene_would_lose_costs_that_scene_alone(folder: Path, make_scene: Any) -> None:
    scene = make_scene(90).with_comment("mine")
    ply.write(folder / "scenes" / "s1.ply", scene, overwrite=True)
    words = ("convert", "scenes/*.ply", "--to", "npy", "--out-dir", "out", "--workers", "1")
    done = batch(*words)
    assert done.exit_code == 1
    assert "out/s1.npy: would lose 1 comment; add --allow-lossy" in done.stderr
    (record,) = (folder / "out" / "failed").iterdir()
    assert "add `allow_lossy=True`, or" in json.loads(record.read_text())["error"]
    assert sorted(p.name for p in (folder / "out").glob("*.npy")) == ["s0.npy", "s2.npy"]
    done = batch(*words, "--allow-lossy", "--resume")
    assert done.exit_code == 0, done.output
    assert "1 comment" in done.stderr


def test_two_scenes_for_one_converted_file_are_refused(folder: Path) -> None:
    (folder / "scenes" / "s1.spz").write_bytes(b"")
    done = batch("convert", "scenes/*", "--to", "npz", "--out-dir", "out")
    assert done.exit_code == 2
    assert "would be written twice" in done.stderr
    assert not (folder / "out").exists()


def test_a_batch_may_work_in_its_inputs_folder(folder: Path) -> None:
    words = ("convert", "scenes/*", "--to", "npz", "--out-dir", "scenes", "--workers", "1")
    assert batch(*words).exit_code == 0
    assert sorted(p.name for p in (folder / "scenes").glob("s?.*")) == [
        f"s{i}.{suffix}" for i in range(3) for suffix in ("npz", "ply")
    ]
    done = batch("info", "scenes/*", "--workers", "1", "--json-lines")
    assert len(done.stdout.splitlines()) == 6  # records are no scenes
    done = batch("resample", "scenes/*.ply", "--out-dir", "scenes", "--overwrite")
    assert done.exit_code == 2
    assert "is an input and would be overwritten" in done.stderr


def test_outputs_alone_are_no_inputs(folder: Path) -> None:
    done = batch("resample", "**/*.ply", "--out-dir", "scenes")
    assert done.exit_code == 3
    assert "like all that matches, is below --out-dir" in done.stderr


def test_workers_and_a_cluster_exclude_each_other(folder: Path) -> None:
    done = batch("info", "scenes/*.ply", "--workers", "2", "--scheduler", "tcp://localhost:1")
    assert done.exit_code == 2


def test_an_unknown_operation_is_refused_with_the_nearest_one() -> None:
    done = batch("resampel", "x")
    assert done.exit_code == 2
    assert "did you mean resample?" in done.stderr


def test_every_operation_has_the_options_of_its_command() -> None:
    from gscli.batch import operations

    for name in operations.NAMES:
        own = {o for o in spellings(import_module(f"gscli.cli.{name}").command) if o.startswith("-")}
        batched = spellings(Batched(name, lambda *_: None))
        one = {"--expect", "--rows", "--cameras"} if name == "verify" else set()  # of a single draw
        assert own - set(batched) == own & {"--report", "--verbose", "-v", "--no-cache", *one}
        assert len(batched) == len(set(batched))


def test_one_model_of_each_checkpoint_is_taken(folder: Path) -> None:
    pytest.importorskip("torch")
    for run in ("a", "b"):
        (folder / run).mkdir()
        models = {f"gs{i}": trainers.r2_fork_capture(30 + i, seed=i) for i in range(2)}
        trainers.save(folder / run / "ckpt.pth", models)
    done = batch("convert", "?/ckpt.pth::gs1", "--to", "ply", "--out-dir", "out", "--workers", "1")
    assert done.exit_code == 0, done.output
    assert [len(ply.read(folder / "out" / run / "ckpt.gs1.ply")) for run in ("a", "b")] == [31, 31]
    words = ("compare", "?/ckpt.pth::gs0", "--reference", "?/ckpt.pth::gs1", "--no-gaussians", "--dry-run")
    assert "a/ckpt.pth::gs0 with a/ckpt.pth::gs1" in batch(*words).stdout
    done = batch("info", "c/ckpt.pth::gs1")
    assert (done.exit_code, "ckpt.pth::gs1: no such file" in done.stderr) == (3, True)


def test_files_with_odd_names_are_inputs_like_others(folder: Path) -> None:
    scene = (folder / "scenes" / "s0.ply").read_bytes()
    names = [
        b"sp ace.ply",
        b"new\nline.ply",
        b"bell\a.ply",
        b"\xff.ply",
        b"n" * 250 + b".ply",
        b"$(x) [1]*.ply",
    ]
    for name in names:
        (folder / "scenes" / os.fsdecode(name)).write_bytes(scene)
    done = batch("resample", "scenes/*.ply", "--out-dir", "out", "--workers", "1")
    assert done.exit_code == 0, done.output
    assert len(outputs(folder / "out")) == 9
    lines = done.stderr.splitlines()
    assert len([line for line in lines if " done " in line]) == 9
    assert all(line.isprintable() and len(line) < 150 for line in lines)
    listing = b"\0".join(b"scenes/" + name for name in names)
    done = batch("info", "-", "--json-lines", "--workers", "1", input=listing)
    assert len(done.stdout.splitlines()) == len(names)


def test_a_link_that_leads_nowhere_costs_itself_alone(folder: Path) -> None:
    (folder / "scenes" / "gone.ply").symlink_to("nowhere")
    done = batch("resample", "scenes/*.ply", "--out-dir", "out", "--workers", "1")
    assert done.exit_code == 1
    assert "failed   scenes/gone.ply: no such file" in done.stderr
    assert len(outputs(folder / "out")) == 3


def test_an_empty_output_folder_is_a_variable_that_was_not_set(folder: Path) -> None:
    done = batch("resample", "scenes/*.ply", "--out-dir", "")
    assert (done.exit_code, "--out-dir is empty" in done.stderr) == (2, True)
    assert [p.name for p in folder.iterdir()] == ["scenes"]


def test_an_output_may_not_take_the_place_of_the_records(folder: Path) -> None:
    (folder / "rooms" / "done").mkdir(parents=True)
    np.save(folder / "rooms" / "done" / "coord.npy", np.zeros((9, 3), "f4"))
    done = batch("resample", "rooms/*/", "--out-dir", "out")
    assert (done.exit_code, "is where records go" in done.stderr) == (2, True)


@pytest.mark.once
@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"fingerprint": 1}', "garbage"])
def test_a_record_or_plan_that_was_edited_is_made_anew(folder: Path, text: str) -> None:
    words = ("resample", "scenes/*.ply", "--out-dir", "out", "--workers", "1")
    assert batch(*words).exit_code == 0
    kept = (folder / "out" / "manifest.jsonl").read_text()
    record, *_ = (folder / "out" / "done").iterdir()
    for path in (record, folder / "out" / "manifest.jsonl"):
        path.write_text(text)
    done = batch(*words, "--resume")
    assert (done.exit_code, "3 done (2 before)" in done.stderr) == (0, True), done.output
    assert (folder / "out" / "manifest.jsonl").read_text() == kept


def test_a_grid_file_is_an_input_too(folder: Path) -> None:
    for number in range(3):
        (folder / "scenes" / f"s{number}.ply").write_bytes((folder / "scenes" / "s0.ply").read_bytes())
    np.save(folder / "cells.npy", np.arange(200) // 10)
    words = ("resample", "scenes/*.ply", "--grid", "cells.npy", "--out-dir", "out", "--workers", "1")
    done = batch(*words)
    assert done.exit_code == 0, done.output
    np.save(folder / "cells.npy", np.arange(200) // 20)
    done = batch(*words, "--resume", "--dry-run")
    assert "would resample 3 inputs" in done.stdout


def test_comparisons_of_a_batch_keep_to_a_limit_each(folder: Path) -> None:
    words = ("compare", "scenes/*.ply", "--reference", "scenes/s0.ply", "--workers", "1", "--json-lines")
    fine = batch(*words, "--memory-limit", "1GB")
    assert fine.exit_code == 0
    document = json.loads(fine.stdout.splitlines()[0])["result"]
    assert document["options"]["memory_limit"] == 10**9
    (folder / "job.yaml").write_text(
        "operation: compare\ninputs: scenes/*.ply\nreference: scenes/s0.ply\nworkers: 1\nmemory-limit: 1MB\n"
    )
    refused = batch("job.yaml")
    assert refused.exit_code == 1
    assert "1MB is too little for 200 and 200 points" in refused.stderr
    pages = batch(*words, "--memory-limit", "1GB", "--html", "pages", "--out-dir", "out")
    assert pages.exit_code == 2
    assert "--html draws all points at once" in pages.stderr


def test_an_output_that_is_made_in_memory_is_refused_beside_a_limit_before_anything_runs(
    folder: Path,
) -> None:
    limit = ("--memory-limit", "1GB", "--out-dir", "out", "--workers", "1")
    levels = batch("lod", "scenes/*.ply", "--to", "sog", "--allow-lossy", *limit)
    assert (levels.exit_code, levels.stderr.count("\n")) == (2, 1), levels.output
    assert "--memory-limit writes .ply: sog is made in memory" in levels.stderr
    formats.write("scenes/room/", scene.make(9, sh_degree=0), allow_lossy=True)
    thinned = batch("simplify", "scenes/*.ply", "scenes/room", "--target", "50%", *limit)
    assert (thinned.exit_code, thinned.stderr.count("\n")) == (2, 1), thinned.output
    assert "scenes/room: --memory-limit writes .ply: scenesplat is made in memory" in thinned.stderr
    assert not (folder / "out").exists()


def test_the_table_fits_into_100_columns_however_long_a_path_is(folder: Path) -> None:
    name = f"{'long' * 30}.ply"
    (folder / "scenes" / name).write_bytes((folder / "scenes/s1.ply").read_bytes())
    for words in (["info", "scenes/*.ply"], ["compare", "scenes/*.ply", "--reference", "scenes/s1.ply"]):
        lines = batch(*words).stdout.splitlines()
        assert max(map(len, lines)) == 100
        assert any(line.startswith("...") and "long.ply  done" in line for line in lines)


def test_opacity_is_compensated_in_a_batch_as_in_one_run(folder: Path) -> None:
    words = ("--target", "20%", "--compensate", "opacity")
    assert batch("resample", "scenes/s1.ply", "--out-dir", "out", *words, "--workers", "1").exit_code == 0
    assert CliRunner().invoke(main, ["resample", "scenes/s1.ply", "alone.ply", *words]).exit_code == 0
    assert (folder / "out/s1.ply").read_bytes() == (folder / "alone.ply").read_bytes()
    assert batch("verify", "out/s1.ply", "--reference", "scenes/s1.ply", "--workers", "1").exit_code == 0
    refused = batch("resample", "scenes/s1.ply", "--out-dir", "no", "--method", "dense", *words[2:])
    assert refused.exit_code == 2
    assert "--compensate has no effect" in refused.stderr


@pytest.mark.compiled
def test_scenes_are_simplified_in_a_batch_as_one_by_one(folder: Path) -> None:
    words = ("--target", "30%", "--views", "3")
    done = batch("simplify", "scenes/*.ply", "--out-dir", "out", *words, "--index", "rows", "--workers", "1")
    assert done.exit_code == 0, done.stderr
    assert "psnr" in done.stderr
    alone = ["simplify", "scenes/s1.ply", "alone.ply", *words, "--index", "alone.npy"]
    assert CliRunner().invoke(main, alone).exit_code == 0
    assert (folder / "out/s1.ply").read_bytes() == (folder / "alone.ply").read_bytes()
    assert (folder / "rows/s1.npy").read_bytes() == (folder / "alone.npy").read_bytes()
    again = batch("simplify", "scenes/*.ply", "--out-dir", "out", *words, "--index", "rows", "--resume")
    assert "3 done (3 before)" in again.stderr


def test_cells_are_merged_in_a_batch_as_one_by_one(folder: Path) -> None:
    words = ("--method", "one-per-grid", "--voxel-size", "0.3", "--views", "0")
    done = batch("simplify", "scenes/s1.ply", "--out-dir", "out", *words, "--workers", "1")
    assert done.exit_code == 0, done.stderr
    assert CliRunner().invoke(main, ["simplify", "scenes/s1.ply", "alone.ply", *words]).exit_code == 0
    assert (folder / "out/s1.ply").read_bytes() == (folder / "alone.ply").read_bytes()
    assert batch("verify", "out/s1.ply", "--reference", "scenes/s1.ply", "--workers", "1").exit_code == 0
    refused = batch("simplify", "scenes/s1.ply", "--out-dir", "no", "--voxel-size", "1", "--target", "9")
    assert (refused.exit_code, "add --method one-per-grid" in refused.stderr) == (2, True)


def files_of(levels: Path) -> dict[str, bytes]:
    """What is in a folder of levels, but for where they came from."""
    return {
        str(path.relative_to(levels)): path.read_bytes()
        for path in levels.rglob("*")
        if path.is_file() and path.name != "lod.json"
    }


@pytest.mark.once
@pytest.mark.compiled
@pytest.mark.parametrize("more", [(), ("--to", "sog", "--allow-lossy")], ids=["files", "streamed"])
def test_levels_are_made_in_a_batch_as_one_by_one(folder: Path, more: tuple[str, ...]) -> None:
    words = ("--levels", "3", "--views", "3", *more)
    into = ("scenes/*.ply", "--out-dir", "out", *words, "--workers", "1")
    done = batch("lod", *into)
    assert done.exit_code == 0, done.stderr
    assert "fewest" in done.stderr
    assert CliRunner().invoke(main, ["lod", "scenes/s1.ply", "alone", *words]).exit_code == 0
    assert files_of(folder / "out/s1") == files_of(folder / "alone") != {}
    assert "3 done (3 before)" in batch("lod", *into, "--resume").stderr
    victim = next(path for path in sorted((folder / "out/s1").rglob("*")) if path.suffix in (".ply", ".webp"))
    victim.write_bytes(b"")
    assert "3 done (2 before)" in batch("lod", *into, "--resume").stderr
    assert files_of(folder / "out/s1") == files_of(folder / "alone")


@pytest.mark.compiled
def test_a_batch_of_levels_replaces_levels_alone(folder: Path) -> None:
    (folder / "out/s1").mkdir(parents=True)
    (folder / "out/s1/thesis.tex").write_text("mine")
    into = ("scenes/s1.ply", "--out-dir", "out", "--levels", "2", "--workers", "1")
    for leave in ((), ("--overwrite",)):
        refused = batch("lod", *into, *leave)
        assert (refused.exit_code, "none of levels" in refused.stderr) == (4, True)
    assert [path.name for path in (folder / "out/s1").iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--levels", "1"), "2 to 32"),
        (("--ratio", "2"), "between 0 and 1"),
        (("--max-error", "much"), "PSNR in dB"),
        (("--to", "/"), "is a folder"),
        (("--to", "spz"), "loses precision"),
    ],
)
def test_levels_that_make_no_sense_are_refused_before_a_batch_begins(
    folder: Path, words: tuple[str, ...], told: str
) -> None:
    refused = batch("lod", "scenes/*.ply", "--out-dir", "out", "--views", "0", *words)
    if "--max-error" in words:
        refused = batch("lod", "scenes/*.ply", "--out-dir", "out", *words)
    assert refused.exit_code in (2, 4)
    assert told in refused.stderr
    assert not (folder / "out").exists()


def test_what_simplify_refuses_is_refused_before_a_batch_begins(folder: Path) -> None:
    for words, told in (((), "--target or --min-psnr"), (("--min-psnr", "30", "--views", "0"), "no effect")):
        refused = batch("simplify", "scenes/*.ply", "--out-dir", "out", *words)
        assert (refused.exit_code, told in refused.stderr) == (2, True)
    assert not (folder / "out").exists()
