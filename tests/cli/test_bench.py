"""Benchmarks run, and their ratios are of the numbers beside them. How fast is for people to read."""

import json
import sys

import pytest
from click.testing import CliRunner

from gscli.bench import timing
from gscli.cli import main
from gscli.errors import GscliError


def test_bench_resample_times_everything_that_is_installed():
    pytest.importorskip("torch")
    args = ["bench", "resample", "--points", "3000", "--cells", "200", "--repeats", "1", "--json"]
    result = CliRunner().invoke(main, args, catch_exceptions=False)
    groups = json.loads(result.output)["groups"]
    assert len(groups) == 4
    for group in groups:
        base = group["rows"][0]["seconds"]
        for row in group["rows"]:
            assert row["seconds"] > 0, row
            assert row["ratio"] == pytest.approx(row["seconds"] / base)
    processes = {row["name"]: row for row in groups[-1]["rows"]}
    assert processes["gscli resample --no-cache"]["peak_mb"] > 20
    assert "one draw from a ready grid" in CliRunner().invoke(main, [*args[:-1], "--no-slow"]).output


def test_bench_compare_times_everything_that_is_installed():
    pytest.importorskip("torch")
    args = ["bench", "compare", "--points", "900", "--search-points", "400", "--repeats", "1", "--json"]
    groups = json.loads(CliRunner().invoke(main, args, catch_exceptions=False).output)["groups"]
    assert len(groups) == 4
    rows = {row["name"]: row for group in groups for row in group["rows"]}
    assert rows["torch.cdist, batched"]["seconds"] > 0
    assert rows["gscli compare, both ways"]["seconds"] > 0
    assert all(row["seconds"] or "not installed" in row["note"] for row in rows.values())


def test_a_peer_that_is_missing_is_named_not_timed():
    group = timing.compare_calls("t", {"ours": lambda: None, "theirs": "not installed"}, repeats=1)
    assert [row.note for row in group.rows] == ["", "not installed"]
    assert group.rows[1].seconds is None


def test_calls_take_turns():
    order = []
    timing.compare_calls("t", {n: lambda n=n: order.append(n) for n in "ab"}, repeats=2)
    assert "".join(order) == "ababab"


def test_peak_memory_is_the_commands_own():
    """A process inherits the peak of the one that started it; ours is far above 60 MB here."""
    ballast = bytearray(200_000_000)
    _, small = timing.run_process("small", [sys.executable, "-c", "pass"])
    _, large = timing.run_process("large", [sys.executable, "-c", "x = bytearray(100_000_000)"])
    assert len(ballast) / 1e6 > small
    assert 90 < large - small < 110


def test_a_command_that_fails_is_an_error():
    with pytest.raises(GscliError, match="'mine' failed: out of cheese"):
        timing.run_process("mine", [sys.executable, "-c", "raise SystemExit('out of cheese')"])
