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
    ("args", "module", "function"),
    [
        pytest.param(["scene.ply", "out.ply"], "ply", "packed", id="file"),
        pytest.param(["scene.ply", "out/"], "scenesplat", "npy.write", id="folder"),
    ],
)
def test_native_code_does_not_hold_up_an_interrupt_nor_leave_half_a_file(
    scene_file: Path, tmp_path: Path, args: list[str], module: str, function: str
) -> None:
    (tmp_path / "scene.ply").write_bytes(scene_file.read_bytes())
    before = set(os.listdir(tmp_path))
    command = ["convert", *args, "--allow-lossy"]
    process = start(tmp_path, command, module=module, function=function)
    assert set(os.listdir(tmp_path)) > before  # what is being written
    sent = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert time.monotonic() - sent < 3  # half a second, on a machine with other things to do
    assert (process.returncode, said) == (130, b"gscli: interrupted\n")
    assert set(os.listdir(tmp_path)) == before
