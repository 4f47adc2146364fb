"""Matching rows by their bytes."""

import numpy as np
import pytest

from gscli.kernels import rowsets
from gscli.kernels.rowsets import ABSENT, SURPLUS


def twin(rows, among):
    places = {}
    for i, row in enumerate(among):
        places.setdefault(row.tobytes(), []).append(i)
    found = []
    for row in rows:
        left = places.get(row.tobytes())
        found.append(ABSENT if left is None else left.pop(0) if left else SURPLUS)
    return found


@pytest.mark.parametrize("kind", [[("a", "u1")], [("a", "<f4"), ("b", "u1")], [("a", "<f8"), ("b", "<f8")]])
@pytest.mark.parametrize("n", [0, 1, 50, 16_383, 16_385])
def test_each_row_takes_one_row_with_its_bytes(kind, n):
    rng = np.random.default_rng(n)
    among, rows = np.zeros(n, kind), np.zeros(n // 2 + 3, kind)
    for table in (among, rows):
        for name in table.dtype.names:
            table[name] = rng.integers(0, 200, len(table))
    assert rowsets.match(rows, among).tolist() == twin(rows, among)


@pytest.mark.parametrize("values", [3, 40, 10_000])
def test_likely_rows_are_taken_before_equal_others(values):
    rng = np.random.default_rng(values)
    among = rng.integers(0, values, 300).astype("<i4").view([("a", "<i4")])
    rows = rng.integers(0, values, 200).astype("<i4").view([("a", "<i4")])
    likely = np.sort(rng.choice(300, 100, replace=False))
    order = np.concatenate([likely, np.setdiff1d(np.arange(300), likely)])
    expected = [order[i] if i >= 0 else i for i in twin(rows, among[order])]
    found = rowsets.match(rows, among, likely)
    assert found.tolist() == expected
    unused = {among[i].tobytes() for i in set(range(300)) - set(found.tolist())}
    unsure = [
        i >= 0 and i not in likely and row.tobytes() in unused for row, i in zip(rows, found, strict=True)
    ]
    assert rowsets.ambiguous(rows, among, likely, found).tolist() == unsure


def test_bytes_count_and_not_values():
    rows = np.array([(0.0,), (-0.0,), (np.nan,)], [("a", "<f4")])
    assert rowsets.match(rows[[1, 2]], rows).tolist() == [1, 2]


def test_rows_with_one_hash_are_told_apart_by_another(monkeypatch):
    real = rowsets.row_hashes
    monkeypatch.setattr(rowsets, "row_hashes", lambda rows, salt: real(rows, salt) * np.uint64(salt > 1))
    among = np.array([(i,) for i in range(9)], [("a", "<i4")])
    assert rowsets.match(among[[4, 2]], among).tolist() == [4, 2]
