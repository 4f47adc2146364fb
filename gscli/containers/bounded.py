"""Files that are read in a process of its own, in bounded memory and time.

Decoders in other languages take what a file claims at its word, and end the process they run in over some
that are damaged.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import GscliError, InputError
from ..files import room, temporaries
from ..runtime import processes
from .bounded_process import ABOUT, ASKED, NO_ROOM, VALUES
from .bytes import MAX_JSON, mapped, parsed, read_small, table, volume
from .spool import WHAT

_KILLED = -getattr(signal, "SIGKILL", 9)  # Windows has no signals


class Parts:
    """A file that was taken apart, see `taken_apart`.

    Attributes:
        path: the file. about: what was found in it.
    """

    def __init__(self, path: Path, about: dict[str, Any], values: npt.NDArray[np.uint8]) -> None:
        self.path, self.about, self._values = path, about, values

    def array(self, place: Sequence[Any]) -> npt.NDArray[Any]:
        """An array, as a view, by its place: where it starts, its type, its shape and whatever else."""
        at, kind, shape = place[:3]
        return table(self._values, kind, volume(shape), at, self.path, "values").reshape(shape)


def source_in(folder: Path, path: Path, name: str) -> Path:
    """A name in a folder of ours by which another process reads a file: a link, or else a copy."""
    source = folder / name
    try:
        os.symlink(path.resolve(strict=True), source)
    except OSError:  # spooled stdin, a descriptor of this process alone; or no links here
        data = mapped(path).data
        with room.sought(WHAT, path):
            source.write_bytes(data)
    return source


def run(function: str, path: Path, what: str, *arguments: object, done: Callable[[], bool]) -> None:
    """Call a function in a process of its own, which is to `gscli.containers.bounded_process.enter`.

    Args:
        function: see `gscli.runtime.processes.command`.
        path: the file that is read. what: what it is, such as ``LAZ``.
        arguments: of the function. done: whether what it is to leave is there.

    Raises:
        InputError: the process was ended over what the file holds, or failed.
        GscliError: it had no room, was killed, or could not be started.
    """
    try:
        status = processes.run(function, *map(str, arguments))
    except OSError as error:
        what = f"needs a process to be read in, which cannot be started ({error.strerror or error})"
        raise GscliError(what, path=path, remedy="end some others, or raise `ulimit -u`") from None
    if status == NO_ROOM:
        raise room.lacking(WHAT, room.FAILED, path)
    if status == _KILLED:  # what it takes itself is bounded, and ends it in other ways
        what = "the process that it was read in was killed, as the system does where memory runs out"
        raise GscliError(what, path=path, remedy="free some memory")
    if status or not done():
        raise InputError(
            f"has damaged {what} data, or asks for more memory or time than a scene of its size",
            path=path,
            remedy="check that it is intact",
        )


@contextmanager
def taken_apart(
    function: str, path: Path, what: str, name: str, *arguments: object, asked: Any = None
) -> Iterator[Parts]:
    """Let a process take a file apart; its arrays are maps of a temporary file, gone at the end.

    Args:
        function, path, what: see `run`.
        name: what the file is called there.
        arguments: of the function, after the file and the folder that it is to tell to.
        asked: what else it is to be told, however much, see `gscli.containers.bounded_process.asked`.

    Raises:
        InputError, GscliError: as of `run`.
        ValueError: it tells what is wrong.
    """
    with temporaries.folder(f"gscli-{what.lower()}") as folder:
        with room.sought(WHAT, path):
            (folder / ASKED).write_text(json.dumps(asked))
        source, told = source_in(folder, path, name), folder / ABOUT
        run(function, path, what, source, folder, *arguments, done=told.exists)
        about = parsed(read_small(told, MAX_JSON))
        if "error" in about:
            raise ValueError(about["error"])
        values = folder / VALUES
        yield Parts(path, about, mapped(values) if values.stat().st_size else np.empty(0, np.uint8))
