"""``gscli convert``, and every command on what trainers leave behind."""

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

import gscli
from gscli.cli import main
from tests.cli.refusals import of_a_call as failed

GSCLI = [sys.executable, "-m", "gscli"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GSCLI_CACHE_DIR", str(tmp_path / "cache"))

    def call(*args, **options):
        return CliRunner().invoke(main, [str(arg) for arg in args], catch_exceptions=False, **options)

    return call


def test_a_conversion_says_what_it_did(run, scene_file, scene):
    done = run("convert", scene_file, "x.npz", "--report", "x.json", "-v")
    assert done.exit_code == 0
    assert done.stdout == ""
    for part in ("500 points (ply)", "lost     nothing", "wrote    x.npz (npz)", "(read "):
        assert part in done.stderr
    with open("x.json") as stream:
        content = json.load(stream)
    assert content["schema"] == "gscli/convert/1"
    assert content["output"] == {"path": "x.npz", "format": "npz", "written": True}
    assert np.array_equal(gscli.read("x.npz").rows, scene.rows)


def test_losses_are_named_first_and_measured_afterwards(run, scene_file):
    failed(run("convert", scene_file, "x.splat"), 4, "x.splat", "SH degree 1", "precision", "--allow-lossy")
    dry = run("convert", scene_file, "x.splat", "--dry-run")
    assert dry.exit_code == 0
    assert "loses    SH degree 1" in dry.stdout
    assert "would    write x.splat" in dry.stdout
    assert "differs" not in dry.stdout
    assert not os.path.exists("x.splat")
    done = run("convert", scene_file, "x.splat", "--allow-lossy", "--json")
    content = json.loads(done.stdout)
    assert content["largest_difference"]["position"] == 0
    assert 0 < content["largest_difference"]["rotation"] < 2
    assert any("SH degree 1" in lost for lost in content["lost"])
    assert (
        "differs  at most by position 0"
        in run("convert", scene_file, "x.splat", "--allow-lossy", "--overwrite").stderr
    )


@pytest.mark.parametrize(
    "args, code, words",
    [
        (["scene.ply", "x.unknown"], 2, ["x.unknown", "suffix"]),
        (["scene.ply", "old.npz"], 4, ["old.npz", "--overwrite"]),
        (["scene.ply", "x.npz", "--report", "x.npz"], 2, ["written twice"]),
        (["scene.ply", "nowhere/x.npz"], 1, ["nowhere"]),
        (["missing.ply", "x.npz"], 3, ["missing.ply", "no such file"]),
        (["scene.ply::gs1", "x.npz"], 2, ["::gs1"]),
        (["scene.ply", "x.npz", "--trust-pickle"], 2, ["no pickle", "--trust-pickle"]),
        (["scene.ply", "-", "--json"], 2, ["stdout"]),
        (["scene.ply", "folder/"], 4, ["folder/", "no scene folder"]),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(run, scene_file, args, code, words):
    with open("old.npz", "wb") as stream:
        stream.write(b"precious")
    os.mkdir("folder")
    with open("folder/diary.txt", "w") as stream:
        stream.write("precious")
    failed(run("convert", *args), code, *words)
    assert not os.path.exists("x.npz")
    assert os.listdir("folder") == ["diary.txt"]
    with open("old.npz", "rb") as stream:
        assert stream.read() == b"precious"


def shell(command, folder):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    line = command.replace("gscli", " ".join(GSCLI))
    return subprocess.run(["bash", "-c", line], cwd=folder, env=env, capture_output=True, timeout=120)


def test_any_format_comes_in_by_stdin_and_goes_out_as_ply(run, scene_file, scene):
    run("convert", scene_file, "x.npz")
    done = shell("gscli convert - - < x.npz > y.ply", ".")
    assert done.returncode == 0, done.stderr
    assert np.array_equal(gscli.read("y.ply").rows, scene.rows)


def test_a_shell_s_process_substitution_is_a_file_like_any_other(run, scene_file):
    for args in ("info <(cat scene.ply)", "compare <(cat scene.ply) <(cat scene.ply) --quiet"):
        done = shell(f"gscli {args}", ".")
        assert done.returncode == 0, done.stderr
    assert b"500 Gaussians" in shell("gscli info <(cat scene.ply)", ".").stdout
    bad = shell("gscli info <(head -c 700 scene.ply)", ".")
    assert bad.returncode == 3
    assert bad.stderr.startswith(b"gscli: error: /dev/fd/")


def test_a_named_pipe_is_read_once_and_its_writer_is_not_broken(run, scene_file):
    os.mkfifo("pipe")
    done = shell("cat scene.ply > pipe & gscli convert pipe x.npz && wait $!", ".")
    assert done.returncode == 0, done.stderr
    assert len(gscli.read("x.npz")) == 500


class TestCheckpoints:
    """Of every trainer, through info, resample, compare and convert."""

    @pytest.fixture(autouse=True)
    def _needs_torch(self):
        pytest.importorskip("torch")

    @pytest.fixture
    def made(self, tmp_path):
        from tests.formats import trainers

        def make(which):
            save, pickled = trainers.save, trainers.save_pickle
            if which == "gsplat":
                return save(tmp_path / "ckpt_29999_rank0.pt", trainers.gsplat())
            if which.startswith("nerfstudio"):
                return save(tmp_path / "step-000029999.ckpt", trainers.nerfstudio(old="old" in which))
            if which == "r2-pickle":
                return pickled(tmp_path / "point_cloud.pickle", trainers.r2_pickle())
            if which == "r2-pickle-named-ply":
                return pickled(tmp_path / "point_cloud.ply", trainers.r2_pickle())
            contents = {
                "3dgs": trainers.graphdeco,
                "2dgs": lambda: trainers.graphdeco(scales=2),
                "r2": lambda: (trainers.r2_capture(), 30_000),
                "r2-fork": lambda: (trainers.r2_fork_capture(), 30_000),
            }
            return save(tmp_path / "chkpnt30000.pth", contents[which]())

        return make

    @pytest.mark.parametrize(
        "which",
        [
            *("3dgs", "2dgs", "gsplat", "nerfstudio", "nerfstudio-old"),
            *("r2", "r2-fork", "r2-pickle", "r2-pickle-named-ply"),
        ],
    )
    def test_every_command_takes_what_every_trainer_leaves(self, run, made, which):
        path = made(which)
        said = run("info", path, "--json")
        assert said.exit_code == 0, said.stderr
        content = json.loads(said.stdout)
        assert content["input"]["points"] == 40
        assert content["input"]["bytes"] == path.stat().st_size

        whole = gscli.read(path)
        assert run("resample", path, "half.ply", "--index", "half.npy").exit_code == 0
        half, rows = gscli.read("half.ply"), np.load("half.npy")
        assert 0 < len(rows) < 40
        for name in whole.fields:
            assert np.array_equal(half.rows[name], whole.rows[name][rows]), name

        compared = run("compare", "half.ply", path, "--json", "--threshold", "0.001")
        assert compared.exit_code == 0, compared.stderr
        assert json.loads(compared.stdout)["source_to_target"]["max"] == 0

        assert run("convert", path, "all.ply").exit_code == 0
        assert set(whole.fields) == set(gscli.read("all.ply").fields)

    def test_two_models_of_one_file_are_addressed_by_name(self, run, tmp_path):
        from tests.formats import trainers

        both = {"gs0": trainers.r2_capture(seed=0), "gs1": trainers.r2_capture(seed=9), "iteration": 7}
        trainers.save(tmp_path / "ckpt.pth", both)
        failed(run("info", "ckpt.pth"), 3, "gs0", "gs1")
        assert run("info", "ckpt.pth::gs1").exit_code == 0
        compared = run("compare", "ckpt.pth::gs0", "ckpt.pth::gs1", "--json")
        assert json.loads(compared.stdout)["source"]["path"] == "ckpt.pth::gs0"
        args = ("--threshold", "99", "--out-dir", "pruned", "--min-points", "1")
        assert run("coprune", "ckpt.pth::gs0", "ckpt.pth::gs1", *args).exit_code == 0
        assert sorted(os.listdir("pruned")) == ["ckpt.gs0.coprune.ply", "ckpt.gs1.coprune.ply"]

    def test_checkpoints_without_gaussians_are_refused_for_what_they_are(self, run, tmp_path):
        from tests.formats import trainers

        trainers.save(tmp_path / "chkpnt.pth", trainers.scaffold())
        for args in (["info"], ["resample", "x.ply"], ["convert", "x.ply"]):
            failed(run(args[0], "chkpnt.pth", *args[1:]), 3, "Scaffold")

    def test_as_a_process(self, made):
        path = made("3dgs")
        done = shell(f"gscli convert {path.name} - | gscli info - --json", path.parent)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["sh_degree"] == 3


class Payload:
    """Unpickled, it makes a file."""

    def __reduce__(self):
        return os.system, ("touch it-ran",)


TAKING_SCENES = {
    "info": ["bad.pickle"],
    "resample": ["bad.pickle", "x.ply"],
    "convert": ["bad.pickle", "x.ply"],
    "compare": ["bad.pickle", "scene.ply"],
    "coprune": ["scene.ply", "bad.pickle", "--threshold", "1", "--out-dir", "pruned"],
    "verify": ["bad.pickle", "scene.ply"],
}


@pytest.mark.parametrize("command", TAKING_SCENES)
def test_a_malicious_pickle_runs_only_where_the_user_says_that_it_may(run, scene_file, command):
    with open("bad.pickle", "wb") as stream:
        pickle.dump({"xyz": Payload()}, stream)
    refused = run(command, *TAKING_SCENES[command])
    failed(refused, 3, "bad.pickle", "system", "--trust-pickle")
    assert not os.path.exists("it-ran")
    failed(run(command, *TAKING_SCENES[command], "--trust-pickle"), 3, "bad.pickle")
    assert os.path.exists("it-ran")


@pytest.mark.parametrize("command", TAKING_SCENES)
def test_trust_is_refused_where_nothing_is_pickled(run, scene_file, command):
    args = [arg.replace("bad.pickle", "scene.ply") for arg in TAKING_SCENES[command]]
    failed(run(command, *args, "--trust-pickle"), 2, "no pickle", "--trust-pickle")
