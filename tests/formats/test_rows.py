"""Rows are packed as a format has them, value for value."""

from __future__ import annotations

import numpy as np
import pytest

from gscli.formats._rows import packed

pytestmark = pytest.mark.usefixtures("kernels")

HELD = [("a", "<f4"), ("b", "<f4"), ("label", "u1"), ("c", "<f4"), ("d", "<f8")]
KINDS = [
    [("c", "<f4"), ("a", "<f4")],
    [("b", "<f4")],
    [("a", "<f4"), ("d", "<f4")],
    [("a", ">f4"), ("label", "u1")],
    [],
]


@pytest.mark.parametrize("kind", KINDS)
def test_columns_are_left_out_and_moved_with_their_bits(kind: list[tuple[str, str]]) -> None:
    rng = np.random.default_rng(0)
    rows = np.frombuffer(rng.integers(0, 256, 500 * np.dtype(HELD).itemsize, np.uint8).tobytes(), HELD)
    for part in (rows, rows[::3], rows[:0], rows[["a", "b", "c", "d", "label"]]):
        with np.errstate(all="ignore"):
            found = packed(part, np.dtype(kind))
            assert found.dtype == np.dtype(kind)
            assert found.shape == part.shape
            assert found.flags.c_contiguous
            for name, stored in kind:
                assert found[name].tobytes() == part[name].astype(stored).tobytes()
