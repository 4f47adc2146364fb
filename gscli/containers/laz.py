"""LAZ to LAS, in a process of its own: over damaged data the decoder ends the process it runs in.

The decoder (lazrs) gets the points alone and a bound on its memory; header and records are copied.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .. import temporaries
from ..errors import InputError
from ..runtime import libraries, processes
from .bytes import mapped, table

_ROOM = 1 << 29  # bytes of address space for the interpreter and the decoder's buffers
_COPIES = 4  # of the points, at most, while they are unpacked and written
_RECORD = struct.Struct("<2x16sHH32x")  # a variable length record: owner, kind, length
_OWNER, _KIND = b"laszip encoded", 22204
_RECORDS = (("<u2", 94), ("<u4", 100))  # where the records start, and how many there are
_EVLR_START = 235  # where the header of LAS 1.4 says where extended records start
_PACKED_BITS = 0xC0  # of the point format


@contextmanager
def unpacked(path: Path, points: int) -> Iterator[Path]:
    """Yield the path of a temporary LAS file with the points of a LAZ file.

    Args:
        path: the LAZ file, whose header's counts were checked.
        points: how many bytes its points take unpacked.

    Raises:
        InputError: it is damaged.
        EngineUnavailable: lazrs is missing or broken.
    """
    libraries.require("lazrs", "LAZ", path=path)
    data = mapped(path)
    start = int(table(data, "<u4", 1, 96, path, "header fields")[0])
    head = bytearray(data[:start])
    head[104] &= ~_PACKED_BITS & 0xFF
    records = b""
    if head[25] >= 4 and len(head) >= _EVLR_START + 12:
        first, many = struct.unpack_from("<QI", head, _EVLR_START)
        if many:
            records = data[first:].tobytes()
            struct.pack_into("<Q", head, _EVLR_START, start + points)
    with temporaries.folder("gscli-laz") as folder:
        target = folder / "points.las"
        target.write_bytes(head)
        source = path.resolve()
        if not source.exists():  # spooled stdin: a descriptor of this process alone
            source = folder / "points.laz"
            source.write_bytes(data.data)
        arguments = [source, target, start, _layout(path, data).hex(), points, _ROOM + _COPIES * points]
        status = processes.run("gscli.containers.laz_process:main", *map(str, arguments))
        if status or target.stat().st_size != start + points:
            raise InputError("has damaged LAZ data", path=path, remedy="check that it is intact")
        with target.open("ab") as out:
            out.write(records)
        yield target


def _layout(path: Path, data: npt.NDArray[np.uint8]) -> bytes:
    """The record that tells how the points are packed."""
    at, count = (int(table(data, kind, 1, where, path, "header fields")[0]) for kind, where in _RECORDS)
    for _ in range(count):
        owner, kind, length = _RECORD.unpack(table(data, "u1", _RECORD.size, at, path, "record bytes").data)
        body = table(data, "u1", length, at + _RECORD.size, path, "record bytes")
        if owner.rstrip(b"\0") == _OWNER and kind == _KIND:
            return body.tobytes()
        at += _RECORD.size + length
    raise InputError("has no record of how its points are packed", path=path, remedy="it is damaged")
