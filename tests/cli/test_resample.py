"""The command as a process: streams, exit codes, one line of error, signals."""

import json
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest

import gscli
from gscli.cloud import GaussianCloud
from gscli.files import temporaries
from gscli.grids.methods import RULES
from gscli.grids.picking import PICKS
from tests.cli.called import called
from tests.cli.refusals import of_a_process as failed

GSCLI = [sys.executable, "-m", "gscli"]


@pytest.fixture
def run(tmp_path):
    """Run gscli in a temporary folder with a cache of its own."""
    env = {**os.environ, "GSCLI_CACHE_DIR": str(tmp_path / "cache")}
    env["PYTHONPATH"] = os.pathsep.join([str(p) for p in sys.path if p])
    folder = tmp_path / "work"
    folder.mkdir()

    def call(*args, **options):
        options = {"cwd": folder, "env": env, "capture_output": True, "timeout": 60, **options}
        return subprocess.run([*GSCLI, *args], **options)

    call.folder, call.env = folder, env
    return call


@pytest.fixture
def here(run, monkeypatch):
    """The same in this process, for what is not about streams and signals."""
    monkeypatch.chdir(run.folder)
    monkeypatch.setenv("GSCLI_CACHE_DIR", run.env["GSCLI_CACHE_DIR"])
    return called


@pytest.fixture
def scene(run, make_scene):
    gscli.write(run.folder / "scene.ply", make_scene(3000))
    return run.folder / "scene.ply"


def test_the_first_command_of_the_readme(run, scene):
    result = run("resample", "scene.ply", "half.ply")
    assert result.returncode == 0
    assert result.stdout == b""
    said = result.stderr.decode()
    for part in ("3,000 points", " wide: ", "round size", "kept by half-density", "forced", "took"):
        assert part in said
    assert len(gscli.read(run.folder / "half.ply")) < 3000


def test_json_goes_to_stdout_and_nothing_else_does(run, scene):
    result = run("resample", "scene.ply", "half.ply", "--json", "--report", "report.json")
    assert json.loads(result.stdout)["kept"]["points"] == len(gscli.read(run.folder / "half.ply"))
    assert json.loads((run.folder / "report.json").read_text()) == json.loads(result.stdout)
    assert result.stderr == b""


def test_quiet_says_nothing_and_verbose_times_the_stages(run, scene):
    assert run("resample", "scene.ply", "a.ply", "--quiet").stderr == b""
    assert b"(read 0." in run("resample", "scene.ply", "b.ply", "-v").stderr


def test_a_cache_that_cannot_be_used_is_told_unless_quiet(run, scene):
    (run.folder / "file").write_text("")
    env = {**run.env, "GSCLI_CACHE_DIR": "file"}
    told = run("resample", "scene.ply", "a.ply", "--json", env=env)
    assert told.returncode == 0
    assert b"gscli: warning: grid not cached" in told.stderr
    assert run("resample", "scene.ply", "b.ply", "--quiet", env=env).stderr == b""
    assert (run.folder / "a.ply").read_bytes() == (run.folder / "b.ply").read_bytes()


@pytest.mark.parametrize("silent, name", [("-q", "--quiet"), ("--json", "--json")])
def test_verbose_is_refused_where_there_is_no_summary(run, here, scene, silent, name):
    failed(here("resample", "scene.ply", "out.ply", "-v", silent), 2, "--verbose has no effect", name)
    failed(here("resample", "scene.ply", "out.ply", silent, "-v"), 2, "--verbose has no effect", name)
    assert [p.name for p in run.folder.iterdir()] == ["scene.ply"]


def test_a_pipeline_gives_what_files_give(run, scene):
    run("resample", "scene.ply", "one.ply", "--method", "one-per-grid")
    piped = run("resample", "-", "-", "--method", "one-per-grid", input=scene.read_bytes())
    assert piped.stdout == (run.folder / "one.ply").read_bytes()
    assert b"read     <stdin>: " in piped.stderr
    assert b"wrote    <stdout>: " in piped.stderr
    info = run("info", "-", "--json", input=piped.stdout)
    assert json.loads(info.stdout)["input"]["points"] == len(gscli.read(run.folder / "one.ply"))
    assert json.loads(info.stdout)["input"]["path"] == "<stdin>"


def test_input_and_output_may_be_one_file(run, scene):
    before = scene.read_bytes()
    result = run("resample", "scene.ply", "scene.ply", "--overwrite", "--method", "dense")
    assert result.returncode == 0
    after = scene.read_bytes()
    assert after.endswith(before[-1000:])


@pytest.mark.parametrize(
    "command",
    [
        "resample scene.ply out.ply --report scene.ply",
        "resample scene.ply out.ply --index link.ply",
        "convert scene.ply out.ply --report scene.ply",
        "compare scene.ply other.ply --report other.ply",
        "compare scene.ply other.ply --html ./scene.ply",
        "compare scene.ply other.ply --distances scene.ply",
        "coprune scene.ply other.ply -t 1 --out-dir out --min-points 0 --report other.ply",
    ],
)
def test_no_report_replaces_an_input(run, here, scene, command):
    before = scene.read_bytes()
    (run.folder / "other.ply").write_bytes(before)
    (run.folder / "link.ply").symlink_to("scene.ply")
    failed(here(*command.split(), "--overwrite"), 2, "is an input")
    assert scene.read_bytes() == before == (run.folder / "other.ply").read_bytes()
    assert sorted(p.name for p in run.folder.iterdir()) == ["link.ply", "other.ply", "scene.ply"]


def test_a_run_that_is_refused_makes_no_folder(run, here, make_scene):
    gscli.write(run.folder / "points.ply", GaussianCloud(make_scene(100).rows[["x", "y", "z"]]))
    methods = ["--method", "one-per-grid", "--method", "half-density"]
    for option in (["--target", "99999999"], ["--pick", "opacity"]):
        result = here("resample", "points.ply", "--out-dir", "new", "--index", "rows", *methods, *option)
        assert result.returncode in (2, 3)
        assert [p.name for p in run.folder.iterdir()] == ["points.ply"]


@pytest.mark.parametrize("name", ["n" * 300 + ".ply", "n" * 300])
def test_too_long_a_name_is_one_line(run, here, scene, name):
    failed(here("info", name), 3, "File name too long")
    failed(here("resample", name, "out.ply"), 3, "File name too long")
    failed(here("resample", "scene.ply", name + ".ply"), 1, "File name too long")
    failed(here("resample", "scene.ply", "out.ply", "--report", name), 1, "File name too long")
    assert not (run.folder / "out.ply").exists()


@pytest.mark.parametrize("command", ["info scene.ply", "resample scene.ply o.ply --json --quiet"])
def test_a_full_stdout_is_one_line(run, scene, command):
    with open("/dev/full", "wb") as full:
        result = run(*command.split(), capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert result.returncode == 1
    assert result.stderr.startswith(b"gscli: error: ")
    assert result.stderr.count(b"\n") == 1
    assert b"No space left on device" in result.stderr


def test_closed_streams_are_one_line(run, scene):
    def shell(line):
        command = ["sh", "-c", f"{sys.executable} -m gscli {line}"]
        return subprocess.run(command, cwd=run.folder, env=run.env, capture_output=True)

    failed(shell("info - <&-"), 3, "<stdin>: is closed")
    failed(shell("resample scene.ply - >&-"), 1, "<stdout>: is closed")


@pytest.mark.parametrize("threads", ["\u00b2", "abc", "0", "-1"])
def test_a_bad_number_of_threads_is_a_usage_error(run, scene, threads):
    result = run("resample", "scene.ply", "o.ply", env={**run.env, "GSCLI_THREADS": threads})
    failed(result, 2, "GSCLI_THREADS")


def test_a_closed_pipe_is_quiet(run, make_scene):
    gscli.write(run.folder / "big.ply", make_scene(60_000))
    process = subprocess.Popen(
        [*GSCLI, "resample", "big.ply", "-", "--quiet"],
        cwd=run.folder,
        env=run.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(30) != 0


def bad_files(folder):
    """Files that are no scenes: name -> words that the error must have."""
    header = "ply\nformat binary_little_endian 1.0\nelement vertex {}\n"
    xyz = "".join(f"property float {axis}\n" for axis in "xyz")
    for name, content in {
        "empty.ply": b"",
        "text.ply": b"Dear diary,\ntoday\n",
        "image.jpg": b"\xff\xd8\xff\xe0" + b"\0" * 100,
        "cut.ply": (header.format(10) + xyz + "end_header\n").encode() + b"\0" * 119,
        "long.ply": (header.format(10) + xyz + "end_header\n").encode() + b"\0" * 121,
        "lies.ply": (header.format(10**12) + xyz + "end_header\n").encode() + b"\0" * 120,
        "no_end.ply": (header.format(10) + xyz).encode(),
        "flat.ply": (header.format(1) + "property float x\nend_header\n").encode() + b"\0" * 4,
    }.items():
        (folder / name).write_bytes(content)
    (folder / "folder.ply").mkdir()


@pytest.mark.parametrize(
    "name, words",
    {
        "missing.ply": ["missing.ply", "no such file"],
        "folder.ply": ["folder.ply"],
        "empty.ply": ["empty.ply: is empty"],
        "text.ply": ["text.ply", "ply"],
        "image.jpg": ["image.jpg", "no format"],
        "cut.ply": ["cut.ply", "119", "120"],
        "long.ply": ["long.ply", "121", "120"],
        "lies.ply": ["lies.ply", "12,000,000,000,000"],
        "no_end.ply": ["no_end.ply", "end_header"],
        "flat.ply": ["flat.ply", "y, z"],
    }.items(),
)
def test_a_file_that_is_no_scene_is_one_line_and_exit_3(run, here, name, words):
    bad_files(run.folder)
    before = sorted(p.name for p in run.folder.iterdir())
    failed(here("resample", name, "out.ply"), 3, *words)
    failed(here("info", name), 3, *words)
    assert sorted(p.name for p in run.folder.iterdir()) == before


@pytest.mark.parametrize(
    "args, code",
    [
        (["--voxel-size", "0"], 2),
        (["--voxel-size", "-1"], 2),
        (["--voxel-size", "nan"], 2),
        (["--voxel-size", "1e-300"], 2),
        (["--target", "3001"], 2),
        (["--ratio", "0.5", "--target", "5"], 2),
        (["--method", "dense", "--seed", "1"], 2),
        (["--seed", "-1"], 2),
        (["--points-per-cell", "0"], 2),
        (["--report", "out.ply"], 2),
        (["--index", "out.ply"], 2),
        (["--report", "no/report.json"], 1),
        (["--device", "cuda"], 5),
    ],
    ids=str,
)
def test_refusals_have_their_exit_codes_and_write_nothing(run, here, scene, args, code):
    if args == ["--device", "cuda"]:
        torch = pytest.importorskip("torch")
        if torch.cuda.is_available():
            pytest.skip("there is a GPU")
    failed(here("resample", "scene.ply", "out.ply", *args), code)
    assert [p.name for p in run.folder.iterdir()] == ["scene.ply"]


@pytest.mark.parametrize(
    "args", [["--ratio", "a:b"], ["--origin", "1,2"], ["--method", "third"], ["--seed", "x"], ["--nope"]]
)
def test_values_that_do_not_parse_are_usage_errors(here, scene, args):
    result = here("resample", "scene.ply", "out.ply", *args)
    assert result.returncode == 2
    assert b"Traceback" not in result.stderr


def test_two_documents_do_not_share_stdout(here, scene):
    failed(here("resample", "scene.ply", "-", "--json"), 2, "stdout")


def test_an_existing_output_needs_leave(run, here, scene):
    (run.folder / "out.ply").write_text("precious")
    failed(here("resample", "scene.ply", "out.ply"), 4, "out.ply: exists already; add --overwrite")
    assert (run.folder / "out.ply").read_text() == "precious"
    assert here("resample", "scene.ply", "out.ply", "--overwrite").returncode == 0


def test_an_unknown_command_suggests_the_nearest(here):
    result = here("resampel")
    assert result.returncode == 2
    assert b"did you mean resample?" in result.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_an_unwritable_folder_is_named(run, scene):
    (run.folder / "locked").mkdir(mode=0o500)
    failed(run("resample", "scene.ply", "locked/out.ply"), 1, "permission denied")


def test_a_full_disk_leaves_nothing_half_written(run, make_scene):
    """A limit on file sizes fails writes as a full disk does."""
    gscli.write(run.folder / "scene.ply", make_scene(20_000))
    limited = f"ulimit -f 1000; exec {sys.executable} -m gscli resample scene.ply out.ply --no-cache"
    result = subprocess.run(
        ["bash", "-c", limited], cwd=run.folder, env=run.env, capture_output=True, timeout=60, check=False
    )
    failed(result, 1, "out.ply: cannot be written")
    assert [p.name for p in run.folder.iterdir()] == ["scene.ply"]


@pytest.mark.parametrize("sign, code", [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_an_interrupted_run_leaves_the_old_file(run, make_scene, sign, code):
    """The output is a slow pipe's neighbour: the signal arrives while rows are being written."""
    gscli.write(run.folder / "scene.ply", make_scene(100_000))
    (run.folder / "out.ply").write_text("old")
    script = (
        "import signal, time, gscli.formats.ply as ply, gscli.cli as cli\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it\n"
        "gather = ply._gather\n"
        "def slowly(*args):\n"
        "    for block in gather(*args):\n"
        "        yield block\n"
        "        print('.', flush=True)\n"
        "        time.sleep(5)\n"
        "ply._gather = slowly\n"
        "cli.run()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, "resample", "scene.ply", "out.ply", "--overwrite", "--no-cache"],
        cwd=run.folder,
        env=run.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.read(1)
    process.send_signal(sign)
    _, said = process.communicate(timeout=30)
    assert process.returncode == code
    assert b"Traceback" not in said
    assert (run.folder / "out.ply").read_text() == "old"
    left = [p.name for p in run.folder.iterdir() if p.name.endswith(temporaries.SUFFIX)]
    assert bool(left) == (sign == signal.SIGKILL)


def test_two_processes_share_the_cache(run, scene):
    running = [
        subprocess.Popen(
            [*GSCLI, "resample", "scene.ply", f"{i}.ply", "--quiet"], cwd=run.folder, env=run.env
        )
        for i in range(4)
    ]
    assert [p.wait(60) for p in running] == [0] * 4
    assert len({(run.folder / f"{i}.ply").read_bytes() for i in range(4)}) == 1
    said = run("cache", "info").stdout.decode()
    assert re.search(r": 1 grid, [\d.]+ kB of at most 2\.15 GB\n$", said)
    assert "removed 1 grid, " in run("cache", "clear").stdout.decode()
    assert json.loads(run("cache", "info", "--json").stdout)["bytes"] == 0


def test_info_counts_what_resample_refuses(run):
    rows = np.zeros(5, [(n, "<f4") for n in "xyz"])
    rows["x"] = (0, 1, np.nan, 2, np.inf)
    gscli.write(run.folder / "bad.ply", GaussianCloud(rows))
    failed(run("resample", "bad.ply", "out.ply"), 3, "2 of 5 points", "row 2")
    document = json.loads(run("info", "bad.ply", "--json").stdout)
    assert document["invalid"] == {"points": 2, "first_row": 2, "not_finite": None, "unrotated": None}
    assert document["bounds"] == {"min": [0, 0, 0], "max": [2, 0, 0]}
    assert document["spacing"] == 1
    assert "  extent    2 x 0 x 0" in run("info", "bad.ply").stdout.decode()


def test_info_says_why_positions_too_far_apart_have_no_spacing(run):
    rows = np.zeros(3, [(n, "<f8") for n in "xyz"])
    rows["x"] = (0, 1e300, -1e300)
    gscli.write(run.folder / "far.ply", GaussianCloud(rows))
    document = json.loads(run("info", "far.ply", "--json").stdout)
    assert document["invalid"]["points"] == 0
    assert document["bounds"]["max"] == [1e300, 0, 0]
    assert document["spacing"] is None
    assert "beyond 1e+150" in document["notes"][0]


def test_info_describes_a_scene(run, scene):
    document = json.loads(run("info", "scene.ply", "--json").stdout)
    assert document["schema"] == "gscli/info/1"
    assert document["input"]["points"] == 3000
    assert document["gaussian"] is True
    assert document["sh_degree"] == 1
    assert 0 < document["opacity"]["p05"] < document["opacity"]["p95"] < 1
    assert document["scale"]["median"] > 0
    said = run("info", "scene.ply").stdout.decode()
    assert "3,000 Gaussians, SH degree 1" in said
    assert "f_rest_0..8" in said


def test_what_a_file_says_cannot_write_to_the_terminal(run, scene):
    data = scene.read_bytes()
    evil = b"comment \x1b]0;owned\x07 caf\xe9\n"
    scene.write_bytes(data.replace(b"element vertex", evil + b"element vertex", 1))
    result = run("info", "scene.ply")
    assert result.returncode == 0, result.stderr
    assert b"\x1b" not in result.stdout
    assert rb"\x1b]0;owned\x07 caf\udce9" in result.stdout
    (run.folder / "bad.ply").write_bytes(b"ply\nformat \x1b[31m 1.0\n")
    assert b"\x1b" not in run("info", "bad.ply").stderr


def test_what_a_file_is_called_cannot_write_to_the_terminal(run, scene):
    name = "a\nnote     all is well\x1b[2J.ply"
    scene.rename(run.folder / name)
    for said in (run("resample", name, "out.ply").stderr, run("info", name).stdout):
        assert b"\x1b" not in said
        assert not any(line.startswith(b"note") for line in said.splitlines())
        assert rb"a\nnote     all is well\x1b[2J.ply" in said


def test_help_starts_quickly_enough_to_be_forgotten(run):
    """No clock: the modules that --help loads are those that parse options."""
    code = (
        "import sys; from gscli.cli import main; main(['--help'], standalone_mode=False); print(*sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env=run.env, check=True, timeout=60
    )
    loaded = set(result.stdout.decode().splitlines()[-1].split())
    assert not loaded & {"numpy", "torch", "faiss", "scipy", "plyfile", "yaml", "tqdm", "pykdtree"}


@pytest.mark.skipif(not os.path.exists("/dev/fd"), reason="needs /dev/fd")
class TestAnOpenFileAsOutput:
    """/dev/stdout is ``-``; /dev/fd/N, such as >(command) of a shell, is written where it stands."""

    @pytest.fixture
    def half(self, run, scene):
        return run("resample", "scene.ply", "-", "--quiet").stdout

    @pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1"])
    def test_stdout_by_its_other_names(self, run, scene, half, name):
        assert run("resample", "scene.ply", name, "--quiet").stdout == half
        with (run.folder / "log").open("ab") as log:
            log.write(b"kept ")
            log.flush()
            assert (
                run("resample", "scene.ply", name, "--quiet", stdout=log, capture_output=False).returncode
                == 0
            )
        assert (run.folder / "log").read_bytes() == b"kept " + half
        failed(run("resample", "scene.ply", name, "--json"), 2, "stdout can carry one thing")
        failed(run("resample", "scene.ply", name, "--report", "-"), 2, "stdout can carry one thing")

    def test_another_open_file_is_written_where_it_stands(self, run, scene, half):
        with (run.folder / "log").open("wb") as log:
            log.write(b"kept ")
            log.flush()
            done = run("resample", "scene.ply", f"/dev/fd/{log.fileno()}", "--quiet", pass_fds=[log.fileno()])
        assert (done.returncode, done.stderr) == (0, b"")
        assert (run.folder / "log").read_bytes() == b"kept " + half

    def test_a_link_to_a_pipe(self, run, scene, half):
        (run.folder / "half.ply").symlink_to("/dev/stdout")
        assert run("resample", "scene.ply", "half.ply", "--quiet").stdout == half

    def test_one_that_is_not_open(self, run, scene):
        failed(run("resample", "scene.ply", "/dev/fd/99"), 1, "/dev/fd/99: cannot be written (Bad file desc")


def test_the_help_tells_every_method_and_pick(run):
    told = " ".join(run("resample", "--help").stdout.decode().split())
    for rule in RULES.values():
        assert f"{rule.name} {rule.help}" in told
    for pick in PICKS.values():
        assert pick.help in told
