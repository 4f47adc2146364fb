"""Scalars for TensorBoard: event files, without TensorFlow, PyTorch or TensorBoard.

A file is a row of records: length (uint64), its checksum, the bytes, their checksum; little-endian,
checksums CRC-32C, masked. A record is an ``Event`` protocol buffer: wall_time = 1 (double), step = 2
(int64), file_version = 3 (string) in the first one, summary = 5 in the others, which holds value = 1
with tag = 1 (string) and simple_value = 2 (float).
"""

from __future__ import annotations

import os
import socket
import struct
import time
from pathlib import Path
from typing import BinaryIO

from ..files import writing


class EventWriter:
    """Appends scalars to a new event file in a folder, made with the first. Each writer has its own.

    Raises:
        GscliError: the folder or the file cannot be written.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder)
        self._stream: BinaryIO | None = None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise writing.unwritable(folder, error) from None

    def add_scalars(self, scalars: dict[str, float], step: int) -> None:
        """Write named numbers as of a step, and let readers see them."""
        if self._stream is None:
            self._open(time.time())
        values = b"".join(
            _text(1, _text(1, tag.encode()) + _float(2, value)) for tag, value in scalars.items()
        )
        self._append(_double(1, time.time()) + _whole(2, step) + _text(5, values))

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()

    def _open(self, now: float) -> None:
        # The second and the host are the custom; the rest keeps two writers of one second apart.
        name = f"events.out.tfevents.{int(now)}.{socket.gethostname()}.{os.getpid()}.{time.time_ns()}"
        try:
            self._stream = (self._folder / name).open("xb")
        except OSError as error:
            raise writing.unwritable(self._folder, error) from None
        self._append(_double(1, now) + _text(3, b"brain.Event:2"))

    def _append(self, event: bytes) -> None:
        assert self._stream is not None
        length = struct.pack("<Q", len(event))
        try:
            self._stream.write(length + _checksum(length) + event + _checksum(event))
            self._stream.flush()
        except OSError as error:
            raise writing.unwritable(self._stream.name, error) from None


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _whole(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value & (1 << 64) - 1)


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _text(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _float(field: int, value: float) -> bytes:
    try:
        number = struct.pack("<f", value)
    except OverflowError:  # beyond float32
        number = struct.pack("<f", float("inf") if value > 0 else float("-inf"))
    return _varint(field << 3 | 5) + number


def _crc_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _crc_table()


def _checksum(data: bytes) -> bytes:
    """The masked CRC-32C (RFC 3720) of some bytes."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
