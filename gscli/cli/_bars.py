"""The line at the bottom of a terminal that tells what a command is at, and how far it has come.

Stages lie within each other. The innermost that has lasted for a while is shown, with a bar where it is known
how much there is to do, and with its time in any case. A thread draws the line: that it stands still while
something is at work cannot be.
"""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

INTERVAL = 0.1  # seconds between two drawings
PATIENCE = 0.5  # seconds that a stage takes before it is shown

_lock = threading.RLock()
_open: list[Stage] = []
_drawer: threading.Thread | None = None
_width = 0  # columns of the terminal that hold something


@dataclass
class Stage:
    """What is being done.

    Attributes:
        total: how much there is to do, in `unit`; None where nobody knows.
        done: how much of it is done.
    """

    label: str
    total: int | None
    unit: str
    done: int = 0
    began: float = field(default_factory=time.monotonic)

    def advance(self, done: int) -> None:
        """Add what is done; from any thread."""
        with _lock:
            self.done += done

    def line(self, columns: int) -> str:
        """How far it is, in so many columns."""
        from tqdm import tqdm

        elapsed = time.monotonic() - self.began
        if self.total is None:
            return f"{self.label}: {tqdm.format_interval(elapsed)}"[:columns]
        unit = f" {self.unit}"
        return tqdm.format_meter(
            self.done, self.total, elapsed, columns, prefix=self.label, unit=unit, unit_scale=True
        )


@contextmanager
def stage(label: str, total: int | None, unit: str = "points") -> Iterator[Stage]:
    """Show a stage on stderr, while it lasts and unless one within it is shown."""
    global _drawer
    entered = Stage(label, total, unit)
    with _lock:
        _open.append(entered)
        if _drawer is None:
            _drawer = threading.Thread(target=_draw_on, daemon=True)
            _drawer.start()
    try:
        yield entered
    finally:
        with _lock:
            _open.remove(entered)
            if _width:
                wipe()


@contextmanager
def track(label: str, total: int | None, unit: str = "points") -> Iterator[Callable[[int], object]]:
    """The `gscli.progress.Track` that shows stages."""
    with stage(label, total, unit) as entered:
        yield entered.advance


def wipe() -> None:
    """Take the line away, so that something else can be told; it comes back."""
    global _width
    with _lock:
        if _width:
            sys.stderr.write(f"\r{'':{_width}}\r")
            sys.stderr.flush()
            _width = 0


def _draw_on() -> None:
    """Draw the line again and again while there is a stage."""
    global _drawer
    import tqdm  # noqa: F401  takes longer than a line may be held up by

    while True:
        time.sleep(INTERVAL)
        with _lock:
            if not _open:
                _drawer = None
                return
            _draw()


def _draw() -> None:
    global _width
    late = time.monotonic() - PATIENCE
    shown = [entered for entered in _open if entered.began <= late]
    if shown:
        columns = shutil.get_terminal_size().columns - 1
        line = shown[-1].line(columns)
        if len(shown) > 1 and shown[0].unit != "points":  # which of the draws, or the inputs
            line = f"{shown[0].label} {shown[0].done + 1}/{shown[0].total}, {line}"[:columns]
        sys.stderr.write(f"\r{line:{_width}}")
        sys.stderr.flush()
        _width = len(line)
