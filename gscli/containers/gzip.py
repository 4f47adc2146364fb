"""Gzip, unpacked to a file; and written by several threads: one member, deflated in segments.

A segment starts from the 32 KiB before it as its dictionary and ends on a byte, as in pigz of Mark Adler.
Where the segments lie depends on the bytes alone, so that the file does too. Quantised numbers hardly repeat:
to look for repetitions takes ten times as long as to code bytes by how frequent they are, and often makes
more of them. So each segment is deflated as a sample of it tells.
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

SEGMENT, WINDOW, SAMPLE = 1 << 20, 1 << 15, 1 << 15  # bytes
_MEMORY = 8  # zlib's own default, as level 6 is
_THOROUGH = (6, zlib.Z_DEFAULT_STRATEGY)
_FASTER = (
    (1, zlib.Z_HUFFMAN_ONLY),
    (2, zlib.Z_DEFAULT_STRATEGY),
    (4, zlib.Z_DEFAULT_STRATEGY),
)  # fastest first
_SPENT = 1.015  # times the bytes of the thorough way that a faster one may take
_HEAD = bytes([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255])  # deflate; no name, no time, no system
_END = b"\x03\x00"  # a last block, of nothing


def pack(stream: BinaryIO, kinds: Iterable[Iterable[bytes]]) -> None:
    """Write the concatenation of some bytes as a gzip member, holding a few megabytes of it at a time.

    Args:
        stream: where to.
        kinds: the bytes, those of one kind after those of another: no segment holds two.
    """
    check = size = 0

    def segments() -> Iterator[tuple[bytes, bytes]]:
        """What a segment holds, and what is before it."""
        nonlocal check, size
        before = b""
        for pieces in kinds:
            for segment in _cut(pieces):
                check, size = zlib.crc32(segment, check), size + len(segment)
                yield segment, before
                before = (before + segment[-WINDOW:])[-WINDOW:]

    stream.write(_HEAD)
    for packed in parallel.in_order(_deflated, segments()):
        stream.write(packed)
    stream.write(_END + struct.pack("<II", check, size & 0xFFFFFFFF))


def _cut(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The concatenation of some bytes, a segment at a time."""
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= SEGMENT:
            yield bytes(held[:SEGMENT])
            del held[:SEGMENT]
    if held:
        yield bytes(held)


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


def _deflated(segment: tuple[bytes, bytes]) -> bytes:
    data, before = segment
    return _coded(data, before, zlib.Z_SYNC_FLUSH, *_way(data, before))


def _way(data: bytes, before: bytes) -> tuple[int, int]:
    """The fastest level and strategy that make hardly more of what is in the middle than the thorough one."""
    start = max(0, len(data) - SAMPLE) // 2
    sample = data[start : start + SAMPLE]
    before = (before + data[:start])[-WINDOW:] if start < WINDOW else data[start - WINDOW : start]
    most = _SPENT * len(_coded(sample, before, zlib.Z_FINISH, *_THOROUGH))
    ways = (way for way in _FASTER if len(_coded(sample, before, zlib.Z_FINISH, *way)) <= most)
    return next(ways, _THOROUGH)


def _coded(data: bytes, before: bytes, end: int, level: int, strategy: int) -> bytes:
    settings = (level, zlib.DEFLATED, -zlib.MAX_WBITS, _MEMORY, strategy)
    packer = zlib.compressobj(*settings, before) if before else zlib.compressobj(*settings)
    return packer.compress(data) + packer.flush(end)
