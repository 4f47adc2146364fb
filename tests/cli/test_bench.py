"""Benchmarks run, and their ratios are of the numbers beside them. How fast is for people to read."""

import json
import sys

import pytest
from click.testing import CliRunner

from gscli.bench import compare, timing
from gscli.cli import main
from gscli.errors import GscliError, UsageError
from gscli.report import bench as report


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
    scenarios = [row["name"] for row in groups[1]["rows"]]
    assert [name.split(":")[0] for name in scenarios[:3]] == [
        "gscli, ready grid",
        "GridSampler.scenarios",
        "GridSampler.scenarios, collate",
    ]
    assert [row["name"] for g in groups for row in g["rows"] if row["note"] == timing.ONCE] == [
        "predecessor, loops"
    ]
    processes = {row["name"]: row for row in groups[-1]["rows"]}
    assert processes["gscli resample --no-cache"]["peak_mb"] > 20
    assert "one draw from a ready grid" in CliRunner().invoke(main, [*args[:-1], "--no-slow"]).output


def test_bench_compare_times_everything_that_is_installed():
    pytest.importorskip("torch")
    args = ["bench", "compare", "--points", "900", "--search-points", "400", "--repeats", "1", "--json"]
    groups = json.loads(CliRunner().invoke(main, args, catch_exceptions=False).output)["groups"]
    assert len(groups) == 4
    rows = {row["name"]: row for group in groups for row in group["rows"]}
    assert rows["torch.cdist, batched"]["note"] == timing.ONCE
    assert "torch.cdist on 10,000 of each (inexact)" not in rows  # 400 is all there are
    assert rows["torch.cdist, batched"]["seconds"] > 0
    assert rows["gscli compare, both ways"]["seconds"] > 0
    assert [name for name, row in rows.items() if row["note"] == timing.ONCE] == ["torch.cdist, batched"]
    assert all(row["seconds"] or "not installed" in row["note"] for row in rows.values())


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still but for what is added to it."""
    now = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    return now


def test_a_time_is_the_median_of_the_repeats_after_the_warm_up(clock):
    seconds = iter([100.0, 1.0, 50.0, 2.0])

    def work():
        clock[0] += next(seconds)

    (row,) = timing.compare_calls("t", {"work": work}, repeats=3).rows
    assert row.seconds == 2.0


def test_the_clock_is_read_when_the_device_has_done_what_was_asked(clock, monkeypatch):
    queued = []

    def synchronise(device):
        assert device == "cuda:0"
        clock[0] += sum(queued)
        queued.clear()

    monkeypatch.setattr(timing.device, "synchronise", synchronise)
    queued.append(90.0)  # by what came before
    calls = {"work": lambda: queued.append(3.0), "idle": lambda: None}
    work, idle = timing.compare_calls("t", calls, repeats=1, on="cuda:0", once=calls).rows
    assert (work.seconds, idle.seconds) == (3.0, 0.0)


def test_a_peer_that_is_missing_is_named_not_timed():
    group = timing.compare_calls("t", {"ours": lambda: None, "theirs": "not installed"}, repeats=1)
    assert [row.note for row in group.rows] == ["", "not installed"]
    assert group.rows[1].seconds is None


def test_ratios_are_to_the_first_that_ran_whatever_is_missing():
    calls = {"reference": "not installed", "ours": lambda: None, "slow": lambda: sum(range(9))}
    group = timing.compare_calls("t", calls, repeats=1)
    assert [row.name for row in group.rows] == ["ours", "slow", "reference"]
    assert [row.ratio is None for row in group.rows] == [False, False, True]
    commands = {"reference": "not installed", "ours": [sys.executable, "-c", ""]}
    assert [row.ratio for row in timing.compare_processes("t", commands, repeats=1).rows] == [1, None]


def test_a_call_that_runs_once_is_said_to():
    ran = []
    calls = {name: lambda name=name: ran.append(name) for name in ("fast", "slow")}
    group = timing.compare_calls("t", calls, repeats=3, once={"slow"})
    assert (ran.count("fast"), ran.count("slow")) == (4, 1)
    lines = report.summary([group])
    assert [timing.ONCE in line for line in lines] == [False, False, True]


@pytest.mark.parametrize(("points", "count"), [(20_000, "10,000"), (15_000, "7,500"), (10_001, "5,001")])
def test_a_subsample_is_named_by_its_size_and_warmed_up(points, count):
    pytest.importorskip("torch")
    rows = {row.name: row for row in compare.searches(points, repeats=1, slow=False).rows}
    assert rows[f"torch.cdist on {count} of each (inexact)"].note == ""


def test_more_cells_than_points_are_refused():
    result = CliRunner().invoke(main, ["bench", "resample", "--points", "1000", "--cells", "1001"])
    assert result.exit_code == UsageError.exit_code
    assert "cannot fill" in result.stderr


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
