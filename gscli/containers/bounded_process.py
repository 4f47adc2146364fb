"""In a process that reads a file with somebody else's decoder: its bounds, and how it tells what it found.

It writes arrays to one file, and beside it a page of JSON that says where each is, or what is wrong.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Literal

from ..runtime import processes

ASKED, ABOUT, VALUES = "asked.json", "about.json", "values"
NO_ROOM = 74  # the status that such a process ends with where it cannot write what it found
_SECONDS = 60  # of processor time, whatever the size
_BYTES_A_SECOND = 1 << 20  # beyond that: a tenth of what the slowest decoder makes of real files


def enter(size: int, memory: int) -> None:
    """Bind this process to its parent, and its time and memory.

    Args:
        size: how many bytes it decodes.
        memory: how many bytes of address space it may take.
    """
    processes.end_with_parent()
    processes.bound_memory(memory)
    processes.bound_time(_SECONDS + size // _BYTES_A_SECOND)


def asked(folder: str) -> Any:
    """What `gscli.containers.bounded.taken_apart` was told to ask."""
    return json.loads(Path(folder, ASKED).read_text())


class _NoRoom(Exception):
    """What was found cannot be written."""


class _File(io.FileIO):
    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError:
            raise _NoRoom from None


def ended(work: Callable[[], object]) -> int:
    """Do what writes to files of `writable`; returns the status to end with."""
    try:
        work()
    except _NoRoom:
        return NO_ROOM
    return 0


def writable(path: str | os.PathLike[str], mode: Literal["w", "a"] = "w") -> BinaryIO:
    """Open a file to leave something in for the process that started this one."""
    return io.BufferedWriter(_File(path, mode))


def tell(
    folder: str, take: Callable[[BinaryIO], dict[str, Any]], line: Callable[[Exception], str] = str
) -> int:
    """Write what `take` returns, and the arrays that it writes, to a folder; returns the status to end with.

    Args:
        folder: where.
        take: writes arrays to a stream.
        line: what is told of an exception.
    """
    place = Path(folder)

    def work() -> None:
        try:
            with writable(place / VALUES) as out:
                about = take(out)
        except _NoRoom:
            raise
        except Exception as error:  # noqa: BLE001  of a library in C++, over whatever a file holds
            about = {"error": line(error) or type(error).__name__}
        with writable(place / ABOUT) as page:
            page.write(json.dumps(about).encode())

    return ended(work)
