"""What the command line says to a usage that cannot be: one line, what to do, status 2."""

import errno
import os
import resource
import subprocess
import sys

import pytest

from gscli.cli._remedies import of_system
from tests.cli.called import called


def gscli(*args, **options):
    if not options:
        done = called(*args)
        return subprocess.CompletedProcess(args, done.returncode, done.stdout.decode(), done.stderr.decode())
    options = {"capture_output": True, "text": True, "timeout": 60, **options}
    return subprocess.run([sys.executable, "-m", "gscli", *args], **options)


@pytest.mark.parametrize(
    "args, what, remedy",
    [
        (["--quite"], "--quite", "see gscli --help"),
        (["resamble"], "no such command 'resamble'", "did you mean resample?"),
        (["resample"], "missing argument 'SOURCE'", "see gscli resample --help"),
        (["resample", "a", "b", "--sed", "1"], "no such option", "did you mean --seed?"),
        (["resample", "a", "b", "c\nd"], "(c d)", "see gscli resample --help"),
        (["resample", "a", "b", "--seed"], "option '--seed' requires an argument", ""),
        (
            ["resample", "a", "b", "--seed", "one"],
            "'one' is not a valid integer",
            "see gscli resample --help",
        ),
        (["compare", "a", "b", "--device", "abacus"], "is not one of 'cpu', ", "see gscli compare --help"),
        (["compare", "a", "b", "--device", "gpu"], "is not one of 'cpu', ", "did you mean cuda?"),
        (["resample", "a", "b", "-m", "haf"], "'haf' is not one of", "did you mean half?"),
        (["resample", "a", "b", "-m", "Half_Density"], "is not one of", "did you mean half-density?"),
        (["resample", "a", "b", "--pick", "opacty"], "is not one of", "did you mean opacity?"),
        (["batch", "resample", "a", "--pick", "opacty"], "is not one of", "did you mean opacity?"),
        (["resample", "a", "b", "-seed", "1"], "no such option", "did you mean --seed?"),
        (["resample", "a", "-o", "b"], "no such option", "see gscli resample --help"),
        (["compare", "a", "b", "--min-per-cell", "1"], "--min-per-cell", "gscli resample has it"),
        (["compare", "a", "b", "--pair", "row"], "is none of nearest, ", "did you mean rows?"),
        (
            ["--quiet", "info", "a"],
            "--quiet",
            "options stand behind the command, as in gscli align --quiet",
        ),
        (["cache", "cleer"], "no such command 'cleer'", ""),
        (["batch", "inform"], "no such operation 'inform'", "did you mean info?"),
        (["batch", "compare", "a"], "missing option '--reference'", "see gscli batch compare --help"),
    ],
)
def test_a_usage_error_is_one_line_like_every_other_error(args, what, remedy):
    done = gscli(*args)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("gscli: error: ")
    assert what in done.stderr
    assert done.stderr.endswith(f"; {remedy}\n" if remedy else "\n")


@pytest.mark.parametrize("args", [[], ["batch"], ["cache"]])
def test_a_group_without_a_command_shows_its_help(args):
    done = gscli(*args)
    assert (done.stdout + done.stderr).startswith(f"Usage: {' '.join(['gscli', *args])} ")
    assert "Commands:" in done.stdout + done.stderr


@pytest.fixture
def scene(scene_file, monkeypatch):
    monkeypatch.chdir(scene_file.parent)
    monkeypatch.setenv("GSCLI_CACHE_DIR", str(scene_file.parent / "cache"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(str(p) for p in sys.path if p))
    return scene_file.name


def refused(done, status, *words):
    assert done.returncode == status
    assert done.stderr.startswith("gscli: error: ")
    assert done.stderr.count("\n") == 1
    assert [word for word in words if word not in done.stderr] == []


@pytest.mark.parametrize(
    ("args", "what"),
    [
        (["resample", "scene.ply", ""], "an argument"),
        (["resample", "scene.ply", "--out-dir", ""], "--out-dir"),
        (["resample", "scene.ply", "--out-dir="], "--out-dir"),
        (["batch", "info", ""], "an argument"),
    ],
)
def test_an_empty_argument_is_no_name_for_the_current_folder(scene, args, what):
    refused(gscli(*args), 2, f"gscli: error: {what} is empty; ")
    assert os.listdir() == ["scene.ply"]


@pytest.mark.parametrize(
    "args", [["resample", "scene.ply", "out.ply"], ["compare", "scene.ply", "scene.ply"]]
)
def test_a_closed_stderr_changes_nothing(scene, args):
    done = gscli(*args, stderr=None, capture_output=False, preexec_fn=lambda: os.close(2))
    assert done.returncode == 0


@pytest.mark.parametrize(
    "args", [["info", "scene.ply"], ["cache", "info"], ["resample", "scene.ply", "o.ply"]]
)
def test_json_that_nobody_can_receive_is_an_error(scene, args):
    options = {"capture_output": False, "stderr": subprocess.PIPE}
    refused(gscli(*args, "--json", preexec_fn=lambda: os.close(1), **options), 1, "<stdout>: is closed")


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="needs /dev/zero")
@pytest.mark.parametrize(
    "args",
    [
        ["compare", "scene.ply", "scene.ply", "--transform", "/dev/zero"],
        ["verify", "scene.ply", "scene.ply", "--expect", "/dev/zero"],
        ["info", "/dev/zero"],
    ],
)
def test_a_device_without_end_is_not_read(scene, args):
    limit = (1 << 30, 1 << 30)
    done = gscli(*args, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, limit))
    refused(done, 3, "/dev/zero: is a device")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user that the system does not know")
def test_a_user_without_a_home_is_told_where_the_cache_could_be(monkeypatch):
    for name in ("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA", "GSCLI_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(str(p) for p in sys.path if p))
    code = "import os, gscli.grids.cache, gscli.results.documents; from gscli.cli import cache, main; "
    code += "os.setuid(54321); main(['cache', 'info'])"  # what root alone may read is imported by then
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    refused(done, 1, "no home folder", "set GSCLI_CACHE_DIR")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="others keep a folder that is in use")
@pytest.mark.parametrize("args", [["info", "scene.ply"], ["batch", "info", "scene.ply"]])
def test_a_current_folder_that_is_gone_is_told(args, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    code = f"import os; from gscli.cli import main; os.chdir({str(gone)!r}); os.rmdir({str(gone)!r}); main()"
    # without the current folder among the places of modules, in which Python 3.13 itself stumbles over it
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, *args], capture_output=True, text=True, timeout=60
    )
    refused(done, 1, "the current folder is gone; change to one that is there")


def test_what_the_system_refuses_says_what_it_is_about():
    told = of_system(PermissionError(errno.EACCES, "Permission denied", "a/b.npz"))
    assert (str(told), told.exit_code) == ("a/b.npz: cannot be read; check its permissions", 3)
    told = of_system(OSError(errno.EMFILE, "Too many open files"))
    assert (str(told), told.exit_code) == ("Too many open files; raise ulimit -n", 1)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("args", [["--version"], ["--help"], ["resample", "--help"], ["cache", "info"]])
def test_a_full_disk_behind_stdout_is_one_line(args):
    with open("/dev/full", "w") as full:
        done = gscli(*args, stdout=full, stderr=subprocess.PIPE, capture_output=False)
    refused(done, 1, "<stdout>: cannot be written (No space left on device)")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_remarks_that_find_no_room_do_not_take_the_work_along(scene):
    with open("/dev/full", "w") as full:
        done = gscli("resample", "scene.ply", "o.ply", capture_output=False, stderr=full)
    assert done.returncode == 0
    assert gscli("verify", "scene.ply", "o.ply").returncode == 0


@pytest.mark.once
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the size of an address space")
@pytest.mark.parametrize("megabytes", [15, 60, 150])  # Python alone; NumPy begun; NumPy nearly there
def test_memory_that_does_not_hold_the_program_is_one_line(scene, megabytes):
    limit = (megabytes << 20, megabytes << 20)
    done = gscli("info", "scene.ply", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limit))
    said = done.stderr.splitlines()
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert said[-1].startswith(("gscli: error: out of memory", "OpenBLAS"))  # which ends processes itself


@pytest.mark.once
def test_too_few_open_files_are_no_fault_of_the_scene(scene):
    few = (6, 6)  # with fewer, Python does not find what is installed to be edited
    done = gscli("info", "scene.ply", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, few))
    refused(done, 1, "Too many open files", "raise ulimit -n")


@pytest.mark.parametrize("name", ["GSCLI_THREADS", "GSCLI_CORE"])
def test_a_setting_of_the_environment_is_no_fault_of_the_scene(scene, name):
    done = gscli("resample", "scene.ply", "o.ply", env={**os.environ, name: "many"})
    refused(done, 2, f"gscli: error: {name}: must be", "not 'many'")


@pytest.mark.parametrize("args", [["info", "-"], ["batch", "info", "-"]])
def test_a_closed_stdin_is_named(args):
    done = gscli(*args, preexec_fn=lambda: os.close(0), stdin=None)
    refused(done, 3, "<stdin>: is closed")


def test_the_demo_of_stdin_is_refused():
    refused(gscli("demo", "-", input="ply\n"), 2, "stdin can be read once", "name a file")


def test_a_level_of_what_has_none_is_told_as_it_was_typed(scene):
    refused(gscli("convert", "scene.ply", "o.ply", "--level", "2"), 2, "so --level 2 selects nothing")
