"""The process that LAZ is unpacked in, with the decoder alone and a bound on its memory."""

from __future__ import annotations

import os

from . import bounded_process


def main(decoder: str, source: str, target: str, start: str, layout: str, size: str, limit: str) -> int:
    """Append the points of a LAZ file, unpacked, to a file.

    Args:
        decoder: ``lazrs`` or ``laszip``.
        source, target: the files.
        start: where the packed points begin.
        layout: the record that tells how they are packed, in hexadecimal.
        size: how many bytes they take unpacked.
        limit: how many bytes of address space this process may take.
    """
    bounded_process.enter(os.stat(source).st_size, int(limit))
    return bounded_process.ended(
        lambda: _append(decoder, source, target, int(start), bytes.fromhex(layout), bytearray(int(size)))
    )


def _append(decoder: str, source: str, target: str, start: int, layout: bytes, points: bytearray) -> None:
    with open(source, "rb") as stream, bounded_process.writable(target, "a") as out:
        if decoder == "laszip":
            import laszip

            laszip.LasUnZipper(stream).decompress_into(points)
        else:
            import lazrs

            stream.seek(start)
            lazrs.LasZipDecompressor(stream, layout).decompress_many(points)
        out.write(points)
