"""Answers, data and JSON are on stdout; remarks of what writes files, progress and errors on stderr."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from gscli.bench import timing
from gscli.cli import main, options, paths
from tests.commands import EXAMPLES, commands, example


def run(*args: str) -> Result:
    return CliRunner().invoke(main, args)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GSCLI_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(autouse=True)
def no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Benchmarks say what they would, and take none."""
    for name in ("compare", "resample"):
        timed = [timing.Group("one of two", (timing.Row("this", 1.0, 1.0), timing.Row("that", 2.0, 2.0)))]
        monkeypatch.setattr(f"gscli.bench.{name}.bench", lambda timed=timed, **_: timed)


def plain(args: list[str], folder: Path) -> Iterator[str]:
    """The arguments without ``--json``, and without files that are written beside what the command is for."""
    words = iter(args)
    for word in words:
        if word in ("--html", "--distances", "--out", "--report", "--index", "--tensorboard"):
            assert next(words).startswith(str(folder))
        elif word != "--json":
            yield word


def told(text: str) -> list[str]:
    """What is said there of the result: progress and errors stand behind the program's name."""
    return [line for line in text.splitlines() if not line.startswith("gscli: ")]


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_writes_files_remarks_on_stderr_and_what_answers_does_so_on_stdout(
    name: str, tmp_path: Path
) -> None:
    args = list(plain(example(name, tmp_path), tmp_path))
    before = set(tmp_path.rglob("*"))
    done = run(*name.split(), *args)
    assert done.exit_code == 0, done.output
    on_stdout, on_stderr = told(done.stdout), told(done.stderr)
    if set(tmp_path.rglob("*")) - before:
        assert on_stderr
        assert on_stdout == []
    else:
        assert on_stdout
        assert on_stderr == []


@pytest.fixture
def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder has a scene and a draw from it."""
    example("compare", tmp_path)
    monkeypatch.chdir(tmp_path)


HELD = ["scene.ply", "--reference", "scene.ply", "--workers", "1", "--out-dir", "out"]


@pytest.mark.parametrize(
    "args",
    [
        ["compare", "scene.ply", "drawn.ply", "--report", "r.json"],
        ["compare", "scene.ply", "drawn.ply", "--html", "page.html", "--distances", "far.ply"],
        ["verify", "scene.ply", "drawn.ply", "--report", "r.json"],
        ["convert", "scene.ply", "scene.npz", "--dry-run"],
        ["info", "scene.ply", "--html", "page.html"],
        ["batch", "info", "scene.ply", "--workers", "1", "--out-dir", "out"],
        ["batch", "compare", *HELD, "--html", "pages"],
        ["batch", "resample", "scene.ply", "--out-dir", "out", "--dry-run"],
    ],
    ids=" ".join,
)
def test_an_answer_stays_one_where_files_are_written_beside_it_and_a_dry_run_is_one(
    drawn: None, args: list[str]
) -> None:
    done = run(*args)
    assert done.exit_code == 0, done.output
    assert told(done.stdout)
    assert done.stderr == ""


@pytest.mark.parametrize(
    "args",
    [
        ["compare", "scene.ply", "drawn.ply", "--report", "-"],
        ["compare", "scene.ply", "drawn.ply", "--html", "/dev/stdout"],
        ["info", "scene.ply", "--html", "/dev/stdout"],
        ["verify", "scene.ply", "drawn.ply", "--report", "-"],
        ["resample", "scene.ply", "half.ply", "--report", "-"],
        ["batch", "info", "scene.ply", "--workers", "1", "--json-lines"],
    ],
    ids=" ".join,
)
def test_a_document_on_stdout_has_it_for_itself(drawn: None, args: list[str]) -> None:
    command = [sys.executable, "-m", "gscli", *args]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert told(done.stderr)
    if args[-1] == "/dev/stdout":
        assert done.stdout.startswith("<!")
        assert done.stdout.rstrip().endswith("</html>")
    else:
        assert "version" in json.loads(done.stdout)


def documents(command: click.Command) -> Iterator[list[str]]:
    """Every option of a command that can send something to stdout, as it is given then."""
    for parameter in command.params:
        if isinstance(parameter, options.ToStdout):
            yield parameter.opts[:1]
        elif isinstance(parameter, click.Option) and parameter.type in (paths.OUTPUT, paths.DATA):
            yield [parameter.opts[0], "-"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_stdout_carries_one_document(name: str, tmp_path: Path) -> None:
    args = list(plain(example(name, tmp_path), tmp_path))
    for first, second in itertools.combinations(documents(commands()[name]), 2):
        done = run(*name.split(), *args, *first, *second)
        assert (done.exit_code, done.stdout) == (2, "")
        assert "stdout can carry one thing" in done.stderr


@pytest.mark.parametrize("args", [["info", "scene.ply"], ["verify", "scene.ply", "drawn.ply"]])
def test_an_answer_that_nobody_can_receive_does_not_fail(drawn: None, args: list[str]) -> None:
    command = [sys.executable, "-m", "gscli", *args]
    done = subprocess.run(
        command, stderr=subprocess.PIPE, preexec_fn=lambda: os.close(1), timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("output", ["-", "/dev/stdout"])
@pytest.mark.parametrize(
    "args",
    [
        ["resample", "scene.ply"],
        ["convert", "scene.ply"],
        ["resample", "scene.ply", "half.ply", "--index"],
        ["compare", "scene.ply", "drawn.ply", "--distances"],
    ],
    ids=" ".join,
)
def test_binary_data_is_not_sent_to_a_terminal(drawn: None, args: list[str], output: str) -> None:
    terminal, its_end = os.openpty()
    command = [sys.executable, "-m", "gscli", *args, output]
    done = subprocess.run(command, stdout=its_end, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.set_blocking(terminal, False)
    with pytest.raises(BlockingIOError):
        os.read(terminal, 1)
    os.close(its_end)
    os.close(terminal)
    assert done.returncode == 2
    assert "is binary data, which a terminal cannot show; name a file, or pipe it on" in done.stderr
    assert not Path("half.ply").exists()


def test_text_is_sent_to_a_terminal(drawn: None) -> None:
    terminal, its_end = os.openpty()
    command = [sys.executable, "-m", "gscli", "compare", "scene.ply", "drawn.ply", "--report", "-"]
    assert subprocess.run(command, stdout=its_end, stderr=subprocess.PIPE, timeout=60, check=True)
    assert os.read(terminal, 100).startswith(b"{")
    os.close(its_end)
    os.close(terminal)


def seen(args: list[str]) -> str:
    """What a terminal shows of what a command says on stdout."""
    terminal, its_end = os.openpty()
    command = [sys.executable, "-m", "gscli", *args]
    subprocess.run(command, stdout=its_end, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(its_end)
    said = b""
    with suppress(OSError):  # the end, on Linux
        while part := os.read(terminal, 1 << 16):
            said += part
    os.close(terminal)
    return said.decode().replace("\r\n", "\n")


COMPARED = ["compare", "scene.ply", "drawn.ply", "--threshold", "9"]


@pytest.mark.parametrize(
    ("args", "last"),
    [
        (COMPARED, "verdict   matched within 9: 100.00% of source, 100.00% of target"),
        ([*COMPARED, "--min-fitness", "10%"], "\x1b[32mverdict   1 limit kept\x1b[0m"),
        (
            [*COMPARED, "--min-fitness", "0", "--max-rmse", "0"],
            "\x1b[31mverdict   1 of 2 limits missed: source_to_target.at[0].inlier_rmse is ",
        ),
        (["verify", "scene.ply", "drawn.ply"], "\x1b[32mverdict  it is what it claims to be\x1b[0m"),
    ],
)
def test_the_last_line_of_a_summary_is_its_verdict_in_colour_on_a_terminal(
    drawn: None, monkeypatch: pytest.MonkeyPatch, args: list[str], last: str
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert seen(args).splitlines()[-1].startswith(last)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in seen(args)
    monkeypatch.delenv("NO_COLOR")
    assert "\x1b" not in run(*args).stdout


def test_info_describes_one_scene_after_the_other(drawn: None) -> None:
    both = run("info", "scene.ply", "drawn.ply")
    assert both.exit_code == 0
    assert both.stdout == run("info", "scene.ply").stdout + run("info", "drawn.ply").stdout
    stopped = run("info", "scene.ply", "absent.ply", "drawn.ply")
    assert (stopped.exit_code, stopped.stdout) == (3, run("info", "scene.ply").stdout)
    refused = run("info", "scene.ply", "drawn.ply", "--json")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "try gscli batch info --json-lines" in refused.stderr


@pytest.mark.parametrize(
    ("args", "status"),
    [
        (["info", "scene.ply"], 0),
        (["formats"], 0),
        (["compare", "scene.ply", "drawn.ply"], 0),
        (["compare", "scene.ply", "drawn.ply", "--min-fitness", "1", "-t", "0.001"], 6),
        (["verify", "scene.ply", "scene.ply"], 3),
        (["resample", "scene.ply", "-"], 1),
        (["info", "scene.ply", "--json"], 1),
    ],
)
def test_a_reader_that_leaves_does_not_make_an_answer_fail_nor_a_limit_be_kept(
    drawn: None, args: list[str], status: int
) -> None:
    """As ``| head -1`` under a shell's pipefail; data and documents that are cut short do fail."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "gscli", *args]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(writer)
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert "Broken pipe" not in done.stderr


@pytest.mark.parametrize(
    ("args", "status"),
    [
        (["resample", "scene.ply", "half.ply"], 0),
        (["compare", "scene.ply", "drawn.ply", "--min-fitness", "1", "-t", "0.001"], 6),
        (["info", "absent.ply"], 3),
    ],
)
def test_a_reader_of_remarks_that_leaves_changes_no_status(drawn: None, args: list[str], status: int) -> None:
    """As ``2>&1 | head -1``."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "gscli", *args]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=writer, timeout=60, check=False)
    os.close(writer)
    assert done.returncode == status
