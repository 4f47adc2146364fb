"""The container of binary glTF, version 2: a head, JSON, and one buffer."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .bytes import MAX_JSON, require_end, table

MAGIC = b"glTF"
LARGEST = (1 << 32) - 1  # bytes: the length is one of 32 bits
_JSON, _BIN = 0x4E4F534A, 0x004E4942  # kinds of chunks


def chunks(path: Path, data: npt.NDArray[np.uint8]) -> tuple[bytes, slice | None]:
    """The JSON of a .glb, and where its buffer lies; None where it has none.

    Raises:
        InputError: another version, cut short, or longer than it says. ValueError: no JSON at its start.
    """
    version, size = (int(n) for n in table(data, "<u4", 2, 4, path, "numbers of its head"))
    if version != 2:
        raise InputError(f"is a .glb of version {version}; 2 is read", path=path)
    table(data, "u1", size, 0, path, "bytes of its head")
    require_end(path, data, size, "its end")
    at, text, body = 12, None, None
    while at < size and body is None:
        length, kind = (int(n) for n in table(data, "<u4", 2, at, path, "numbers of a chunk"))
        start, at = at + 8, at + 8 + length
        table(data, "u1", length, start, path, "bytes of a chunk")
        if text is None:
            if kind != _JSON or length > MAX_JSON:
                raise ValueError(f"its first chunk is no JSON of at most {MAX_JSON:,} bytes")
            text = data[start:at].tobytes()
        elif kind == _BIN:
            body = slice(start, at)
    if text is None:
        raise ValueError("no JSON")
    return text, body


def head(text: bytes, body: int) -> bytes:
    """What a .glb holds before the bytes of its buffer, of which there are a multiple of four.

    Args:
        text: its JSON, at most `MAX_JSON` bytes.
        body: how many bytes follow.
    """
    text += b" " * (-len(text) % 4)
    size = 12 + 8 + len(text) + 8 + body
    start = struct.pack("<4sII", MAGIC, 2, size) + struct.pack("<II", len(text), _JSON)
    return start + text + struct.pack("<II", body, _BIN)
