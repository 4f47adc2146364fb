"""DisagreementMonitor: right scalars, no waiting, and nothing that can end a training run."""

import logging
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from gscli.errors import UsageError
from gscli.training import DisagreementMonitor, measuring
from gscli.training.monitor import DEATHS
from gscli.watching import disagreement

RNG = np.random.default_rng(0)


def models(n=400, noise=0.05):
    a = RNG.normal(size=(n, 3)).astype(np.float32)
    return a, (a + noise * RNG.normal(size=a.shape)).astype(np.float32)[: n - 10]


def fitness_twin(a, b, threshold):
    d = np.sqrt(((a[:, None].astype(np.float64) - b[None]) ** 2).sum(-1)).min(1)
    matched = d < threshold
    return matched.mean(), math.sqrt((d[matched] ** 2).mean()) if matched.any() else math.inf


def eventually(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def children(monitor):
    return monitor._process.running.pid


def test_scalars_of_every_step_come_back_in_order_with_their_steps():
    seen, pairs = [], [models() for _ in range(3)]
    with DisagreementMonitor(lambda scalars, step: seen.append((step, scalars)), threshold=0.1) as monitor:
        for i, (a, b) in enumerate(pairs):
            monitor(a, b, 500 * i)
    assert [step for step, _ in seen] == [0, 500, 1000]
    for (_, scalars), (a, b) in zip(seen, pairs, strict=True):
        fitness, rmse = fitness_twin(a, b, 0.1)
        assert scalars["corgs/point_fitness"] == pytest.approx(fitness)
        assert scalars["corgs/point_rmse"] == pytest.approx(rmse)
        fitness, rmse = fitness_twin(b, a, 0.1)
        assert scalars["corgs/point_fitness_reverse"] == pytest.approx(fitness)
        assert scalars["corgs/point_rmse_reverse"] == pytest.approx(rmse)


def test_it_measures_on_the_device_that_it_is_told():
    pytest.importorskip("torch")
    a, b = models()
    seen = []
    with DisagreementMonitor(lambda scalars, _: seen.append(scalars), device="torch-cpu") as monitor:
        monitor(a, b, 1)
    assert seen == [disagreement.points(a, b)]
    assert monitor.failed == 0
    with pytest.raises(UsageError, match="device='auto' has no effect: which GPU has room"):
        DisagreementMonitor(print, device="auto")
    with pytest.raises(UsageError, match="no device 'gpu'"):
        DisagreementMonitor(print, device="gpu")


def test_a_monitor_is_shown_in_one_line():
    with DisagreementMonitor(print, threshold=0.25) as monitor:
        said = "threshold 0.25, waiting 0, dropped 0, failed 0, restarts 0"
        assert repr(monitor) == f"<DisagreementMonitor: {said}>"


def test_models_without_any_match_have_fitness_0_and_an_infinite_rmse():
    a, _ = models(50)
    scalars = disagreement.points(a, a + 100)
    assert scalars["corgs/point_fitness"] == 0
    assert scalars["corgs/point_rmse"] == math.inf


class Writer:
    def __init__(self):
        self.scalars = []

    def add_scalar(self, name, number, step):
        self.scalars.append((name, number, step))


def test_a_summary_writer_gets_one_scalar_at_a_time():
    writer = Writer()
    image = RNG.random((16, 16, 3))
    with DisagreementMonitor(writer) as monitor:
        monitor(*models(), 7)
        monitor.renders(image, image, 7)
    assert [name for name, _, _ in writer.scalars] == [
        "corgs/point_fitness",
        "corgs/point_rmse",
        "corgs/point_fitness_reverse",
        "corgs/point_rmse_reverse",
        "corgs/render_psnr_diff",
        "corgs/render_ssim_diff",
    ]
    assert {step for _, _, step in writer.scalars} == {7}
    assert writer.scalars[4][1] == pytest.approx(80)
    assert writer.scalars[5][1] == pytest.approx(1)


@pytest.mark.parametrize("shape", [(12, 18), (1, 12, 18), (3, 12, 18), (12, 18, 3)])
@pytest.mark.parametrize("kind", [np.float32, np.uint8])
def test_renders_of_any_layout_give_the_same_numbers(shape, kind):
    grey = RNG.random((12, 18))
    layout = {2: grey, 3: grey[None] if shape[0] < 4 else grey[..., None]}[len(shape)]
    a = np.broadcast_to(layout, shape)
    b = a * 0.5
    if kind == np.uint8:
        a, b = (a * 255).round().astype(np.uint8), (b * 255).round().astype(np.uint8)
    scalars = disagreement.renders(a.astype(kind), b.astype(kind))
    expected = disagreement.renders(grey, grey * 0.5)
    for name, number in expected.items():
        assert scalars[name] == pytest.approx(number, rel=2e-3)


@pytest.mark.parametrize(
    ("kind", "scale", "said"),
    [(np.int64, 255, "int64"), (np.uint16, 255, "uint16"), (np.float32, 255, "0..1")],
)
def test_renders_of_an_unknown_range_are_told_not_measured(kind, scale, said, caplog):
    image = (RNG.random((16, 16, 3)) * scale).astype(kind)
    seen = []
    with DisagreementMonitor(lambda scalars, step: seen.append(step)) as monitor:
        monitor.renders(image, image, 4)
        monitor(np.arange(9).reshape(3, 3), np.arange(9).reshape(3, 3), 5)  # centres may be integers
    assert (seen, monitor.failed) == ([5], 1)
    assert said in caplog.text


def test_renders_beyond_0_to_1_are_measured_by_their_range(caplog):
    image, other = 5 * RNG.random((2, 16, 16)).astype(np.float32)
    seen = []
    with DisagreementMonitor(lambda scalars, step: seen.append(scalars)) as monitor:
        monitor.renders(image, other, 0)
        monitor.renders(image, other, 1, data_range=np.float32(5))  # no JSON as it is
        monitor.renders(image, other, 2, data_range=0)
        monitor.renders(image, other, 3, data_range="five")
        monitor(*models(), 4)  # the next is measured by its own settings
    assert monitor.failed == 3
    assert "of step 0: a render has values" in caplog.text
    assert "of step 2: data_range must be a positive number" in caplog.text
    assert "models of step 3 cannot be measured" in caplog.text
    assert seen[0] == disagreement.renders(image, other, data_range=5.0)
    assert "corgs/point_rmse" in seen[1]


def test_the_models_are_copied_at_the_call():
    torch = pytest.importorskip("torch")
    a = torch.nn.Parameter(torch.from_numpy(models(200)[0]))
    seen = []
    with DisagreementMonitor(lambda scalars, step: seen.append(scalars)) as monitor:
        b = a.detach().clone()
        monitor(a, b, 0)
        with torch.no_grad():
            a += 100
            b -= 100
    assert seen[0]["corgs/point_fitness"] == 1
    assert seen[0]["corgs/point_rmse"] == 0


def test_logging_happens_in_the_thread_of_the_trainer():
    threads = []
    with DisagreementMonitor(lambda scalars, step: threads.append(threading.current_thread())) as monitor:
        monitor(*models(), 0)
        eventually(lambda: monitor._results)
        assert not threads
        monitor.poll()
        assert threads == [threading.main_thread()]


def test_a_full_queue_drops_the_oldest_counts_it_and_says_so(caplog):
    steps = []
    monitor = DisagreementMonitor(lambda scalars, step: steps.append(step), queue=2)
    monitor(*models(), 0)
    eventually(lambda: monitor._results)
    os.kill(children(monitor), signal.SIGSTOP)
    for step in range(1, 6):
        monitor(*models(), step)
        eventually(lambda: len(monitor._pending) < 3)
        if step == 1:
            eventually(lambda: not monitor._pending)  # it is the one being measured
    assert monitor.dropped == 2
    os.kill(children(monitor), signal.SIGCONT)
    monitor.close()
    assert steps == [0, 1, 4, 5]
    assert "dropped the disagreement of step 2" in caplog.text
    assert "step 3" not in caplog.text  # the first is told as it happens, all are counted at the end
    assert "2 measurements" in caplog.text


class Centres:
    """Notes how many measurements wait when it is copied."""

    def __init__(self, monitor, waiting):
        self.monitor, self.waiting = monitor, waiting

    def __array__(self, dtype=None, copy=None):
        self.waiting.append(len(self.monitor._pending))
        return models(50)[0]


def test_a_full_queue_makes_room_before_it_copies():
    monitor, waiting = DisagreementMonitor(lambda scalars, step: None, queue=2), []
    monitor(*models(), 0)
    eventually(lambda: monitor._results)
    os.kill(children(monitor), signal.SIGSTOP)
    monitor(*models(), 1)
    eventually(lambda: not monitor._pending)  # it is the one being measured
    for step in range(2, 6):
        monitor(Centres(monitor, waiting), models()[1], step)
    os.kill(children(monitor), signal.SIGCONT)
    monitor.close()
    assert waiting == [0, 1, 1, 1]


def test_the_names_of_scalars_can_be_chosen():
    seen = []
    with DisagreementMonitor(lambda scalars, step: seen.extend(scalars), tag="mine/centres") as monitor:
        monitor(*models(), 0)
    assert seen[:2] == ["mine/centres_fitness", "mine/centres_rmse"]


def test_what_waits_when_the_monitor_gives_up_is_counted(caplog, monkeypatch):
    monitor = DisagreementMonitor(lambda scalars, step: None, queue=9)
    monitor(*models(), 0)
    eventually(lambda: monitor._results)
    pid = children(monitor)
    os.kill(pid, signal.SIGSTOP)
    for step in range(1, 7):
        monitor(*models(50), step)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: monitor._disabled)
    monitor.close()
    assert (monitor.failed, monitor.dropped) == (3, 3)
    assert "3 measurements of disagreement were dropped" in caplog.text


def test_a_process_that_dies_is_started_anew_and_said(caplog):
    steps = []
    monitor = DisagreementMonitor(lambda scalars, step: steps.append(step))
    monitor(*models(), 0)
    eventually(lambda: monitor._results)
    os.kill(children(monitor), signal.SIGKILL)
    monitor(*models(), 1)
    eventually(lambda: monitor.restarts == 1)
    monitor(*models(), 2)
    monitor.close()
    assert steps == [0, 2]
    assert monitor.failed == 1
    assert "starting anew" in caplog.text


def test_deaths_that_do_not_follow_each_other_are_no_reason_to_give_up():
    steps = []
    with DisagreementMonitor(lambda scalars, step: steps.append(step)) as monitor:
        monitor(*models(50), 0)
        for death in range(1, DEATHS + 1):
            eventually(lambda: monitor._results)
            os.kill(children(monitor), signal.SIGKILL)
            monitor(*models(50), 10 * death)
            eventually(lambda: monitor.restarts == death)  # noqa: B023
            monitor(*models(50), 10 * death + 1)
    assert steps == [0, *(10 * death + 1 for death in range(1, DEATHS + 1))]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_of_the_trainer_that_closes_leaves_the_process_to_the_trainer():
    steps = []
    with DisagreementMonitor(lambda scalars, step: steps.append(step)) as monitor:
        eventually(lambda: monitor._process.running)
        fork = multiprocessing.get_context("fork").Process(target=monitor.close)
        fork.start()
        fork.join()
        monitor(*models(50), 1)
    assert (fork.exitcode, steps, monitor.restarts) == (0, [1], 0)


def test_a_process_that_keeps_dying_is_given_up(caplog, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    monitor = DisagreementMonitor(lambda scalars, step: None)
    for step in range(3):
        monitor(*models(50), step)
        eventually(lambda: monitor.failed == step + 1)  # noqa: B023
    monitor(*models(50), 3)
    monitor.close()
    assert monitor.failed == 3
    assert "no more is measured" in caplog.text


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.full((5, 3), np.nan), np.zeros((5, 3))),
        (np.zeros((0, 3)), np.zeros((5, 3))),
        (np.zeros((5, 2)), np.zeros((5, 3))),
        ("text", None),
        (object(), object()),
    ],
)
def test_models_that_cannot_be_measured_are_told_and_training_goes_on(a, b, caplog):
    steps = []
    with DisagreementMonitor(lambda scalars, step: steps.append(step)) as monitor:
        monitor(a, b, 1)
        monitor.renders(a, b, 2)
        monitor(*models(), 3)
    assert steps == [3]
    assert monitor.failed == 2
    assert "step 1" in caplog.text
    assert monitor.restarts == 0


def test_a_logger_that_raises_does_not_end_the_training(caplog):
    def log(scalars, step):
        raise RuntimeError("disk full")

    with DisagreementMonitor(log) as monitor:
        monitor(*models(), 1)
    assert monitor.failed == 1
    assert "disk full" in caplog.text


def test_closing_ends_the_process_and_may_be_repeated():
    monitor = DisagreementMonitor(lambda scalars, step: None)
    monitor(*models(), 1)
    eventually(lambda: monitor._results)
    process = monitor._process.running
    monitor.close()
    monitor.close()
    assert process.poll() == 0
    monitor(*models(), 2)  # without effect, without error


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_workers_that_were_forked_meanwhile_do_not_keep_the_process_from_ending():
    with DisagreementMonitor(lambda scalars, step: None) as monitor:
        monitor(*models(50), 0)
        eventually(lambda: monitor._results)  # by a process that has begun, and can end as fast
        process = monitor._process.running
        worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
        worker.start()  # as the persistent workers of a DataLoader
    assert process.returncode == 0  # by itself, not by a signal
    worker.kill()
    worker.join()


def test_a_process_that_hangs_is_ended_at_closing(caplog):
    monitor = DisagreementMonitor(lambda scalars, step: None)
    eventually(lambda: monitor._process.running)
    process = monitor._process.running
    os.kill(process.pid, signal.SIGSTOP)
    monitor(*models(), 1)
    monitor.close(timeout=0.2)
    assert process.poll() == -signal.SIGKILL
    assert "did not finish" in caplog.text


def test_the_process_is_nice_and_single_threaded():
    monitor = DisagreementMonitor(lambda scalars, step: None)
    monitor(*models(2000), 1)
    eventually(lambda: monitor._results)
    pid = children(monitor)
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, pid) == min(19, own + 10)
    status = Path(f"/proc/{pid}/status").read_text()
    assert "Threads:\t1\n" in status
    monitor.close()


SCRIPT = """
import logging, numpy as np, sys
from gscli.training import DisagreementMonitor, measuring
monitor = DisagreementMonitor(lambda scalars, step: print(step, scalars["corgs/point_fitness"], flush=True))
monitor(np.zeros((9, 3)), np.zeros((9, 3)), 5)
{end}
"""


@pytest.mark.parametrize(("end", "status"), [("", 0), ("sys.exit(3)", 3), ("raise KeyError(1)", 1)])
def test_a_script_without_a_main_guard_that_never_closes_ends_with_its_scalars(tmp_path, end, status):
    script = tmp_path / "train.py"
    script.write_text(SCRIPT.format(end=end))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (status, "5 1.0\n")


def test_ctrl_c_ends_the_trainer_and_what_it_has_submitted_is_measured(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(
        "import time\nimport numpy as np\nfrom gscli.training import DisagreementMonitor\n"
        "with DisagreementMonitor(lambda scalars, step: print(step, flush=True)) as monitor:\n"
        "    monitor(np.zeros((9, 3)), np.zeros((9, 3)), 5)\n"
        "    while monitor._process.running is None: time.sleep(0.001)\n"
        "    print('training', flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as trainer:
        assert trainer.stdout.readline() == "training\n"
        os.killpg(trainer.pid, signal.SIGINT)  # as a terminal does, to all it has started
        out, complaints = trainer.communicate(timeout=60)
    assert out == "5\n"
    assert "KeyboardInterrupt" in complaints
    assert "failed" not in complaints


def test_modules_in_the_current_folder_do_not_get_in_the_way(tmp_path):
    (tmp_path / "json.py").write_text("raise ImportError('not this one')")
    (tmp_path / "scripts").mkdir()
    script = tmp_path / "scripts" / "train.py"
    script.write_text(SCRIPT.format(end=""))
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "5 1.0\n")


def test_the_process_ends_with_a_trainer_that_is_killed(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(
        SCRIPT.format(
            end="import time\nwhile not monitor._results: time.sleep(.01)\n"
            "print(monitor._process.running.pid, flush=True)\ntime.sleep(60)"
        )
    )
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as trainer:
        pid = int(trainer.stdout.readline())
        trainer.kill()
    eventually(
        lambda: not Path(f"/proc/{pid}").exists() or "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    )


def test_measuring_imports_no_torch():
    code = "import sys, gscli.training.monitor_process; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "bad",
    [
        {"threshold": 0},
        {"threshold": float("nan")},
        {"threshold": "0.3"},
        {"queue": 0},
        {"queue": 1.5},
        {"tag": None},
        {"harmonics": "yes"},
        {"log": 3},
    ],
)
def test_settings_that_make_no_sense_are_refused_at_once(bad):
    (name,) = bad
    with pytest.raises(UsageError, match=name):
        DisagreementMonitor(**{"log": print, **bad})


def test_a_threshold_may_be_a_number_of_numpy():
    found = {}
    with DisagreementMonitor(
        lambda scalars, step: found.update(scalars), threshold=np.float32(0.5)
    ) as monitor:
        monitor(np.zeros((1, 3)), np.full((1, 3), 0.2), 0)
    assert found["corgs/point_fitness"] == 1


def test_whatever_goes_wrong_while_measuring_is_counted_and_measuring_goes_on(monkeypatch, caplog):
    measure, steps = measuring.MeasuringProcess.measure, []

    def fails_once(process, job):
        if not job.step:
            raise KeyError("unforeseen")
        return measure(process, job)

    monkeypatch.setattr(measuring.MeasuringProcess, "measure", fails_once)
    with DisagreementMonitor(lambda scalars, step: steps.append(step)) as monitor:
        monitor(*models(20), 0)
        eventually(lambda: monitor.restarts)
        monitor(*models(20), 1)
    assert (steps, monitor.failed, monitor.restarts) == ([1], 1, 1)
    assert "ended at step 0" in caplog.text


def test_what_are_no_numbers_is_counted_and_said(caplog):
    with DisagreementMonitor(print) as monitor:
        monitor(None, np.zeros((1, 3)), 5)
    assert monitor.failed == 1
    assert "numbers are measured, not None" in caplog.text


@pytest.fixture(autouse=True)
def _capture_warnings(caplog):
    caplog.set_level(logging.WARNING)
