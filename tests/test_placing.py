"""Where work runs: devices by number, by sense, and what happens where their memory ends."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from gscli import _core, neighbors, placing, scene
from gscli import device as devices
from gscli.batch import local
from gscli.cli import main
from gscli.comparing.centers import compare_centers
from gscli.errors import EngineUnavailable, UsageError
from gscli.neighbors import brute
from gscli.placing import Load
from gscli.progress import Timings
from gscli.runtime import cards

from .update_docs import ROOT, surroundings

# --- which GPUs there are


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """A folder like the driver's, in place of this machine's, and no NVML."""
    monkeypatch.setattr(cards, "PROC", tmp_path / "gpus")
    monkeypatch.setattr(cards, "NVML", "libno-such-library.so.1")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def add(number, model):
        folder = tmp_path / "gpus" / f"0000:{number:02x}:00.0"
        folder.mkdir(parents=True)
        (folder / "information").write_text(f"Model: \t\t {model}\nIRQ: 16\nGPU UUID: \t GPU-5\n")

    return add


def test_gpus_are_found_by_the_files_of_the_driver(driver):
    assert cards.names() == []
    driver(1, "NVIDIA H100 80GB HBM3")
    driver(2, "NVIDIA L4")
    assert cards.names() == ["NVIDIA H100 80GB HBM3", "NVIDIA L4"]


@pytest.mark.parametrize(
    ("shown", "left"),
    [
        (None, "AB"),
        ("0,1", "AB"),
        ("1", "B"),
        (" 1 , 0 ", "BA"),
        ("", ""),
        ("-1", ""),
        ("0,7,1", "A"),
        ("none", ""),
    ],
)
def test_gpus_that_are_hidden_from_programs_do_not_count(shown, left):
    environment = {} if shown is None else {"CUDA_VISIBLE_DEVICES": shown}
    assert cards.visible(["A", "B"], environment) == list(left)


def test_gpus_that_are_named_by_their_ids_count():
    for word in ("GPU-8932f937", "MIG-GPU-1/2/3"):
        assert len(cards.visible(["A"], {"CUDA_VISIBLE_DEVICES": word})) == 1
        assert cards.visible([], {"CUDA_VISIBLE_DEVICES": word}) == []


NVML = """
#include <string.h>
static int open_;
int nvmlInit_v2(void) { open_ = 1; return FAILS; }
int nvmlShutdown(void) { open_ = 0; return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 2; return open_ ? 0 : 1; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **handle) {
    *handle = (void *)(0x7f0000000001L + i);
    return 0;
}
int nvmlDeviceGetName(void *handle, char *name, unsigned size) {
    strncpy(name, (long)handle == 0x7f0000000001L ? "NVIDIA One" : "NVIDIA Two", size);
    return 0;
}
"""


@pytest.mark.parametrize("fails", [0, 9])
def test_gpus_are_found_by_the_library_of_the_driver_first(driver, tmp_path, monkeypatch, fails):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler here")
    driver(1, "by file")
    (tmp_path / "nvml.c").write_text(NVML)
    library = tmp_path / f"nvml{fails}.so"
    source = [f"-DFAILS={fails}", str(tmp_path / "nvml.c")]
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), *source], check=True)
    monkeypatch.setattr(cards, "NVML", str(library))
    assert cards.names() == (["by file"] if fails else ["NVIDIA One", "NVIDIA Two"])


@pytest.mark.parametrize(
    ("version", "built"),
    [
        ("cuda: Optional[str] = None\nhip: Optional[str] = '6'\n", False),
        ("cuda: Optional[str] = '13.0'\n", True),
        ("cuda = '12.1'\n", True),
        ("__version__ = '1'\n", False),
    ],
)
def test_how_torch_was_built_is_read_and_not_imported(tmp_path, version, built):
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise SystemExit('imported')")
    (tmp_path / "torch" / "version.py").write_text(version)
    code = "from gscli.runtime import cards; print(cards.torch_is_built_for_cuda())"
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(built)


# --- what auto takes


@pytest.fixture
def machine(monkeypatch):
    """A machine with a GPU, on which nothing has started it yet, in words for the tests."""
    there = SimpleNamespace(names=["NVIDIA H200"], built=True, awake=False, works=True)
    monkeypatch.setattr(cards, "names", lambda: there.names)
    monkeypatch.setattr(cards, "torch_is_built_for_cuda", lambda: there.built)
    monkeypatch.setattr(devices, "is_awake", lambda: there.awake)
    monkeypatch.setattr(devices, "describe", lambda found: str(found or "cpu"))

    def resolve(name):
        if not there.works:
            raise EngineUnavailable("`device='cuda'`: torch sees no usable GPU")
        return f"<{name}>"

    monkeypatch.setattr(devices, "resolve", resolve)
    monkeypatch.setattr(placing, "_inputs", 1)
    return there


def auto(**load):
    place = placing.settled("auto", None, Load(**load))
    assert len(place.notes) == 1
    return place.device, place.notes[0].removeprefix("device auto: ")


def test_a_gpu_is_taken_where_its_start_is_made_up_for(machine):
    assert auto(searched=39_999_999) == (
        None,
        "cpu, as 39,999,999 points to search are fewer than 40,000,000",
    )
    assert auto(searched=40_000_000) == (
        "<cuda>",
        "<cuda>, as 40,000,000 points to search are 40,000,000 or more",
    )
    assert auto(searched=5, drawn=60_000_000)[0] == "<cuda>"
    where, why = auto(searched=5, drawn=6)
    assert where is None
    assert why == (
        "cpu, as 5 points to search are fewer than 40,000,000 and "
        "6 Gaussians times views to draw are fewer than 60,000,000"
    )


def test_a_gpu_that_runs_already_is_taken_sooner(machine):
    machine.awake = True
    assert auto(searched=100_000)[0] == "<cuda>"
    assert auto(searched=99_999)[0] is None
    assert auto(drawn=1_000_000)[0] == "<cuda>"


def test_the_inputs_of_a_batch_share_a_start(machine):
    placing.serve(20)
    assert auto(searched=2_000_000)[0] == "<cuda>"
    assert auto(searched=1_999_999)[0] is None
    placing.serve(10**6)
    assert auto(searched=99_999)[0] is None  # which is no faster, however often


def test_tensors_stay_where_they_are(machine, monkeypatch):
    tensor = type("Tensor", (), {"is_cuda": True, "device": "cuda:3"})
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(Tensor=tensor))
    assert auto(given=("a.ply", tensor()), searched=7) == (
        "<cuda:3>",
        "<cuda:3>, as what was given is there already",
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"names": []}, "there is no NVIDIA GPU here"),
        ({"built": None}, "torch is not installed, which a GPU needs"),
        ({"built": False}, "the torch that is installed was built without CUDA"),
        ({"works": False}, "there should be a GPU (torch sees no usable GPU)"),
    ],
)
def test_what_stands_in_the_way_of_a_gpu_is_said(machine, change, why):
    vars(machine).update(change)
    assert auto(searched=10**9) == (None, f"cpu, as {why}")
    assert auto(searched=10**9, cpu="it is so") in ((None, "cpu, as it is so"),)


def test_a_device_that_is_named_is_taken_without_a_word(machine):
    assert placing.settled("cuda", "there", Load(searched=1)) == placing.Place("there")


TOOLS = """
import json, sys
from click.testing import CliRunner
from gscli.batch import local
from gscli.cli import main
lines = [
    "resample a.ply half.ply --no-cache",
    "compare a.ply b.ply",
    "coprune a.ply b.ply --threshold 9 --out-dir pruned --min-points 1",
    "render a.ply a.png --size 32x32",
    "view a.ply a.html --turns 4 --size 32",
]
for line in lines:
    line = [*line.split(), "--device", "auto"]
    done = CliRunner().invoke(main, [*line, "--report", line[0] + ".json"])
    assert done.exit_code == 0, (line, done.output, done.exception)
    (note,) = (note for note in json.load(open(line[0] + ".json"))["notes"] if note.startswith("device auto"))
    assert note.startswith("device auto: cpu, as "), note
    assert note in done.output, done.output
assert "torch" not in sys.modules
"""


def test_each_tool_takes_auto_and_says_what_it_took_without_importing_torch(tmp_path):
    for name in "ab":
        scene.write(tmp_path / f"{name}.ply", 800, seed=ord(name), sh_degree=0)
    tools = TOOLS if _core.available() else re.sub(r'^ +"(render|view) .*\n', "", TOOLS, flags=re.MULTILINE)
    done = subprocess.run(
        [sys.executable, "-c", tools],
        cwd=tmp_path,
        env={**surroundings(tmp_path), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


# --- devices by number


@pytest.fixture
def two_gpus(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    return monkeypatch, torch


def test_a_gpu_is_named_by_its_number(two_gpus):
    monkeypatch, torch = two_gpus
    assert devices.resolve("cuda:1") == torch.device("cuda:1")
    with pytest.raises(
        EngineUnavailable, match=r"device='cuda:2': there are 2 GPUs, cuda:0 to cuda:1; name one"
    ):
        devices.resolve("cuda:2")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(EngineUnavailable, match="device='cuda:1': there is one GPU, cuda:0"):
        devices.resolve("cuda:1")


@pytest.mark.parametrize(
    "name", ["cuda:", "cuda:x", "cuda:-1", "cpu:0", "torch-cpu:1", "cuda:1:2", "cuda:99999"]
)
def test_what_is_no_number_of_a_gpu_is_no_device(name):
    with pytest.raises(UsageError, match="no device"):
        devices.resolve(name)


def test_other_makers_devices_are_known_by_name():
    with pytest.raises(UsageError, match=r"no device 'mps'; .*float64"):
        devices.resolve("mps")
    with pytest.raises(UsageError, match="no device 'rocm'; torch for ROCm calls AMD's GPUs device='cuda'"):
        devices.resolve("rocm")
    said = CliRunner().invoke(main, ["info", "x"]).exit_code
    assert said == 3
    done = CliRunner().invoke(main, ["compare", "a.ply", "b.ply", "--device", "mps"])
    assert "float64" in str(done.exception or "") + done.output


def test_what_measures_a_device_has_to_be_told_which():
    done = CliRunner().invoke(main, ["bench", "resample", "--device", "auto"])
    assert isinstance(done.exception, SystemExit | UsageError)
    assert "auto" in str(done.exception) + done.output


# --- memory


class Small:
    """An engine on a GPU with memory for so many queries."""

    def __init__(self, room, per_call):
        self.room, self.calls, self.per_call = room, [], per_call

    def index(self, targets, *, device=None):
        inner = brute.ENGINE.index(targets)

        def nearest(queries, *, advance=None):
            import torch

            self.calls.append(len(queries))
            if len(queries) > self.room:
                advance(min(self.per_call, len(queries)))  # some of it was done
                raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
            return inner.nearest(queries, advance=advance)

        return SimpleNamespace(nearest=nearest)


def clouds(n=9000):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 3)), rng.normal(size=(50, 3))


@pytest.mark.parametrize("room", [10**9, 8999, 4500, 4096])
@pytest.mark.parametrize("on_torch", [False, True])
def test_a_search_without_memory_goes_on_with_half_as_many_queries(room, on_torch):
    torch = pytest.importorskip("torch")
    queries, targets = clouds()
    if on_torch:
        queries, targets = torch.from_numpy(queries), torch.from_numpy(targets)
    small, told = Small(room, 1000), []
    found = neighbors.nearest(small.index(targets), queries, told.append)
    whole = brute.ENGINE.index(targets).nearest(queries)
    assert type(found.rows) is type(whole.rows)
    assert found.rows.tolist() == whole.rows.tolist()
    assert found.distances.tolist() == whole.distances.tolist()
    assert (found.proven, found.fallback) == (whole.proven, whole.fallback)
    assert sum(told) == 9000
    assert min(told) > 0
    assert max(small.calls[1:], default=0) <= 4500


def test_a_search_without_any_memory_ends_in_one_line():
    pytest.importorskip("torch")
    queries, targets = clouds()
    small = Small(100, 10)
    with pytest.raises(
        EngineUnavailable, match=r"not enough memory to search for 4,096 queries at a time; free"
    ):
        neighbors.nearest(small.index(targets), queries, lambda n: None)
    assert small.calls == [9000, 4500, 4096]
    broken = SimpleNamespace(nearest=lambda *_, **__: (_ for _ in ()).throw(RuntimeError("a bug")))
    with pytest.raises(RuntimeError, match="a bug"):
        neighbors.nearest(broken, queries, lambda n: None)


def test_a_comparison_on_a_small_gpu_has_the_numbers_of_a_large_one(monkeypatch):
    pytest.importorskip("torch")
    a, b = clouds(9000)[0], clouds(8500)[0] + 0.1
    expected, *_ = compare_centers(a, b, thresholds=[0.1], engine="brute", timings=Timings())
    small = Small(4200, 500)
    monkeypatch.setattr(
        type(neighbors.ENGINES), "get", lambda self, name: neighbors.Engine("brute", "", small.index)
    )
    found, *_ = compare_centers(a, b, thresholds=[0.1], engine="brute", timings=Timings())
    assert found == expected
    assert small.calls == [9000, 4500, 4096, 4096, 808, 8500, 4250, 4096, 4096, 308]


def test_other_work_without_memory_says_what_for():
    torch = pytest.importorskip("torch")
    with (
        pytest.raises(EngineUnavailable, match="the GPU has not enough memory to draw; free some of it"),
        devices.enough_memory("to draw"),
    ):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(RuntimeError, match="else"), devices.enough_memory("to draw"):
        raise RuntimeError("something else")


# --- batches

SHADOW = """
import importlib.machinery, importlib.util, os, sys
with open(os.environ["IMPORTED"], "a") as seen:
    seen.write(f"{os.getpid()}\\n")
here = os.path.dirname(os.path.abspath(__file__))
places = [place for place in sys.path if os.path.abspath(place) != here]
spec = importlib.machinery.PathFinder.find_spec("torch", places)
module = sys.modules["torch"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
"""


def test_a_worker_of_a_batch_imports_torch_once_for_all_its_inputs(tmp_path):
    pytest.importorskip("torch")
    (tmp_path / "scenes").mkdir()
    for number in range(5):
        scene.write(tmp_path / "scenes" / f"{number}.ply", 400, seed=number, sh_degree=0)
    (tmp_path / "shadow").mkdir()
    (tmp_path / "shadow" / "torch.py").write_text(SHADOW)
    imported = tmp_path / "imported"
    around = surroundings(tmp_path)
    paths = os.pathsep.join([str(tmp_path / "shadow"), *filter(None, [around.get("PYTHONPATH")]), str(ROOT)])
    line = [
        "batch",
        "resample",
        "scenes/*.ply",
        "--out-dir",
        "half",
        "--device",
        "torch-cpu",
        "--workers",
        "2",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "gscli", *line, "--json-lines"],
        cwd=tmp_path,
        env={**around, "PYTHONPATH": paths, "IMPORTED": str(imported)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [json.loads(record)["status"] for record in done.stdout.splitlines()] == ["done"] * 5
    times = Counter(imported.read_text().split())
    assert set(times.values()) == {1}
    assert 1 <= len(times) <= 2  # the batch itself needs none
    assert len(list((tmp_path / "half").glob("*.ply"))) == 5


def test_a_worker_of_a_batch_is_told_how_many_inputs_share_a_start():
    assert local._Worker("info", 7, None, 1, ()).arguments == ["info", "7"]
    code = """
from gscli import placing
from gscli.batch import worker
def serve(inputs):
    raise SystemExit(f"serves {inputs + 1}")
placing.serve = serve
worker.main("info", "7")
"""
    tasks, batch = os.pipe()  # a worker ends with its batch, and so it lasts until the other end is closed
    try:
        line = [sys.executable, "-c", code]
        done = subprocess.run(line, stdin=tasks, capture_output=True, text=True, check=False, timeout=60)
    finally:
        os.close(tasks)
        os.close(batch)
    assert "serves 8" in done.stderr


def test_gpus_may_be_asked_of_this_machine_as_it_is():
    assert all(isinstance(name, str) for name in cards.names())
    assert Path("/proc/driver/nvidia/gpus") == cards.PROC
    assert placing.prospect()
