"""What the command line says to a usage that cannot be: one line, what to do, status 2."""

import subprocess
import sys

import pytest


def gscli(*args, **options):
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
        (["compare", "a", "b", "--device", "tpu"], "is not one of 'cpu', ", "see gscli compare --help"),
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
