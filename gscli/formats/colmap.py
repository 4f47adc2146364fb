"""``points3D`` of COLMAP, as ``.bin`` or ``.txt``, or the folder of its model: sparse points; read only.

A point has a number, a position, a colour, a mean reprojection error in pixels, and the pictures that see it,
of which their count is kept. Numbers have gaps, and points come in any order. A ``.bin`` has no magic: it is
known by its first records.
"""

from __future__ import annotations

import io
import math
import re
import struct
from array import array
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..cloud import GaussianCloud, Header
from ..containers.bytes import malformed, mapped, require_end
from ..errors import InputError
from ..kernels.structured import release_pages
from ._decoded import fill
from ._format import FOLDER_HEAD, HEAD_BYTES, Format
from ._text_preamble import COLMAP

NAMES = ("points3D.bin", "points3D.txt")
RECORD = np.dtype([("id", "<u8"), ("xyz", "<f8", 3), ("rgb", "u1", 3), ("error", "<f8"), ("seen", "<u8")])
SEEN = 8  # bytes of a picture that sees a point
_ROWS = np.dtype([
    *((axis, "<f8") for axis in "xyz"),
    *((colour, "u1") for colour in ("red", "green", "blue")),
    *(("error", "<f8"), ("track_length", "<u4"), ("point3d_id", "<u8")),
])  # fmt: skip
_PROMISED = re.compile(rb"#\s*Number of points:\s*(\d{1,18})\b")
_SOME = 64  # records that are looked at to know a file
_MOST_SEEN = 1 << 20  # pictures that see a point


def sniff(head: bytes) -> bool:
    if head.startswith(FOLDER_HEAD):
        return any(name.encode() in head[len(FOLDER_HEAD) :].split(b"\n") for name in NAMES)
    return sniff_text(head) or _sniff_binary(head)


def sniff_text(head: bytes) -> bool:
    """Whether a text says in its comments that it is one."""
    return head.startswith(b"#") and COLMAP in head[:1000]


def read(path: Path) -> GaussianCloud:
    """Read the points of a model.

    Args:
        path: a file of points, or the folder that has one.

    Raises:
        InputError: damaged, cut short, or no such file.
    """
    if path.is_dir():
        path = next((path / name for name in NAMES if (path / name).exists()), path / NAMES[0])
    data = mapped(path)
    with malformed(path, "points3D of COLMAP"):
        text = sniff_text(data[:1000].tobytes()) or path.suffix.lower() == ".txt"
        rows = _told(path, data) if text else _stored(path, data)
        return GaussianCloud(rows, Header("colmap", notes=("which pictures see a point is left out",)))


def _sniff_binary(head: bytes) -> bool:
    if len(head) < SEEN + RECORD.itemsize:
        return False
    count = int.from_bytes(head[:8], "little")
    at, looked = 8, 0
    while looked < min(count, _SOME) and at + RECORD.itemsize <= len(head):
        number, x, y, z, error, seen = struct.unpack_from("<Q3d3xdQ", head, at)
        sane = number < 1 << 48 and all(map(math.isfinite, (x, y, z, error))) and seen < _MOST_SEEN
        if not sane or max(abs(x), abs(y), abs(z), abs(error)) > 1e12 or error < -1:
            return False
        at, looked = at + RECORD.itemsize + SEEN * seen, looked + 1
    if len(head) < HEAD_BYTES:  # all of a file, which may be cut short, but not of billions of points
        return at == len(head) or looked < count < HEAD_BYTES // RECORD.itemsize
    return 0 < count < 1 << 40


def _stored(path: Path, data: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
    """The rows of a ``.bin``."""
    count = int(data[:8].view("<u8")[0])
    if count > (len(data) - 8) // RECORD.itemsize:
        what = f"claims {count:,} points, for which its {len(data):,} bytes have no room"
        raise InputError(what, path=path, remedy="it is cut short, or no points3D of COLMAP")
    starts, at, size, held = np.empty(count, np.int64), 8, len(data), data.data
    for row in range(count):
        starts[row] = at
        at += RECORD.itemsize
        if at <= size:
            at += SEEN * int.from_bytes(held[at - 8 : at], "little")
        if at > size:
            what = f"ends after {size:,} bytes, within point {row:,} of {count:,}"
            raise InputError(what, path=path, remedy="it is cut short, or no points3D of COLMAP")
    require_end(path, data, at, "its points")
    rows = np.empty(count, _ROWS)

    def decode(part: slice) -> None:
        records = data[starts[part][:, None] + np.arange(RECORD.itemsize)].view(RECORD)[:, 0]
        block = rows[part]
        for place, (axis, colour) in enumerate(zip("xyz", ("red", "green", "blue"), strict=True)):
            block[axis], block[colour] = records["xyz"][:, place], records["rgb"][:, place]
        block["error"], block["track_length"] = records["error"], records["seen"]
        block["point3d_id"] = records["id"]

    fill(count, decode)
    release_pages(data)
    return rows


def _told(path: Path, data: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
    """The rows of a ``.txt``: number, x, y, z, red, green, blue, error, then two numbers for each picture."""
    reals, colours, numbers, seen = array("d"), array("B"), array("Q"), array("L")
    promised = None
    for line in io.BytesIO(data.data):
        if not line.strip() or line.startswith(b"#"):
            found = _PROMISED.match(line)
            promised = int(found[1]) if found else promised
            continue
        number, x, y, z, red, green, blue, error, *pairs = line.split(None, 8)
        pictures = len(pairs[0].split()) if pairs else 0
        if pictures % 2:
            raise ValueError(f"point {number[:20].decode('ascii', 'replace')} has half a picture")
        numbers.append(int(number))
        reals.extend(map(float, (x, y, z, error)))
        colours.extend(map(int, (red, green, blue)))
        seen.append(pictures // 2)
    rows = np.empty(len(numbers), _ROWS)
    if promised is not None and promised != len(rows):
        what = f"has {len(rows):,} points where it says {promised:,}"
        raise InputError(what, path=path, remedy="it is cut short, or was changed by hand")
    xyze = np.array(reals).reshape(-1, 4)
    rgb = np.array(colours).reshape(-1, 3)
    for place, name in enumerate(("x", "y", "z", "error")):
        rows[name] = xyze[:, place]
    for place, name in enumerate(("red", "green", "blue")):
        rows[name] = rgb[:, place]
    rows["track_length"], rows["point3d_id"] = seen, numbers
    return rows


FORMAT = Format(
    "colmap",
    "points3D of COLMAP (.bin or .txt) or the folder of its model: positions, colours, errors",
    ("/points3d.bin",),
    sniff,
    read,
)
