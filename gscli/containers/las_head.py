"""What stands before and behind the points of a LAS file, as bytes: what gscli does not know stays."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .bytes import table

RECORD = struct.Struct("<2x16sHH32x")  # a variable length record: owner, kind, length
EXTENDED = struct.Struct("<2x16sHQ32x")  # one of those behind the points
SPECIFICATION, EXTRA_BYTES = b"LASF_Spec", 4
PACKING = (b"laszip encoded", 22204)  # how points are packed
_PACKER = b"http://laszip.org"  # what that record says of itself
OCTREE = b"copc"  # the owner of what holds only for the points in their order
_EXTRA = struct.Struct("<2xBB32s4x120x32x")  # a described dimension: type, options, name
_MASKED = slice(26, 90)  # system and software
_DATE, _SIZES, _COUNTS, _LATTICE, _BOUNDS = 90, 94, 104, 131, 179
_TIMES = 375  # where LAS 1.5 says which GPS times are the last and the first
_MINIMUM, _MAXIMUM = 2, 4  # options: the description of a dimension says the least, the greatest value
_LIMITS = 64  # where it does, in 24 bytes each
_LIMIT_TYPES = dict(zip(range(1, 11), "QqQqQqQqdd", strict=True))  # by the type of the dimension
_WAVEFORMS, _EXTENDED = 227, 235  # where the header of LAS 1.3 and of 1.4 says where those start


@dataclass(frozen=True)
class LasHead:
    """The bytes of a LAS file around its points.

    Attributes:
        fixed: the header.
        records: the variable length records, each with its head.
        gap: what stands between them and the points.
        tail: what stands behind the points: waveforms and extended records.
        start: where the tail stood in the file.
    """

    fixed: bytes
    records: tuple[bytes, ...]
    gap: bytes
    tail: bytes = b""
    start: int = 0

    @classmethod
    def of(cls, data: npt.NDArray[np.uint8], path: Path) -> LasHead:
        """Take apart a file whose header's counts were checked.

        Raises:
            InputError: a record is cut short.
        """
        size, points, count = struct.unpack_from("<HII", data[:_COUNTS].tobytes(), _SIZES)
        fixed = table(data, "u1", size, 0, path, "header bytes").tobytes()
        at, records = size, []
        for _ in range(count):
            _, _, length = RECORD.unpack(table(data, "u1", RECORD.size, at, path, "record bytes").data)
            whole = table(data, "u1", RECORD.size + length, at, path, "record bytes")
            records.append(whole.tobytes())
            at += len(whole)
        starts = [start for start in _starts(fixed) if start >= points]
        start = min(starts, default=len(data))
        gap = data[at:points].tobytes()
        return cls(fixed, tuple(records), gap, data[start:].tobytes() if starts else b"", start)

    @classmethod
    def undated(cls, head: bytes) -> LasHead:
        """The head of a new file without records, whose bytes are the same every day."""
        return cls(head[:_DATE] + bytes(4) + head[_DATE + 4 :], (), b"")

    @property
    def octree(self) -> bool:
        """Whether it is a cloud optimized file."""
        return any(_owner(record) == OCTREE for record in self.records)

    def plain(self) -> LasHead:
        """The same without records of how the points are packed and ordered."""
        kept = tuple(r for r in self.records if _key(r) != PACKING and _owner(r) != OCTREE)
        if not self.octree or self.fixed[25] < 4:
            return replace(self, records=kept)
        first, count = struct.unpack_from("<QI", self.fixed, _EXTENDED)
        at, tail, left = max(first - self.start, 0), b"", 0
        before = self.tail[:at]
        for _ in range(count):
            if at + EXTENDED.size > len(self.tail):
                break
            owner, _, length = EXTENDED.unpack_from(self.tail, at)
            end = at + EXTENDED.size + length
            if owner.rstrip(b"\0") != OCTREE:
                tail, left = tail + self.tail[at:end], left + 1
            at = end
        fixed = bytearray(self.fixed)
        struct.pack_into("<QI", fixed, _EXTENDED, first if left else 0, left)
        return replace(self, fixed=bytes(fixed), records=kept, tail=before + tail)

    def readable(self) -> bytes:
        """Header and records with words that are ASCII, for libraries that insist on it."""
        fixed = bytearray(self.fixed)
        fixed[_MASKED] = _ascii(fixed[_MASKED])
        records = [r[:2] + _ascii(r[2:18]) + r[18:22] + _ascii(r[22:54]) + r[54:] for r in self.records]
        return bytes(fixed) + b"".join(records) + self.gap

    def described(self, extra: Iterable[bytes]) -> LasHead:
        """The same with descriptions of further dimensions, see `extra_bytes`."""
        body = b"".join(extra)
        for number, record in enumerate(self.records):
            if _key(record) == (SPECIFICATION, EXTRA_BYTES):
                grown = record[:20] + struct.pack("<H", len(record) - RECORD.size + len(body)) + record[22:]
                return replace(
                    self, records=(*self.records[:number], grown + body, *self.records[number + 1 :])
                )
        head = RECORD.pack(SPECIFICATION, EXTRA_BYTES, len(body))
        return replace(self, records=(*self.records, head + body)) if body else self

    def limited(self, values: Mapping[str, npt.NDArray[Any]]) -> LasHead:
        """The same with those limits of dimensions that descriptions say made true of points.

        Args:
            values: by dimension what the points store; descriptions of others say no limits any more.
        """
        records = list(self.records)
        for number, record in enumerate(records):
            if _key(record) == (SPECIFICATION, EXTRA_BYTES):
                whole = bytearray(record)
                for at in range(RECORD.size, len(whole) - _EXTRA.size + 1, _EXTRA.size):
                    whole[at : at + _EXTRA.size] = _limited(whole[at : at + _EXTRA.size], values)
                records[number] = bytes(whole)
        return replace(self, records=tuple(records))

    def before(
        self,
        *,
        kind: int,
        width: int,
        scales: npt.NDArray[Any],
        offsets: npt.NDArray[Any],
        bounds: npt.NDArray[Any],
        returns: npt.NDArray[Any],
        count: int,
        size: int,
        times: tuple[float, float] | None = None,
        packing: bytes | None = None,
    ) -> bytes:
        """The bytes before points.

        Args:
            kind: the point format. width: bytes of a point.
            scales, offsets: (3,) of the integers.
            bounds: (2, 3), the highest and lowest coordinates.
            returns: (15,) how many points are of each return.
            count: how many points there are. size: how many bytes they take, unless they are packed.
            times: the last and the first GPS time, where points have one.
            packing: the record of how they are packed.
        """
        records = list(self.records)
        if packing is not None:
            records.append(RECORD.pack(*PACKING, len(packing))[:22] + _PACKER.ljust(32, b"\0") + packing)
        fixed, body = bytearray(self.fixed), b"".join(records) + self.gap
        points = len(fixed) + len(body)
        struct.pack_into("<II", fixed, _SIZES + 2, points, len(records))
        old = (count, *returns[:5]) if fixed[25] < 4 or (kind < 6 and count < 2**32) else (0,) * 6
        packed = kind | (0x80 if packing is not None else 0)
        struct.pack_into("<BH6I", fixed, _COUNTS, packed, width, *map(int, old))
        struct.pack_into("<6d", fixed, _LATTICE, *scales, *offsets)
        struct.pack_into("<6d", fixed, _BOUNDS, *bounds.T.reshape(-1))
        if fixed[25] >= 4:
            struct.pack_into("<16Q", fixed, _EXTENDED + 12, count, *map(int, returns))
        if fixed[25] >= 5 and len(fixed) >= _TIMES + 16 and times is not None:
            struct.pack_into("<2d", fixed, _TIMES, *times)
        if packing is None:
            self.place(fixed, points + size)
        return bytes(fixed) + body

    def place(self, fixed: bytearray, start: int) -> None:
        """Let a header say that the tail starts at `start`."""
        moved = [at + start - self.start if at >= self.start > 0 else at for at in _starts(self.fixed)]
        for where, at in zip((_WAVEFORMS, _EXTENDED), moved, strict=False):
            struct.pack_into("<Q", fixed, where, min(at, 2**64 - 1))


def extra_bytes(name: str, kind: int, options: int = 0) -> bytes:
    """The description of a dimension of a type that the specification numbers; 0 is `options` bytes."""
    return _EXTRA.pack(kind, options, name.encode())


def _limited(description: bytearray, values: Mapping[str, npt.NDArray[Any]]) -> bytearray:
    """A description of a dimension with the limits that it says made true, or unsaid."""
    kind, options, name = _EXTRA.unpack(description)
    stored = values.get(name.split(b"\0")[0].decode("latin-1"))
    if not kind or not options & (_MINIMUM | _MAXIMUM):  # of type 0 the options are a number of bytes
        return description
    if kind not in _LIMIT_TYPES or stored is None or stored.ndim != 1 or not len(stored):
        description[3] = options & ~(_MINIMUM | _MAXIMUM)
        description[_LIMITS : _LIMITS + 48] = bytes(48)
        return description
    code = f"<{_LIMIT_TYPES[kind]}"
    for at, (bit, limit) in enumerate(
        ((_MINIMUM, np.fmin.reduce(stored)), (_MAXIMUM, np.fmax.reduce(stored)))
    ):
        if options & bit:
            struct.pack_into(code, description, _LIMITS + 24 * at, limit.item())
    return description


def _starts(fixed: bytes) -> list[int]:
    """Where waveforms and extended records start, as far as the version has them; 0 for nowhere."""
    ends = [(3, _WAVEFORMS), (4, _EXTENDED)]
    return [
        struct.unpack_from("<Q", fixed, at)[0]
        for minor, at in ends
        if fixed[25] >= minor and len(fixed) >= at + 8
    ]


def _owner(record: bytes) -> bytes:
    return record[2:18].split(b"\0")[0]


def _key(record: bytes) -> tuple[bytes, int]:
    return _owner(record), struct.unpack_from("<H", record, 18)[0]


def _ascii(words: bytes | bytearray) -> bytes:
    return bytes(b if b < 128 else ord("?") for b in words)
