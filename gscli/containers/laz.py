"""LAZ to LAS, in a process of its own: over damaged data the decoder ends the process it runs in.

The decoder gets a bound on its memory and gives the points alone; header and records are copied. It is lazrs,
or, over versions of the coders that lazrs does not know, laszip.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..files import room, temporaries
from ..runtime import libraries
from . import bounded
from .bytes import mapped, table
from .las_head import PACKING, RECORD, LasHead
from .spool import WHAT

_ROOM = 1 << 29  # bytes of address space for the interpreter and the decoder's buffers
_COPIES = 4  # of the points, at most, while they are unpacked and written
_ITEMS = 32  # where the record of the packing counts its items
_NEWEST = 3  # version of an item that lazrs knows
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
        EngineUnavailable: the decoder is missing or broken.
    """
    data = mapped(path)
    layout = _layout(path, data)
    newest = _newest(layout)
    decoder = "lazrs" if newest <= _NEWEST else "laszip"
    libraries.require(
        decoder, "LAZ" if newest <= _NEWEST else f"LAZ by version {newest} of LASzip's coders", path=path
    )
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
        with room.sought(WHAT, path):
            target.write_bytes(head)
        source = bounded.source_in(folder, path, "points.laz")
        arguments = (decoder, source, target, start, layout.hex(), points, _ROOM + _COPIES * points)
        bounded.run(
            "gscli.containers.laz_process:main",
            path,
            "LAZ",
            *arguments,
            done=lambda: target.stat().st_size == start + points,
        )
        with room.sought(WHAT, path), target.open("ab") as out:
            out.write(records)
        yield target


def _layout(path: Path, data: npt.NDArray[np.uint8]) -> bytes:
    """The record that tells how the points are packed."""
    at, count = (int(table(data, kind, 1, where, path, "header fields")[0]) for kind, where in _RECORDS)
    for _ in range(count):
        owner, kind, length = RECORD.unpack(table(data, "u1", RECORD.size, at, path, "record bytes").data)
        body = table(data, "u1", length, at + RECORD.size, path, "record bytes")
        if (owner.rstrip(b"\0"), kind) == PACKING:
            return body.tobytes()
        at += RECORD.size + length
    raise InputError("has no record of how its points are packed", path=path, remedy="it is damaged")


def _newest(layout: bytes) -> int:
    """The newest version of a coder that the record names."""
    (count,) = struct.unpack_from("<H", layout.ljust(_ITEMS + 2, b"\0"), _ITEMS)
    items = layout[_ITEMS + 2 :][: 6 * count]
    whole = items[: len(items) // 6 * 6]
    return max((version for *_, version in struct.iter_unpack("<3H", whole)), default=0)


def write(
    stream: BinaryIO,
    head: LasHead,
    points: Iterable[npt.NDArray[np.uint8]],
    about: dict[str, Any],
    extra: int,
) -> None:
    """Write a LAZ file.

    Args:
        stream: seekable, at its start.
        points: their bytes as LAS has them, in pieces of whole points.
        about: what `LasHead.before` takes of them.
        extra: how many bytes of a point are no dimension of its format's own.

    Raises:
        EngineUnavailable: lazrs is missing or broken.
    """
    libraries.require("lazrs", "LAZ")
    import lazrs

    layout = lazrs.LazVlr.new_for_compression(about["kind"], extra)
    before = bytearray(head.before(**about, packing=bytes(layout.record_data())))
    stream.write(before)
    packer = lazrs.LasZipCompressor(stream, layout)
    for piece in points:
        packer.compress_many(piece)
    packer.done()
    stream.seek(0, os.SEEK_END)
    head.place(before, stream.tell())
    stream.write(head.tail)
    stream.seek(0)
    stream.write(before)
