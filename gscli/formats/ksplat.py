""".ksplat of mkkellogg's viewer: sections of splats at three levels of compression, read only.

A header of 4,096 bytes, one of 1,024 for each section, then the sections: the sizes of partly filled
buckets, bucket centres, splats. At level 0 values are float32; at levels 1 and 2 positions are 16-bit
offsets from their bucket's centre, scales and rotations float16, harmonics float16 or bytes. Own
NumPy code: each level is one dtype, and the libraries tried trust every count in the headers.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud, Header
from ..containers.bytes import malformed, mapped, require_end, table
from ..errors import InputError
from ..kernels.structured import release_pages
from . import _rows
from ._decoded import fill
from ._format import Format

HEADER_BYTES, SECTION_BYTES = 4096, 1024
_FLOATS = ("f4", "f2", "f2")  # scales and rotations at each level
_HARMONICS = ("<f4", "<f2", "u1")


def sniff(head: bytes) -> bool:
    """No magic number: version 0.x, a level, at least one section, and zeros to the end of the header."""
    if len(head) < HEADER_BYTES or head[0] != 0 or head[1] == 0:
        return False
    sections, level = struct.unpack_from("<I", head, 4)[0], struct.unpack_from("<H", head, 20)[0]
    return 0 < sections < 1 << 16 and level <= 2 and not any(head[64:HEADER_BYTES])


def read(path: Path) -> GaussianCloud:
    """Read a .ksplat file.

    Raises:
        InputError: damaged, cut short, or of an unknown version.
    """
    data = mapped(path)
    with malformed(path, "a .ksplat file"):
        head = table(data, "u1", HEADER_BYTES, 0, path, "header bytes").tobytes()
        major, minor, sections, _, _, count, level = struct.unpack_from("<BBxxIIIIH", head)
        low, high = struct.unpack_from("<ff", head, 36)
        if major != 0 or minor < 1 or level > 2:
            raise InputError(f"is version {major}.{minor}, compression level {level}", path=path)
        limits = (low or -1.5, high or 1.5)
        table(data, "u1", sections * SECTION_BYTES, HEADER_BYTES, path, "section bytes")
        at, parts = HEADER_BYTES + sections * SECTION_BYTES, []
        for section in range(sections):
            start = HEADER_BYTES + section * SECTION_BYTES
            head = data[start : start + SECTION_BYTES].tobytes()
            part, at = _section(path, data, head, at, level, limits)
            if len(part):
                parts.append(part)
        require_end(path, data, at, "its sections")
        found = sum(len(part) for part in parts)
        if found != count or not count:
            raise InputError(f"has {found:,} splats where its header says {count:,}", path=path)
        if len({part.dtype for part in parts}) > 1:
            raise InputError("has sections of different SH degrees, which are not read", path=path)
        rows = np.concatenate(parts) if len(parts) > 1 else parts[0]
        return GaussianCloud(rows, Header("ksplat"))


def _section(
    path: Path, data: npt.NDArray[np.uint8], head: bytes, at: int, level: int, limits: tuple[float, float]
) -> tuple[npt.NDArray[Any], int]:
    """The splats of one section, and where the next section starts."""
    count, most, capacity, buckets = struct.unpack_from("<IIII", head)
    block, bucket_bytes, steps, full, partial, degree = struct.unpack_from("<fHxxIxxxxIIH", head, 16)
    if degree > 3 or count > most or (level and bucket_bytes != 12):
        raise InputError("has a section header that makes no sense", path=path, remedy="it is damaged")
    rest = len(fields.sh_rest(degree))
    record = np.dtype(
        [
            ("xyz", "<f4" if level == 0 else "<u2", 3),
            ("scale", f"<{_FLOATS[level]}", 3),
            ("rot", f"<{_FLOATS[level]}", 4),
            ("rgba", "u1", 4),
            ("sh", _HARMONICS[level], rest),
        ]
    )
    if level and full + partial > buckets:
        raise InputError("has more filled buckets than buckets", path=path, remedy="it is damaged")
    sizes = table(data, "<u4", partial, at, path, "bucket sizes")
    centres = table(data, "u1", buckets * bucket_bytes, at + sizes.nbytes, path, "bucket bytes")
    at += sizes.nbytes + centres.nbytes
    stored = table(data, record, count, at, path, "splats")
    ends = np.empty(0, np.int64)
    steps = steps or 32767
    if level:
        ends = np.cumsum(np.concatenate([np.full(full, capacity, np.int64), sizes.astype(np.int64)]))
        if count and (not len(ends) or ends[-1] < count):
            raise InputError("has fewer buckets than its splats need", path=path, remedy="it is damaged")
    rows = _rows.empty_splats(count, degree)

    def decode(part: slice) -> None:
        xyz = stored["xyz"][part].astype(np.float64)
        if level:
            bucket = np.searchsorted(ends, np.arange(part.start, part.stop), side="right")
            xyz = (xyz - steps) * (block / 2 / steps) + centres.view("<f4").reshape(-1, 3)[bucket]
        _rows.columns_of(rows[part], fields.POSITION)[...] = xyz
        _decode(stored[part], level, degree, limits, rows[part])
        release_pages(stored[part])

    fill(count, decode)
    return rows, at + most * record.itemsize


def _decode(
    stored: npt.NDArray[Any], level: int, degree: int, limits: tuple[float, float], rows: npt.NDArray[Any]
) -> None:
    """Fill new rows from as many records, but for the positions."""
    columns = _rows.columns_of
    smallest = np.finfo(np.float32).tiny
    columns(rows, fields.SCALE)[...] = np.log(np.maximum(stored["scale"].astype(np.float32), smallest))
    columns(rows, fields.ROTATION)[...] = stored["rot"]
    columns(rows, fields.SH_DC)[...] = fields.dc_from_rgb(stored["rgba"][:, :3] / 255.0)
    rows[fields.OPACITY] = _rows.LOGITS[stored["rgba"][:, 3]]
    if degree:
        low, high = limits
        values = stored["sh"] if level < 2 else low + stored["sh"] / 255.0 * (high - low)
        columns(rows, fields.sh_rest(degree))[...] = _by_channel(values, degree)


def _by_channel(values: npt.NDArray[Any], degree: int) -> npt.NDArray[Any]:
    """Harmonics stored degree by degree (in each all of red, green, blue) as channel major."""
    bands, start = [], 0
    for band in range(1, degree + 1):
        width = 2 * band + 1
        bands.append(values[:, start : start + 3 * width].reshape(len(values), 3, width))
        start += 3 * width
    return np.concatenate(bands, axis=2).reshape(len(values), -1)


FORMAT = Format("ksplat", ".ksplat, compression levels 0 to 2", (".ksplat",), sniff, read)
