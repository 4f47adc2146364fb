"""The process that LAZ is unpacked in, with the decoder alone and a bound on its memory."""

from __future__ import annotations

import os

from . import bounded_process


def main(decoder: str, source: str, target: str, start: str, layout: str, size: str, limit: str) -> None:
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
    points = bytearray(int(size))
    with open(source, "rb") as stream, open(target, "ab") as out:
        if decoder == "laszip":
            import laszip

            laszip.LasUnZipper(stream).decompress_into(points)
        else:
            import lazrs

            stream.seek(int(start))
            lazrs.LasZipDecompressor(stream, bytes.fromhex(layout)).decompress_many(points)
        out.write(points)
