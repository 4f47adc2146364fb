"""What a terminal shows while a command is at work."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import gscli
from gscli.cli import _bars, show
from tests.commands import example

pty = pytest.importorskip("pty", reason="a pseudo-terminal is needed")


class Terminal(io.StringIO):
    """What was written to it, as it is and as a terminal shows its only line."""

    def isatty(self) -> bool:
        return True

    def line(self) -> str:
        shown: list[str] = []
        for part in self.getvalue().split("\r"):
            shown[: len(part)] = part
        return "".join(shown).rstrip()

    def shows(self, pattern: str) -> None:
        """Wait until the line looks so."""
        end = time.monotonic() + 30
        while not re.search(pattern, self.line()):
            assert time.monotonic() < end, self.line()
            time.sleep(0.02)


@contextmanager
def on_terminal() -> Iterator[Terminal]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_bars, "PATIENCE", 0.2)
        terminal = Terminal()
        patch.setattr(sys, "stderr", terminal)
        yield terminal


def test_work_of_unknown_length_shows_how_long_it_takes() -> None:
    with on_terminal() as terminal:
        with _bars.track("reading", None):
            terminal.shows("^reading: 00:00$")
            terminal.shows("^reading: 00:01$")
        assert terminal.line() == ""


def test_work_of_known_length_shows_a_bar_that_goes_on_and_a_clock_that_never_stands() -> None:
    with on_terminal() as terminal:
        with _bars.track("searching", 2000) as advance:
            terminal.shows(r"^searching: +0%.* 0.00/2.00k \[00:00")
            threading.Thread(target=advance, args=(1000,)).start()
            terminal.shows(r"^searching: +50%.* 1.00k/2.00k \[00:0\d<")
            terminal.shows(r"^searching: +50%.* 1.00k/2.00k \[00:01<")
        assert terminal.line() == ""


def test_of_work_within_work_the_innermost_is_shown_once_it_lasts() -> None:
    with on_terminal() as terminal:
        with _bars.track("searching", 10):
            with _bars.track("indexing", None):
                assert "indexing" not in terminal.line()
                terminal.shows("^indexing: ")
            terminal.shows("^searching: ")
        with _bars.track("verifying", 3, "draws") as advance:
            advance(1)
            with _bars.track("checking", None):
                terminal.shows("^verifying 2/3, checking: 00:0")


def test_what_is_soon_done_shows_nothing() -> None:
    with on_terminal() as terminal:
        with _bars.track("reading", None):
            pass
        time.sleep(3 * _bars.INTERVAL)
        assert terminal.getvalue() == ""


def test_a_remark_stands_in_a_line_of_its_own() -> None:
    with on_terminal() as terminal:
        with _bars.track("reading", None):
            terminal.shows("reading")
            show.remark("note")
            assert re.search(r"\r *\rnote\n", terminal.getvalue())
            before = len(terminal.getvalue())
            terminal.shows("reading")
        assert "\r" in terminal.getvalue()[before:]


@contextmanager
def slow_stdin(scene: Path, awaited: threading.Event) -> Iterator[int]:
    """A pipe that a file comes through slowly, as over a network: its rest once something has happened."""
    reading, writing = os.pipe()

    def send() -> None:
        data = scene.read_bytes()
        os.write(writing, data[:1000])
        awaited.wait(60)
        os.write(writing, data[1000:])
        os.close(writing)

    sender = threading.Thread(target=send)
    sender.start()
    yield reading
    sender.join()
    os.close(reading)


@pytest.mark.parametrize("args", [["info"], ["convert", "OUT"], ["verify", "DRAW"], ["compare", "DRAW"]])
def test_a_terminal_shows_that_reading_goes_on(tmp_path: Path, args: list[str]) -> None:
    scene, draw, *_ = example("compare", tmp_path)
    command, *rest = args
    others = [{"OUT": str(tmp_path / "out.ply"), "DRAW": draw}[word] for word in rest]
    master, terminal = pty.openpty()
    seen, told = b"", threading.Event()
    with slow_stdin(Path(scene), told) as stdin:
        process = subprocess.Popen(
            [sys.executable, "-m", "gscli", command, "-", *others],
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=terminal,
        )
        os.close(terminal)
        try:
            while part := os.read(master, 1 << 12):
                seen += part
                if b"reading: 00:01" in seen:
                    told.set()
        except OSError:  # how Linux tells that nobody writes any more
            pass
        process.wait()
    os.close(master)
    assert b"reading: 00:01" in seen


Seen = list[tuple[str, Any]]


@pytest.fixture
def stages() -> tuple[Seen, Callable[..., Any]]:
    """What a `Track` was told of: labels and totals."""
    seen: Seen = []

    @contextmanager
    def track(label: str, total: int | None, unit: str = "points") -> Iterator[Callable[[int], object]]:
        done: list[int] = []
        yield done.append
        seen.append((label, total))
        assert total is None or sum(done) == total

    return seen, track


def test_every_long_stage_tells_what_it_is(
    tmp_path: Path, scene_file: Path, stages: tuple[Seen, Callable[..., Any]]
) -> None:
    seen, track = stages

    def told() -> list[str]:
        labels = [label for label, _ in seen]
        seen.clear()
        return labels

    half, small = tmp_path / "half.ply", tmp_path / "small.splat"
    gscli.info(scene_file, track=track)
    assert told() == ["reading", "describing"]
    gscli.resample(scene_file, half, track=track)
    assert told() == ["reading", "reading", "finding cells", "drawing", "resampling"]
    gscli.convert(scene_file, small, allow_lossy=True, track=track)
    assert told() == ["reading", "converting", "measuring"]
    gscli.verify(scene_file, half, track=track)
    assert told() == ["reading", "reading", "finding cells", "verifying", "testing chances"]
    gscli.compare(scene_file, half, engine="kdtree", track=track, distances=tmp_path / "far.ply")
    assert [label for label in told() if label != "reading"] == [
        *("searching", "summing up", "comparing", "summing up", "writing"),
    ]
    gscli.coprune(scene_file, half, threshold=1.0, min_points=0, out_dir=tmp_path / "both", track=track)
    assert told() == ["reading", "searching", "writing"]
