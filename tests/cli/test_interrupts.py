"""Ctrl-C ends a command in half a second, in one line, with nothing half written, whatever it is at."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as POSIX has them")

# A command at one step of native code that takes minutes.
LONG = """
import hashlib, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
import gscli.formats.{module} as made, gscli.cli as cli

def at_work(*args, **options):
    print("at work", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 500_000_000)

made.{function} = at_work
cli.run()
"""


def start(folder: Path, args: list[str], **code: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", LONG.format(**code), *args],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"at work\n"
    return process


@pytest.mark.parametrize(
    ("args", "module", "function", "number"),
    [
        pytest.param(["scene.ply", "out.ply"], "ply", "packed", signal.SIGINT, id="file"),
        pytest.param(["scene.ply", "out/"], "scenesplat", "npy.write", signal.SIGINT, id="folder"),
        pytest.param(["scene.ply", "out.ply"], "ply", "packed", signal.SIGTERM, id="stopped"),
        pytest.param(["scene.ply", "out/"], "scenesplat", "npy.write", signal.SIGHUP, id="closed terminal"),
    ],
)
def test_native_code_does_not_hold_up_an_interrupt_nor_leave_half_a_file(
    scene_file: Path, tmp_path: Path, args: list[str], module: str, function: str, number: int
) -> None:
    (tmp_path / "scene.ply").write_bytes(scene_file.read_bytes())
    before = set(os.listdir(tmp_path))
    command = ["convert", *args, "--allow-lossy"]
    process = start(tmp_path, command, module=module, function=function)
    assert set(os.listdir(tmp_path)) > before  # what is being written
    sent = time.monotonic()
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert time.monotonic() - sent < 3  # half a second, on a machine with other things to do
    assert (process.returncode, said) == (128 + number, b"gscli: interrupted\n")
    assert set(os.listdir(tmp_path)) == before


def test_an_interrupt_among_the_options_is_told_as_any_other() -> None:
    code = (
        "import os, signal, gscli.cli as cli\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "cli.paths.unlike_options = lambda arg: os.kill(os.getpid(), signal.SIGINT)\n"
        "cli.run('info', 'scene.ply')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (130, b"gscli: interrupted\n")


def test_a_command_that_outlives_its_terminal_goes_on(scene_file: Path, tmp_path: Path) -> None:
    (tmp_path / "scene.ply").write_bytes(scene_file.read_bytes())
    code = (
        "import os, signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); import gscli.formats.ply as ply\n"
        "packed = ply.packed\n"
        "ply.packed = lambda *args: (os.kill(os.getpid(), signal.SIGHUP), packed(*args))[1]\n"
        "import gscli.cli; gscli.cli.run('convert', 'scene.ply', 'out.ply')"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=60)
    assert (tmp_path / "out.ply").exists()
