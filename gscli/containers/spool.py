"""Temporary files that hold what a container has packed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from typing import BinaryIO

from ..files import room

WHAT = "cannot be unpacked to"


def spooled(pieces: Iterable[bytes], path: str | os.PathLike[str]) -> BinaryIO:
    """A temporary file, gone once it is closed, that holds some bytes, at its start.

    Args:
        pieces: the bytes. path: the file that they are packed in, for messages.

    Raises:
        GscliError: no room for it; and whatever `pieces` raise.
    """
    with room.sought(WHAT, path):
        spool = tempfile.TemporaryFile(prefix="gscli-unpacked-")  # noqa: SIM115  for the caller
    try:
        for piece in pieces:
            with room.sought(WHAT, path):
                spool.write(piece)
                spool.flush()
        spool.seek(0)
    except BaseException:
        with suppress(OSError):  # closing tries again to write what did not fit
            spool.close()
        raise
    return spool
