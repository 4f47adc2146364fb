"""The benchmarks run, in tiny sizes, and print tables. How fast is for people to read."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from benchmarks import tables
from gscli import _core
from gscli.bench.timing import Group, Row

from .update_docs import ROOT

FOLDER = ROOT / "benchmarks"
SCRIPTS = sorted(p.stem for p in FOLDER.glob("*.py") if p.stem not in ("__init__", "tables"))


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_benchmark_prints_tables_of_what_is_installed(name: str) -> None:
    if name in ("draws", "gpu", "search"):
        pytest.importorskip("torch")
    if name in ("renders", "simplify") and not _core.available():
        pytest.skip("compiled kernels are not available")
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
