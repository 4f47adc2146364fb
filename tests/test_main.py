"""The program starts, and ends quietly when it is interrupted while it does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
INTERRUPTED = """
import os, signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "click":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
signal.signal(signal.SIGINT, {handler})
sys.argv = ["gscli", "--version"]
from gscli.__main__ import run
run()
"""


def start(handler: str) -> subprocess.CompletedProcess[str]:
    code = INTERRUPTED.replace("{handler}", handler)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)


@pytest.mark.skipif(sys.platform == "win32", reason="other systems have no signals")
def test_an_interrupt_while_it_is_loaded_ends_it_without_a_traceback() -> None:
    done = start("signal.default_int_handler")
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


@pytest.mark.skipif(sys.platform == "win32", reason="other systems have no signals")
def test_a_job_that_ignores_interrupts_goes_on_ignoring_them() -> None:
    done = start("signal.SIG_IGN")
    assert done.returncode == 0
    assert done.stdout.startswith("gscli")
