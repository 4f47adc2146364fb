"""Temporary files that hold what a container has packed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from typing import BinaryIO

from ..errors import GscliError


def spooled(pieces: Iterable[bytes], path: str | os.PathLike[str]) -> BinaryIO:
    """A temporary file, gone once it is closed, that holds some bytes, at its start.

    Args:
        pieces: the bytes. path: the file that they are packed in, for messages.

    Raises:
        GscliError: no room for it; and whatever `pieces` raise.
    """
    spool = tempfile.TemporaryFile(prefix="gscli-unpacked-")  # noqa: SIM115  for the caller
    try:
        for piece in pieces:
            try:
                spool.write(piece)
                spool.flush()
            except OSError as error:
                what = f"cannot be unpacked to {tempfile.gettempdir()} ({error.strerror or error})"
                raise GscliError(what, path=path, remedy="point TMPDIR at a folder with room") from None
        spool.seek(0)
    except BaseException:
        with suppress(OSError):  # closing tries again to write what did not fit
            spool.close()
        raise
    return spool
