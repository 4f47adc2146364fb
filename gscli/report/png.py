"""Small pictures as PNG, for pages that carry everything they show."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
import numpy.typing as npt


def encode(levels: npt.NDArray[np.uint8], palette: npt.NDArray[np.uint8], empty: int) -> bytes:
    """An indexed PNG (ISO/IEC 15948).

    Args:
        levels: (H, W) indices into the palette.
        palette: (P, 3) colours, P <= `empty`.
        empty: the index that is transparent.
    """
    height, width = levels.shape
    colours = np.zeros((empty + 1, 3), np.uint8)
    colours[: len(palette)] = palette
    lines = np.zeros((height, width + 1), np.uint8)  # each line is led by its filter, none
    lines[:, 1:] = levels
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", colours.tobytes()),
            _chunk(b"tRNS", bytes([255] * empty + [0])),
            _chunk(b"IDAT", zlib.compress(lines.tobytes(), 6)),
            _chunk(b"IEND", b""),
        )
    )


def data_uri(picture: bytes) -> str:
    """A PNG as the address of an image inside a page."""
    return "data:image/png;base64," + base64.b64encode(picture).decode("ascii")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
