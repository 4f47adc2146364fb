"""Gzip, unpacked to a file; and written by several threads: one member, deflated in segments.

A segment starts from the 32 KiB before it as its dictionary and ends on a byte, as in pigz of Mark Adler.
Where the segments lie depends on the bytes alone, so that the file does too.
"""

from __future__ import annotations

import os
import struct
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from ..errors import GscliError
from ..kernels import parallel
from .bytes import MAX_RATIO, SMALL, malformed

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
    left = max(SMALL, MAX_RATIO * os.fstat(packed.fileno()).st_size)
    spool = tempfile.TemporaryFile(prefix="gscli-gzip-")  # noqa: SIM115  for the caller
    try:
        with malformed(Path(path), "gzip data"):
            for piece in _inflated(packed):
                left -= len(piece)
                if left < 0:
                    raise ValueError("it unpacks to more than a hundredfold, which no scene does")
                try:
                    spool.write(piece)
                except OSError as error:
                    what = f"cannot be unpacked to {tempfile.gettempdir()} ({error.strerror or error})"
                    raise GscliError(what, path=path, remedy="point TMPDIR at a folder with room") from None
        spool.seek(0)
    except BaseException:
        spool.close()
        raise
    return spool


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
