"""Gzip by threads is gzip: one member, the same bytes for however many threads and pieces."""

from __future__ import annotations

import gzip as standard
import io
import zlib

import numpy as np
import pytest

from gscli.containers import gzip


def packed(*kinds) -> bytes:
    stream = io.BytesIO()
    gzip.pack(stream, kinds)
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


def test_bytes_of_another_kind_begin_another_segment(monkeypatch):
    """So what is best for one kind is not used for the next, wherever it begins."""
    found = []
    monkeypatch.setattr(gzip, "_deflated", lambda segment: found.append(segment) or b"")
    packed([b"a" * 40_000, b"b" * 5], [], [b""], [b"c" * gzip.SEGMENT, b"d"])
    assert [len(data) for data, _ in found] == [40_005, gzip.SEGMENT, 1]
    assert [before for _, before in found] == [
        b"",
        b"a" * (gzip.WINDOW - 5) + b"b" * 5,
        b"c" * gzip.WINDOW,
    ]


def test_noise_takes_no_more_than_its_entropy_and_repetitions_no_more_than_elsewhere():
    rng = np.random.default_rng(0)
    noise = np.rint(rng.normal(100, 12, gzip.SEGMENT)).astype("u1")
    share = np.bincount(noise) / len(noise)
    entropy = -(share[share > 0] * np.log2(share[share > 0])).sum() / 8 * len(noise)
    assert entropy < len(packed([noise.tobytes()])) < 1.02 * entropy
    words = rng.integers(97, 110, (500, 7), np.uint8)[rng.integers(0, 500, 150_000)].tobytes()
    assert len(packed([words])) < 1.03 * len(standard.compress(words, 6))
