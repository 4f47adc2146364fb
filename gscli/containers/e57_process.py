"""The process that the points of E57 are read in, with libE57Format and bounds on its memory and time.

pye57's own ``E57`` removes a file that it fails to open: only the library below it is used, to read.
"""

from __future__ import annotations

import os
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from . import bounded_process

_BLOCK = 1 << 22  # bytes of points that are read at once
_BUFFERS = {np.dtype(kind): np.dtype(kind) for kind in ("i1", "u1", "i2", "u2", "f4", "f8")}
_WIDE = np.dtype(
    np.longlong
)  # "q", the only integers of 8 bytes that pye57 takes as such; it takes none of 4


class Wanted(NamedTuple):
    """What is to be read of a scan.

    Attributes:
        scan: its number.
        fields: their names and types.
        state: the field that is 0 for the points that are to be told; empty for all.
    """

    scan: int
    fields: list[tuple[str, str]]
    state: str


def buffer_type(fields: list[tuple[str, str]]) -> np.dtype[Any]:
    """The type of a point as it is told: of fields' names and types, those in integers of 4 bytes in 8."""
    return np.dtype([(name, _BUFFERS.get(np.dtype(kind), _WIDE)) for name, kind in fields], align=True)


def main(source: str, folder: str, limit: str) -> int:
    """Read points of an E57 file.

    Args:
        source: the file.
        folder: where the results go. It is asked for a list of `Wanted`.
        limit: how many bytes of address space this process may take.
    """
    bounded_process.enter(os.stat(source).st_size, int(limit))
    wanted = [Wanted(*one) for one in bounded_process.asked(folder)]
    return bounded_process.tell(folder, lambda out: {"scans": _read(source, wanted, out)}, _line)


def _line(error: Exception) -> str:
    """What went wrong, in a line: the library goes on with its source files."""
    return str(error).strip().split("\n")[0][:160]


def _read(source: str, wanted: list[Wanted], out: BinaryIO) -> list[tuple[int, int]]:
    """Append the points of scans, one after the other: how many there are of each, and how many are told."""
    from pye57 import libe57

    file = libe57.ImageFile(source, "r")
    scans = file.root()["data3D"]
    found = []
    for number, fields, state in wanted:
        kind = buffer_type(fields)
        block = np.empty(_BLOCK // kind.itemsize + 1, kind)
        buffers = libe57.VectorSourceDestBuffer()
        for name, _ in fields:
            place = (name, block[name], len(block), False, False, kind.itemsize)
            buffers.append(libe57.SourceDestBuffer(file, *place))
        reader, count, told = scans[number]["points"].reader(buffers), 0, 0
        while read := reader.read():
            rows = block[:read] if not state else block[:read][block[state][:read] == 0]
            out.write(rows.tobytes())
            count, told = count + read, told + len(rows)
        reader.close()
        found.append((count, told))
    file.close()
    return found
