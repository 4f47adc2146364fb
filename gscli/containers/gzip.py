"""Gzip written by several threads: one member, as every reader expects it, deflated in segments.

A segment starts from the 32 KiB before it as its dictionary and ends on a byte, as in pigz of Mark Adler.
Where the segments lie depends on the bytes alone, so that the file does too.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from ..kernels import parallel

SEGMENT, WINDOW = 1 << 20, 1 << 15  # bytes
_LEVEL, _MEMORY = 6, 8  # zlib's own defaults
_HEAD = bytes([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255])  # deflate; no name, no time, no system


def pack(stream: BinaryIO, pieces: Iterable[bytes]) -> None:
    """Write the concatenation of some bytes as a gzip member, holding a few megabytes of it at a time."""
    check = size = 0

    def segments() -> Iterator[tuple[bytes, bytes, bool]]:
        """What a segment holds, what is before it, and whether it is the last."""
        nonlocal check, size
        held, before = bytearray(), b""
        for piece in pieces:
            check, size = zlib.crc32(piece, check), size + len(piece)
            held += piece
            while len(held) > SEGMENT:
                segment = bytes(held[:SEGMENT])
                del held[:SEGMENT]
                yield segment, before, False
                before = segment[-WINDOW:]
        yield bytes(held), before, True

    stream.write(_HEAD)
    for packed in parallel.in_order(_deflated, segments()):
        stream.write(packed)
    stream.write(struct.pack("<II", check, size & 0xFFFFFFFF))


def _deflated(segment: tuple[bytes, bytes, bool]) -> bytes:
    data, before, last = segment
    settings = (_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS, _MEMORY, zlib.Z_DEFAULT_STRATEGY)
    packer = zlib.compressobj(*settings, before) if before else zlib.compressobj(*settings)
    return packer.compress(data) + packer.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)
