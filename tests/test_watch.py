"""Watching training runs by the checkpoints they write."""

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

import gscli
from gscli.cli import main
from gscli.cloud import GaussianCloud
from gscli.errors import InputError, UsageError
from gscli.watch import watch
from gscli.watching import disagreement
from gscli.watching.state import State
from gscli.watching.watcher import Watcher

SOON = 0.02


def model(seed, n=60):
    rows = np.zeros(n, [("x", "<f4"), ("y", "<f4"), ("z", "<f4")])
    for name in "xyz":
        rows[name] = np.random.default_rng(seed).normal(size=n) if name == "x" else seed / 10
    return GaussianCloud(rows)


def save(run, step, seed):
    path = run / f"point_cloud/iteration_{step}/point_cloud.ply"
    path.parent.mkdir(parents=True, exist_ok=True)
    gscli.write(path, model(seed), overwrite=True)
    return path


@pytest.fixture
def runs(tmp_path):
    return tmp_path / "a", tmp_path / "b"


def events(logdir):
    """What TensorBoard's own reader finds in a folder."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    reader = accumulator.EventAccumulator(str(logdir))
    reader.Reload()
    return {tag: [(e.step, e.value) for e in reader.Scalars(tag)] for tag in reader.Tags()["scalars"]}


def steps_of(watched):
    return [measured.step for measured in watched]


def test_two_runs_are_compared_at_every_step_that_both_have(runs):
    for step in (100, 200, 300):
        save(runs[0], step, step)
    for step in (300, 100, 400):
        save(runs[1], step, step + 1)
    measured = list(watch(runs, once=True, every=SOON))
    assert steps_of(measured) == [100, 300]
    expected = disagreement.points(model(300).xyz, model(301).xyz)
    assert measured[1].scalars == expected
    assert [Path(p).parts[-4] for p in measured[1].paths] == ["a", "b"]


def test_one_run_is_compared_with_its_own_step_before(runs):
    for step in (1, 2, 30):
        save(runs[0], step, step)
    measured = list(watch(runs[:1], once=True, every=SOON))
    assert steps_of(measured) == [2, 30]
    expected = disagreement.points(model(2).xyz, model(30).xyz, tag="successive/point")
    assert measured[1].scalars == expected


def test_a_lone_run_of_one_step_says_why_it_measures_nothing(runs):
    save(runs[0], 7, 1)
    said: list[str] = []
    assert not list(watch(runs[:1], once=True, every=SOON, say=said.append))
    assert said == ["step 7 is the only one: there is nothing to measure it against"]


def test_every_checkpoint_is_also_compared_with_a_reference(runs, tmp_path):
    gscli.write(tmp_path / "final.ply", model(5))
    save(runs[0], 1, 1)
    save(runs[1], 1, 2)
    (alone,) = watch(runs[:1], reference=tmp_path / "final.ply", once=True, every=SOON)
    assert alone.scalars == disagreement.points(model(1).xyz, model(5).xyz, tag="reference/point")
    (both,) = watch(runs, reference=tmp_path / "final.ply", once=True, every=SOON)
    assert {name.rpartition("/")[0] for name in both.scalars} == {"corgs", "reference_a", "reference_b"}
    assert (
        both.scalars["reference_b/point_rmse"]
        == disagreement.points(model(2).xyz, model(5).xyz)["corgs/point_rmse"]
    )


WRITER = """
import os, sys, time
from pathlib import Path
out, sources = Path(sys.argv[1]), sys.argv[2:]
for step in range(100, 500, 100):
    for run, source in zip("ab", sources):
        target = out / run / f"point_cloud/iteration_{step}/point_cloud.ply"
        target.parent.mkdir(parents=True)
        data = Path(source).read_bytes()
        with open(target, "wb") as stream:          # slowly, as over a network
            for start in range(0, len(data), len(data) // 8 + 1):
                stream.write(data[start:start + len(data) // 8 + 1])
                stream.flush()
                time.sleep(0.02)
    while not (out / f"seen{step}").exists():       # so that no step is dropped here
        time.sleep(0.01)
"""


def test_checkpoints_that_another_process_writes_are_followed_into_tensorboard(tmp_path, runs):
    for name, seed in (("a.ply", 1), ("b.ply", 2)):
        gscli.write(tmp_path / name, model(seed))
    script = tmp_path / "trainer.py"
    script.write_text(WRITER)
    logs = tmp_path / "logs"
    command = [sys.executable, script, tmp_path, tmp_path / "a.ply", tmp_path / "b.ply"]
    steps = []
    with subprocess.Popen(command) as trainer:
        for measured in watch(runs, tensorboard=logs, every=0.06, until=400, timeout=60):
            steps.append(measured.step)
            (tmp_path / f"seen{measured.step}").touch()
        trainer.wait(60)
    assert trainer.returncode == 0
    assert steps == [100, 200, 300, 400]
    expected = disagreement.points(model(1).xyz, model(2).xyz)
    found = events(logs / "gscli")
    assert set(found) == set(expected)
    for tag, values in found.items():
        assert [step for step, _ in values] == steps
        assert all(value == pytest.approx(expected[tag], rel=1e-6) for _, value in values)


def test_a_file_that_still_grows_or_does_not_parse_is_waited_for(runs):
    save(runs[0], 1, 1)
    save(runs[1], 1, 2)
    whole = save(runs[0], 2, 1)
    save(runs[1], 2, 3)
    data = whole.read_bytes()
    whole.write_bytes(data[:-5])
    said = []
    following = watch(runs, every=SOON, until=2, say=said.append)
    assert next(following).step == 1
    whole.write_bytes(data)
    assert steps_of(following) == [2]


def test_a_step_counts_once_its_files_held_still_over_two_looks(runs):
    files = [save(run, 1, seed) for seed, run in enumerate(runs)]
    watcher = Watcher([str(run) for run in runs], None, 0.3, State(None, {}), print, 1)
    found = []
    for change in (False, False, True, True, False):
        if change:
            os.utime(files[1], ns=(0, len(found)))  # as of a file that is written in place
        watcher.look()
        found.append(watcher.complete())
    assert found == [[], [1], [], [], [1]]


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on only while a watch sleeps, and by what is added to it."""
    now = [0.0]

    def sleep(seconds):
        now[0] += seconds

    monkeypatch.setattr(
        sys.modules["gscli.watch"], "time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep)
    )
    return now


def test_a_file_that_never_parses_is_told_once(runs, clock):
    save(runs[0], 1, 1).write_bytes(b"ply\nformat ascii 1.0\nelement vertex 3\n")
    save(runs[1], 1, 2)
    said = []
    assert list(watch(runs, every=SOON, timeout=0.5, say=said.append)) == []
    assert len(said) == 1
    assert "step 1 is left out" in said[0]


def test_a_damaged_file_that_is_written_anew_and_still_damaged_is_told_again(runs):
    path, said = save(runs[0], 1, 1), []
    watcher = Watcher([str(runs[0])], None, 0.3, State(None, {}), said.append, 2)
    for told in (1, 2):
        path.write_bytes(b"ply\nformat ascii 1.0\nelement vertex 3\n" + b"\n" * told)
        watcher.look()
        assert [watcher.measure(1) for _ in range(4)] == [None] * 4
        assert len(said) == told


def test_a_step_beyond_the_one_to_end_at_ends_it_too(runs):
    for seed, run in enumerate(runs):
        save(run, 300, seed)
    steps = []
    for measured in watch(runs, every=SOON, until=250, timeout=60):
        steps.append(measured.step)
        for seed, run in enumerate(runs):
            save(run, 400, seed)
    assert steps == [300]


def test_the_timeout_counts_from_the_last_measurement(runs, clock):
    steps = []
    save(runs[0], 0, 0)
    save(runs[1], 0, 1)
    for measured in watch(runs, every=SOON, until=3, timeout=3):
        steps.append(measured.step)
        clock[0] += 2.0
        for seed, run in enumerate(runs):
            save(run, measured.step + 1, seed)
    assert steps == [0, 1, 2, 3]


def test_the_newest_step_comes_first_and_stale_ones_are_dropped_and_said(runs):
    for step in (100, 200, 300):
        for seed, run in enumerate(runs):
            save(run, step, seed)
    said = []
    assert steps_of(watch(runs, every=SOON, until=300, say=said.append)) == [300]
    assert said == ["dropped 2 older steps (100, 200) for step 300"]


def test_a_lone_run_that_is_joined_late_starts_from_its_newest(runs):
    save(runs[0], 1, 1)
    save(runs[0], 2, 2)
    following = watch(runs[:1], every=SOON, until=3, say=lambda line: save(runs[0], 3, 3))
    (measured,) = following
    assert measured.step == 3
    assert measured.scalars == disagreement.points(model(2).xyz, model(3).xyz, tag="successive/point")


def test_files_that_the_trainer_deletes_do_no_harm(runs):
    for step in (1, 2):
        for seed, run in enumerate(runs):
            save(run, step, seed)
    following = watch(runs, every=SOON, until=3)
    assert next(following).step == 2
    for run in runs:
        for step in (1, 2):
            (run / f"point_cloud/iteration_{step}/point_cloud.ply").unlink()
        save(run, 3, 7)
    assert steps_of(following) == [3]


def test_started_again_it_goes_on_after_the_last_step(runs, tmp_path):
    for seed, run in enumerate(runs):
        save(run, 1, seed)
    logs = tmp_path / "logs"
    assert steps_of(watch(runs, tensorboard=logs, once=True, every=SOON)) == [1]
    for seed, run in enumerate(runs):
        save(run, 2, seed)
    assert steps_of(watch(runs, tensorboard=logs, once=True, every=SOON)) == [2]
    assert steps_of(watch(runs, tensorboard=logs, once=True, every=SOON)) == []
    assert [step for step, _ in events(logs / "gscli")["corgs/point_fitness"]] == [1, 2]


def test_a_lone_run_started_again_compares_with_the_step_before(runs, tmp_path):
    save(runs[0], 1, 1)
    assert list(watch(runs[:1], tensorboard=tmp_path / "logs", once=True, every=SOON)) == []
    save(runs[0], 2, 2)
    (measured,) = watch(runs[:1], tensorboard=tmp_path / "logs", once=True, every=SOON)
    assert measured.scalars == disagreement.points(model(1).xyz, model(2).xyz, tag="successive/point")


def test_a_lone_run_started_again_from_another_folder_compares_with_the_step_before(
    runs, tmp_path, monkeypatch
):
    save(runs[0], 1, 1)
    monkeypatch.chdir(tmp_path)
    assert list(watch(["a"], tensorboard="logs", once=True, every=SOON)) == []
    save(runs[0], 2, 2)
    monkeypatch.chdir(runs[0])
    (measured,) = watch([runs[0]], tensorboard="../logs", once=True, every=SOON)
    assert measured.scalars == disagreement.points(model(1).xyz, model(2).xyz, tag="successive/point")


def test_a_lone_run_started_again_tells_that_the_step_before_is_gone(runs, tmp_path):
    first = save(runs[0], 1, 1)
    assert list(watch(runs[:1], tensorboard=tmp_path / "logs", once=True, every=SOON)) == []
    first.unlink()
    save(runs[0], 2, 2)
    said = []
    again = watch(runs[:1], tensorboard=tmp_path / "logs", once=True, every=SOON, say=said.append)
    assert list(again) == []
    assert "step 2 has nothing to be compared with" in said[-1]
    assert str(first) in said[-1]


def test_runs_that_count_their_steps_differently_are_told_apart(runs):
    for seed, step in enumerate((7000, 30000)):
        save(runs[0], step, seed)
        save(runs[1], step - 1, seed)
    said = []
    assert list(watch(runs, every=SOON, timeout=0.2, say=said.append)) == []
    (told,) = said
    for words in ("no step is in both runs", f"{runs[0]} the newest are 7000, 30000", "6999, 29999"):
        assert words in told
    with pytest.raises(InputError, match=r"no step is in both runs.*6999, 29999"):
        list(watch(runs, once=True, every=SOON))


def test_runs_that_keep_only_their_newest_step_are_not_told_apart_when_one_is_ahead(runs, clock):
    first = [save(run, 100, seed) for seed, run in enumerate(runs)]
    said = []
    following = watch(runs, every=SOON, timeout=1, say=said.append)
    assert next(following).step == 100
    save(runs[0], 200, 5)
    first[0].unlink()
    assert steps_of(following) == []
    assert said == []


def test_two_watches_do_not_mix_in_one_folder(runs, tmp_path):
    for seed, run in enumerate(runs):
        save(run, 1, seed)
    list(watch(runs, tensorboard=tmp_path / "logs", once=True, every=SOON))
    gscli.write(tmp_path / "final.ply", model(5))
    for other in (
        {"runs": runs[:1]},
        {"runs": runs[::-1]},
        {"runs": runs, "threshold": 0.1},
        {"runs": runs, "reference": tmp_path / "final.ply"},
    ):
        with pytest.raises(UsageError, match="other runs or another threshold"):
            list(watch(**other, tensorboard=tmp_path / "logs", once=True, every=SOON))
    (tmp_path / "logs/gscli/watch.json").write_text("{")
    with pytest.raises(InputError, match=r"watch\.json: is damaged"):
        list(watch(runs, tensorboard=tmp_path / "logs", once=True, every=SOON))


def test_models_that_cannot_be_compared_are_told_and_passed_over(runs):
    save(runs[0], 1, 1)
    save(runs[1], 1, 2)
    gscli.write(runs[1] / "point_cloud/iteration_1/point_cloud.ply", model(0, n=0), overwrite=True)
    save(runs[0], 2, 1)
    save(runs[1], 2, 2)
    said = []
    assert steps_of(watch(runs, once=True, every=SOON, say=said.append)) == [2]
    assert "step 1 is left out" in said[0]


def test_once_says_which_checkpoints_are_damaged_and_measures_the_others(runs):
    save(runs[0], 1, 1).write_bytes(b"ply\nformat ascii 1.0\nelement vertex 3\n")
    save(runs[0], 2, 2)
    save(runs[0], 3, 3)
    said = []
    assert steps_of(watch(runs[:1], once=True, every=SOON, say=said.append)) == [3]
    assert len(said) == 1
    assert "step 1 is left out" in said[0]


def test_once_ends_with_the_reason_where_no_checkpoint_can_be_read(runs):
    path = save(runs[0], 1, 1)
    path.write_bytes(b"ply\nformat ascii 1.0\nelement vertex 3\n")
    with pytest.raises(InputError, match=rf"no step could be measured.*{path}"):
        list(watch(runs[:1], once=True, every=SOON))


@pytest.mark.parametrize("unusable", [1, 2])
def test_a_lone_run_is_not_compared_with_a_model_that_has_no_points(runs, tmp_path, unusable):
    for step in (1, 2, 3):
        path = save(runs[0], step, step)
        if step == unusable:
            gscli.write(path, model(0, n=0), overwrite=True)
    said = []
    measured = list(watch(runs[:1], once=True, every=SOON, tensorboard=tmp_path, say=said.append))
    assert steps_of(measured) == [3]
    good = 3 - unusable
    expected = disagreement.points(model(good).xyz, model(3).xyz, tag="successive/point")
    assert measured[0].scalars == expected
    assert f"step {unusable} is left out" in said[0]
    assert "has no points" in said[0]


def test_a_run_without_checkpoints_is_told_once(runs):
    save(runs[0], 1, 1)
    said = []
    assert list(watch(runs, every=SOON, timeout=0.2, say=said.append)) == []
    assert said == [f"{runs[1]} has no checkpoints yet"]


def test_a_training_begun_anew_is_told_that_its_first_steps_are_passed_over(runs, tmp_path):
    for run in runs:
        save(run, 300, 1)
    assert steps_of(watch(runs, tensorboard=tmp_path / "logs", once=True, every=SOON)) == [300]
    for run in runs:
        save(run, 100, 1)
    said = []
    args = {"tensorboard": tmp_path / "logs", "once": True, "every": SOON, "say": said.append}
    assert list(watch(runs, **args)) == []
    assert len(said) == 1
    assert "after step 300" in said[0]


def test_a_training_begun_anew_under_a_running_watch_is_told_once(runs):
    for seed, run in enumerate(runs):
        save(run, 300, seed)
    said = []
    following = watch(runs, every=SOON, timeout=1.5, say=said.append)
    assert next(following).step == 300
    for step in (100, 300):
        for seed, run in enumerate(runs):
            save(run, step, seed + 5)
    assert steps_of(following) == []
    (told,) = said
    assert "step 100 was saved after step 300 was measured, and is passed over" in told


@pytest.mark.parametrize("written", ["anew", "beside it"])
def test_another_file_of_the_step_measured_is_no_training_begun_anew(runs, written):
    """Trainers that save a checkpoint also save its PLY, a while later."""
    (runs[0] / "point_cloud_300.ply").parent.mkdir(parents=True)
    gscli.write(runs[0] / "point_cloud_300.ply", model(1))
    said = []
    watcher = Watcher([str(runs[0])], None, 0.3, State(None, {}), said.append, 1)
    watcher.look()
    watcher.look()
    assert watcher.measure(300).step == 300
    if written == "anew":
        gscli.write(runs[0] / "point_cloud_300.ply", model(2), overwrite=True)
    else:
        save(runs[0], 300, 1)
    watcher.look()
    watcher.tell_late()
    assert len(said) == (written == "anew")


def test_a_model_that_lacks_ranks_is_left_out_and_told(tmp_path):
    for name in ("ckpt_99_rank0.pt", "ckpt_99_rank1.pt", "ckpt_199_rank0.pt"):
        (tmp_path / name).write_bytes(b"x")
    said = []
    with pytest.raises(InputError, match=r"no step could be measured.*ckpt_99"):
        list(watch([tmp_path], once=True, every=SOON, say=said.append))
    assert "step 199 is left out while 1 of its 2 ranks are missing" in said[0]


def test_no_event_file_is_left_where_nothing_was_measured(runs, tmp_path):
    save(runs[0], 1, 1)
    assert list(watch(runs[:1], tensorboard=tmp_path / "logs", once=True, every=SOON)) == []
    assert [path.name for path in (tmp_path / "logs/gscli").iterdir()] == ["watch.json"]


def test_the_command_prints_one_line_of_json_for_each_step(runs):
    for step in (1, 2):
        for seed, run in enumerate(runs):
            save(run, step, seed * 100)
    args = ["watch", *map(str, runs), "--once", "--every", str(SOON), "--threshold", "0.001"]
    done = CliRunner().invoke(main, args)
    assert done.exit_code == 0
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["step"] for line in lines] == [1, 2]
    assert lines[0]["scalars"]["corgs/point_fitness"] == 0
    assert lines[0]["scalars"]["corgs/point_rmse"] is None  # infinite: nothing matched
    assert set(lines[0]) == {
        *("schema", "version", "step", "scalars", "paths", "cameras_sha256", "timings_s")
    }
    assert lines[0]["cameras_sha256"] is None


def test_infinite_numbers_reach_tensorboard_as_they_are(runs, tmp_path):
    for seed, run in enumerate(runs):
        save(run, 1, seed * 100)
    list(watch(runs, tensorboard=tmp_path, threshold=0.001, once=True, every=SOON))
    assert events(tmp_path / "gscli")["corgs/point_rmse"] == [(1, math.inf)]


@pytest.mark.parametrize(
    ("args", "status", "says"),
    [
        (["{a}", "{b}", "{a}"], 2, "one run or two"),
        (["{a}", "--every", "0"], 2, "--every"),
        (["{a}", "--every", "nan"], 2, "--every"),
        (["{a}", "--threshold", "-1"], 2, "--threshold"),
        (["{a}", "--once", "--until", "5"], 2, "--once"),
        (["{a}", "{b}", "--once", "--every", "0.01"], 3, "no step to measure"),
        (["{a}/file", "--every", "0.01"], 3, "is a file"),
        (["{a}", "--reference", "{a}/none.ply", "--once"], 3, "no such file"),
        (["{a}", "--tensorboard", "{a}/file", "--once", "--every", "0.01"], 1, "cannot be written"),
    ],
)
def test_mistakes_are_one_line_with_their_exit_status(runs, args, status, says):
    runs[0].mkdir()
    (runs[0] / "file").write_text("")
    filled = [arg.format(a=runs[0], b=runs[1]) for arg in args]
    done = CliRunner().invoke(main, ["watch", *filled])
    assert done.exit_code == status
    assert says in done.stderr


def test_an_interrupt_ends_it_with_its_status(runs):
    for seed, run in enumerate(runs):
        save(run, 1, seed)
    env = {**os.environ, "PYTHONPATH": str(Path(gscli.__file__).parents[1])}
    command = [sys.executable, "-m", "gscli", "watch", *map(str, runs), "--every", "0.05"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, text=True
    ) as process:
        assert json.loads(process.stdout.readline())["step"] == 1
        process.send_signal(signal.SIGINT)
        assert "Traceback" not in process.stderr.read()
    assert process.returncode == 130


def test_no_pause_longer_than_the_system_can_sleep(runs):
    with pytest.raises(UsageError, match=r"every must be 1,000,000,000 seconds at most, not 1e\+300"):
        next(watch(runs, every=1e300))
