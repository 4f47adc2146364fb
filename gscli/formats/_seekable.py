"""Streams that codecs write out of order, pipes too."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

import numpy.typing as npt

from ..files import room


@contextmanager
def seekable(stream: BinaryIO) -> Iterator[BinaryIO]:
    """The stream itself, or, where it is a pipe, a file that is copied to it in the end."""
    if stream.seekable():
        yield stream
        return
    what = "cannot be prepared in"
    with room.sought(what):
        spool = tempfile.TemporaryFile()  # noqa: SIM115  closed below
    try:
        with room.sought(what):
            yield spool
            spool.seek(0)
        shutil.copyfileobj(spool, stream, 1 << 20)
    finally:
        with suppress(OSError):  # closing tries again to write what did not fit
            spool.close()


def write_at(stream: BinaryIO, at: int, array: npt.NDArray[Any]) -> None:
    """Write a C-contiguous array at a place, past the buffer of a stream, which has to seek afterwards."""
    stream.flush()  # or what waits there would be written behind the array
    raw: Any = getattr(stream, "raw", stream)
    raw.seek(at)
    left = array.data.cast("B") if array.size else memoryview(b"")
    while left:
        left = left[raw.write(left) :]
