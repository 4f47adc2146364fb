"""Streams that codecs write out of order, pipes too."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

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
