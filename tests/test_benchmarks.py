"""The benchmarks run, in tiny sizes, and print tables. How fast is for people to read."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import align, tables
from gscli.bench.timing import Group, Row
from gscli.cloud import GaussianCloud

from .conftest import require_kernels
from .update_docs import ROOT

FOLDER = ROOT / "benchmarks"
SHARED = ("__init__", "gpu_parts", "measured", "tables")
SCRIPTS = sorted(p.stem for p in FOLDER.glob("*.py") if p.stem not in SHARED)


@pytest.mark.parametrize("name", [name for name in SCRIPTS if name != "gpu"])
def test_a_benchmark_prints_tables_of_what_is_installed(name: str) -> None:
    if name in ("draws", "search"):
        pytest.importorskip("torch")
    if name in ("renders", "simplify"):
        require_kernels()
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", "--quick"],
        cwd=ROOT,
        env={**os.environ, "GSCLI_CACHE_DIR": os.devnull},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    machine, *found = done.stdout.strip().split("\n\n")
    assert re.match(r"\d+ cores, .*, numpy [\d.]+", machine)
    assert found
    for table in found:
        head, rule, *rows = (line.split("|")[1:-1] for line in table.splitlines())
        assert head[1].strip() == "time"
        assert set(map(str.strip, rule)) == {"---"}
        assert {len(row) for row in rows} == {len(head)}
        for row in rows:
            assert re.match(r" \d[\d.]* m?s| [\w-]+ is not installed", row[1]), row


def test_what_a_gpu_is_asked_runs_on_the_cpu_too(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", "--dry-run", "--out", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "GSCLI_CACHE_DIR": os.devnull},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads((tmp_path / "gpu.json").read_text("utf-8"))
    found = {part["name"]: part for part in document["parts"]}
    assert [part["error"] for part in found.values()] == [None] * 6
    assert found["tests"]["facts"]
    assert sum(len(part["tables"]) for part in found.values()) >= 15
    page = (tmp_path / "gpu.md").read_text("utf-8")
    assert document["date"] in page
    for part in found.values():
        for table in part["tables"]:
            assert f"| {table['title']} | time |" in page
            assert all(row["seconds"] > 0 and row["gpu_ms"] is None for row in table["rows"])


def test_a_part_that_fails_is_named_and_keeps_what_it_found() -> None:
    pytest.importorskip("torch")
    from benchmarks.gpu import go
    from benchmarks.gpu_parts import Run
    from benchmarks.measured import Part, counts

    def fails(run: Run) -> Any:
        yield {"first": 1}
        raise AssertionError("not the CPU's")

    def lasts(run: Run) -> Any:
        yield {"first": 1}
        yield {"second": 2}

    run = Run(dry=True, repeats=1)
    part = Part("one")
    go(fails, part, run, 60)
    assert (part.facts, part.error) == ({"first": 1}, "AssertionError: not the CPU's")
    assert part.markdown() == "## one\n\nfirst: 1\n\nFailed: AssertionError: not the CPU's"
    cut = Part("two")
    go(lasts, cut, run, -1)
    assert cut.facts == {"first": 1}
    assert cut.left_out is not None
    events = {"cudaLaunchKernel": 3, "cuLaunchKernelEx": 2, "cudaStreamSynchronize": 1, "aten::sum": 9}
    assert counts(events) == (5, 1)


def test_crops_that_are_to_be_aligned_share_no_point_and_as_much_as_is_said() -> None:
    cloud = GaussianCloud(np.zeros(9_000, [(axis, "f4") for axis in "xyz"] + [("row", "i4")]))
    cloud.rows["x"], cloud.rows["y"], cloud.rows["z"] = np.random.default_rng(0).normal(size=(3, 9_000))
    cloud.rows["row"] = np.arange(9_000)
    for share in (0.3, 0.75):
        pairs = [*align.of_one([cloud], share)]
        assert [pair.scaled for pair in pairs] == [False, True]
        for pair, scale in zip(pairs, align.SCALES, strict=True):
            assert not np.intersect1d(pair.source["row"], pair.target["row"]).size
            assert pair.matrix is not None
            assert np.linalg.det(pair.matrix[:3, :3]) == pytest.approx(scale**3)
            assert align.off(pair.source, pair.matrix, pair.matrix) == 0
            shifted = pair.matrix.copy()
            shifted[0, 3] += 0.5 * scale
            assert 0.2 < align.off(pair.source, shifted, pair.matrix) < 0.4
            back = np.linalg.inv(pair.matrix)
            there = pair.target.xyz @ back[:3, :3].T + back[:3, 3]
            np.testing.assert_allclose(there, cloud.xyz[pair.target["row"]], atol=1e-4)
            parts = np.array([len(pair.source), len(pair.target)]) / 4_500  # of halves, from either end
            np.testing.assert_allclose(2 - 1 / parts, share, atol=0.06)
            assert np.linalg.norm(there.mean(axis=0) - pair.source.xyz.mean(axis=0)) > 0.3
    other = cloud.take(np.arange(5_000))
    assert [(pair.matrix, pair.scaled) for pair in align.of_two([cloud, other])] == [(None, False)] * 2
    assert len([*align.of_two([cloud, other, cloud])]) == 6
    assert not [*align.of_two([cloud])]


def test_the_readme_names_every_benchmark() -> None:
    rows = re.findall(r"^\| `(\w+)`", (FOLDER / "README.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(rows) == SCRIPTS


def test_a_table_has_the_columns_that_its_rows_fill() -> None:
    rows = (
        Row("a loop", 12.34, 1.0, 81.6),
        Row("ours", 0.0456, 0.0037, 75.2),
        Row("theirs", None, note="no"),
    )
    assert tables.markdown(Group("of 4", rows), "a scene", {"a loop": 4}).splitlines() == [
        "| of 4 | time | ratio | a scene | peak memory |",
        "| --- | --- | --- | --- | --- |",
        "| a loop | 12 s | 1.00 | 3.1 s | 82 MB |",
        "| ours | 46 ms | 0.00 |  | 75 MB |",
        "| theirs | no |  |  |  |",
    ]
    assert tables.markdown(Group("t", (Row("call", 0.2, 1.0),))).splitlines()[0] == "| t | time | ratio |"
