"""The command line called in this process, answered as by one of its own, which takes longer to start."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from gscli.cli import main


def called(*args: str) -> subprocess.CompletedProcess[bytes]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["gscli", *args])
        done = CliRunner().invoke(main, args, prog_name="gscli")
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess(args, done.exit_code, done.stdout_bytes, done.stderr_bytes)
