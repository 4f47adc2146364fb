from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gscli.cli import main
from gscli.formats import ply

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
def folder(tmp_path: Path, make_scene: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with three scenes in ``scenes``; it is the current one."""
    (tmp_path / "scenes").mkdir()
    for number in range(3):
        ply.write(tmp_path / "scenes" / f"s{number}.ply", make_scene(200 + number, seed=number))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def batch(*arguments: str, **settings: Any) -> Result:
    return CliRunner().invoke(main, ["batch", *arguments], **settings)


def outputs(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.ply"))}


def test_a_job_file_is_the_command_line_written_down(folder: Path) -> None:
    (folder / "job.yaml").write_text(JOB)
    assert batch("job.yaml").exit_code == 0
    words = "--method half-density --method one-per-grid --ratio 0.2:0.4 --seed 5 --out-dir typed --workers 2"
    assert batch("resample", "scenes/*.ply", *words.split()).exit_code == 0
    assert len(outputs(folder / "out")) == 6
    assert outputs(folder / "out") == outputs(folder / "typed")


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
    assert batch("job.yaml").exit_code == 2


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


def test_shards_together_are_the_whole(folder: Path) -> None:
    words = ("resample", "scenes/*.ply", "--seed", "3", "--workers", "1")
    assert batch(*words, "--out-dir", "whole").exit_code == 0
    for number in ("1/2", "2/2"):
        assert batch(*words, "--out-dir", "parts", "--shard", number).exit_code == 0
    assert outputs(folder / "parts") == outputs(folder / "whole")
    assert batch(*words, "--out-dir", "parts", "--shard", "2/2").exit_code == 4  # this part was run before
    done = batch(*words, "--out-dir", "parts", "--resume", "--json")
    assert json.loads(done.stdout)["skipped"] == 3


@pytest.mark.parametrize("value", ["0/2", "3/2", "1", "a/b", "1/0"])
def test_a_shard_that_is_none_is_a_usage_error(folder: Path, value: str) -> None:
    assert batch("info", "scenes/*.ply", "--shard", value).exit_code == 2


def test_json_lines_are_a_record_per_input_of_a_list(folder: Path) -> None:
    done = batch("info", "-", "--json-lines", "--workers", "1", input="scenes/s0.ply\nscenes/s2.ply\n")
    assert done.exit_code == 0, done.output
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(record["figures"]["points"] for record in records) == [200, 202]
    assert [p.name for p in folder.iterdir()] == ["scenes"]  # nothing is kept without --out-dir


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
    assert "source_to_target.at[0].fitness is 0" in done.stderr
    done = batch(*words, "--resume")
    assert done.exit_code == 6
    assert "3 done" not in done.stderr


def test_pages_of_a_comparison_lie_in_a_folder(folder: Path) -> None:
    words = ("compare", "scenes/*.ply", "--reference", "scenes/*.ply", "--html", "pages", "--workers", "1")
    assert batch(*words).exit_code == 2  # what is written has to be recorded somewhere
    assert batch(*words, "--out-dir", "out").exit_code == 0
    assert sorted(p.name for p in (folder / "pages").iterdir()) == ["s0.html", "s1.html", "s2.html"]


def test_workers_and_a_cluster_exclude_each_other(folder: Path) -> None:
    done = batch("info", "scenes/*.ply", "--workers", "2", "--scheduler", "tcp://localhost:1")
    assert done.exit_code == 2


def test_an_unknown_operation_is_refused_with_the_nearest_one() -> None:
    done = batch("resampel", "x")
    assert done.exit_code == 2
    assert "Did you mean resample?" in done.stderr


def test_every_operation_has_the_options_of_its_command() -> None:
    from gscli.batch import operations

    for name in operations.NAMES:
        own = {option for p in main.get_command(None, name).params for option in p.opts}  # type: ignore[arg-type, union-attr]
        told = batch(name, "--help").output
        managed = {"--json", "--report", "--quiet", "-q", "--verbose", "-v", "--no-cache", "--expect"}
        assert [o for o in own - managed if o.startswith("-") and o not in told] == []


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
