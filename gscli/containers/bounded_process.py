"""In a process that reads a file with somebody else's decoder: its bounds, and how it tells what it found.

It writes arrays to one file, and beside it a page of JSON that says where each is, or what is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from ..runtime import processes

ASKED, ABOUT, VALUES = "asked.json", "about.json", "values"
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


def tell(
    folder: str, take: Callable[[BinaryIO], dict[str, Any]], line: Callable[[Exception], str] = str
) -> None:
    """Write what `take` returns, and the arrays that it writes, to a folder.

    Args:
        folder: where.
        take: writes arrays to a stream.
        line: what is told of an exception.
    """
    place = Path(folder)
    try:
        with (place / VALUES).open("wb") as out:
            about = take(out)
    except Exception as error:  # noqa: BLE001  of a library in C++, over whatever a file holds
        about = {"error": line(error) or type(error).__name__}
    (place / ABOUT).write_text(json.dumps(about))
