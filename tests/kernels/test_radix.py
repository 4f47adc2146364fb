"""A radix sort by compiled kernels gives the order of a stable sort."""

from __future__ import annotations

import numpy as np
import pytest

from gscli.kernels import parallel, radix

pytestmark = pytest.mark.compiled

B = parallel.BLOCK


@pytest.mark.parametrize("threads", ["1", "3"])
@pytest.mark.parametrize("n", [0, 1, 2, 1000, B - 1, B + 1, 3 * B + 7])
@pytest.mark.parametrize("bits", [0, 1, 10, 11, 12, 22, 23, 64])
def test_rows_come_in_the_order_of_their_keys_and_equal_keys_by_row(
    n: int, bits: int, threads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GSCLI_THREADS", threads)
    largest = (1 << bits) - 1
    keys = np.random.default_rng(n).integers(0, largest, n, np.uint64, endpoint=True)
    expected = np.argsort(keys, kind="stable")
    rows, ordered = radix.sort_rows(keys.copy(), largest)
    assert rows.dtype == np.int32
    np.testing.assert_array_equal(rows, expected)
    np.testing.assert_array_equal(ordered, keys[expected])


def test_digits_that_all_share_are_passed_over() -> None:
    keys = np.array([5 << 40, 3 << 40, 5 << 40, 3 << 40], np.uint64) + np.uint64(1 << 13)
    rows, _ = radix.sort_rows(keys, int(keys.max()))
    assert rows.tolist() == [1, 3, 0, 2]


@pytest.mark.parametrize("threads", ["1", "3"])
@pytest.mark.parametrize("n", [0, 1, 3, 1000, B + 1, 3 * B + 7])
@pytest.mark.parametrize(("low", "high"), [(0, 0), (0, 1), (3, 20), (20, 64), (0, 64)])
def test_words_are_sorted_by_some_of_their_bits_and_stay_in_turn_otherwise(
    n: int, low: int, high: int, threads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GSCLI_THREADS", threads)
    words = np.random.default_rng(n).integers(0, (1 << high) - 1, n, np.uint64, endpoint=True)
    expected = words[np.argsort(words >> np.uint64(low), kind="stable")]
    both = words.copy(), np.empty_like(words)
    ordered, spare = radix.sort_words(*both, low, high)
    np.testing.assert_array_equal(ordered, expected)
    assert ordered is not spare
    assert any(ordered is one for one in both)
    assert any(spare is one for one in both)
