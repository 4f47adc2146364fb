"""Where a mask is set is told as NumPy tells it."""

from __future__ import annotations

import numpy as np
import pytest

from gscli.kernels import marks, parallel

pytestmark = pytest.mark.usefixtures("kernels")

B = parallel.BLOCK


@pytest.mark.parametrize("threads", ["1", "3"])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("n", [0, 1, 63, 64, 65, 1000, B - 1, B + 1, 3 * B + 7])
def test_the_places_of_marks_are_listed_in_their_order(
    n: int, share: float, threads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GSCLI_THREADS", threads)
    mask = np.random.default_rng(n).random(n) < share
    found = marks.listed(mask)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, np.flatnonzero(mask))


@pytest.mark.parametrize("value", [1, 2, 8, 128, 255])
@pytest.mark.parametrize("step", [3, 40])
def test_whatever_is_not_zero_is_a_mark(value: int, step: int) -> None:
    mask = np.zeros(1000, np.uint8)
    mask[::step] = value
    assert marks.listed(mask.view(bool)).tolist() == list(range(0, 1000, step))


def test_a_mask_that_is_not_in_one_piece_is_read_all_the_same() -> None:
    mask = np.zeros(1000, bool)
    mask[::4] = True
    assert marks.listed(mask[::2]).tolist() == list(range(0, 500, 2))
