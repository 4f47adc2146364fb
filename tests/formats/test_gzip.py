"""Gzip by threads is gzip: one member, the same bytes for however many threads and pieces."""

from __future__ import annotations

import gzip as standard
import io
import zlib

import numpy as np
import pytest

from gscli.containers import gzip


def packed(pieces) -> bytes:
    stream = io.BytesIO()
    gzip.pack(stream, pieces)
    return stream.getvalue()


@pytest.mark.parametrize(
    "size", [0, 1, gzip.WINDOW, *(gzip.SEGMENT + i for i in (-1, 0, 1)), 3 * gzip.SEGMENT]
)
def test_every_reader_unpacks_it(size):
    data = (np.random.default_rng(size).normal(0, 9, size).astype("i1")).tobytes()
    found = packed([data])
    assert standard.decompress(found) == data
    unpacker = zlib.decompressobj(31)
    assert unpacker.decompress(found) == data
    assert unpacker.eof
    assert not unpacker.unused_data  # it is one member


def test_threads_and_pieces_do_not_change_a_byte(monkeypatch):
    data = np.random.default_rng(0).integers(0, 50, 2 * gzip.SEGMENT + 77, np.uint8).tobytes()
    monkeypatch.setenv("GSCLI_THREADS", "1")
    whole = packed([data])
    monkeypatch.setenv("GSCLI_THREADS", "4")
    assert packed(data[i : i + 100_000] for i in range(0, len(data), 100_000)) == whole


def test_segments_know_what_is_before_them():
    """A repetition across the border of two segments is found: without a dictionary its bytes return."""
    block = np.random.default_rng(0).integers(0, 256, gzip.WINDOW // 2, np.uint8).tobytes()
    start = bytes(gzip.SEGMENT - len(block))
    assert len(packed([start, block, block])) < 1.2 * len(block)
