"""Gzip, unpacked to a file; and written by several threads: one member, deflated in segments.

A segment starts from the 32 KiB before it as its dictionary and ends on a byte, as in pigz of Mark Adler.
Where the segments lie depends on the bytes alone, so that the file does too.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from ..kernels import parallel
from .bytes import MAX_RATIO, SMALL, malformed
from .spool import spooled

MAGIC = b"\x1f\x8b"

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


def head_of(head: bytes, most: int) -> bytes:
    """What the start of a file holds, at most so many bytes if it is packed; itself if not."""
    if not head.startswith(MAGIC):
        return head
    for few in (most, 1 << 10):  # what is damaged further on still says what it is
        try:
            return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(head, few)
        except zlib.error:
            continue
    return b""


def unpacked(packed: BinaryIO, path: str | os.PathLike[str]) -> BinaryIO:
    """A temporary file, gone once it is closed, that holds what a file holds unpacked, of any members.

    Raises:
        InputError: damaged, cut short, or more than any scene unpacks to. GscliError: no room for it.
    """
    most = max(SMALL, MAX_RATIO * os.fstat(packed.fileno()).st_size)
    with malformed(Path(path), "gzip data"):
        return spooled(_bounded(_inflated(packed), most), path)


def _bounded(pieces: Iterable[bytes], most: int) -> Iterator[bytes]:
    for piece in pieces:
        most -= len(piece)
        if most < 0:
            raise ValueError("it unpacks to more than a hundredfold, which no scene does")
        yield piece


def _inflated(packed: BinaryIO) -> Iterator[bytes]:
    """What a stream of gzip members holds, a megabyte at a time at most."""
    data = packed.read(SEGMENT)
    while data:
        unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
        while not unpacker.eof:
            if not data:
                raise EOFError("cut short")
            yield unpacker.decompress(data, SEGMENT)
            data = unpacker.unconsumed_tail or (b"" if unpacker.eof else packed.read(SEGMENT))
        data = unpacker.unused_data or packed.read(SEGMENT)


def _deflated(segment: tuple[bytes, bytes, bool]) -> bytes:
    data, before, last = segment
    settings = (_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS, _MEMORY, zlib.Z_DEFAULT_STRATEGY)
    packer = zlib.compressobj(*settings, before) if before else zlib.compressobj(*settings)
    return packer.compress(data) + packer.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)
