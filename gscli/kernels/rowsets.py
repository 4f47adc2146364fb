"""Which rows of one table are in another, by their bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from . import hashing, parallel, radix

ABSENT, SURPLUS = -1, -2


def match(
    rows: npt.NDArray[Any], among: npt.NDArray[Any], likely: npt.NDArray[Any] | None = None
) -> npt.NDArray[np.int64]:
    """For each row the row of `among` with the same bytes, none used twice.

    Args:
        rows, among: (K,) and (N,) structured arrays of one dtype.
        likely: rows of `among`, none twice, that are taken before all others.

    Returns:
        (K,) int64: a row of `among`, of equal ones the likely and then the earlier first; or `ABSENT`
        where there is no such row; or `SURPLUS` where `rows` has more of them than `among`.
    """
    rows, among = _opaque(rows), _opaque(among)
    salt = 0
    while True:
        found = _match_in_turn(row_hashes(rows, salt), row_hashes(among, salt), likely)
        at = np.flatnonzero(found >= 0)
        if _all_equal(rows, at, among, found[at]):
            return found
        salt += 1  # two different rows had one hash


def ambiguous(
    rows: npt.NDArray[Any], among: npt.NDArray[Any], likely: npt.NDArray[Any], found: npt.NDArray[Any]
) -> npt.NDArray[np.bool_]:
    """(K,) bool: which rows `match` found in a row that is not likely, while equal ones stay unused."""
    unused, expected = np.ones(len(among), bool), np.zeros(len(among), bool)
    unused[found[found >= 0]] = False
    expected[likely] = True
    unsure = found >= 0
    unsure[unsure] = ~expected[found[unsure]]
    if unsure.any():
        unsure[unsure] = np.isin(row_hashes(rows[unsure]), row_hashes(among[unused]))
    return unsure


def row_hashes(rows: npt.NDArray[Any], salt: int = 0) -> npt.NDArray[np.uint64]:
    """(N,) uint64 hashes of the bytes of rows."""
    size = rows.dtype.itemsize
    hashes = np.empty(len(rows), np.uint64)
    start = np.uint64(hashing.mix64(salt + hashing.GOLDEN))

    def fill(part: slice) -> None:
        taken = np.ascontiguousarray(rows[part]).view(np.uint8).reshape(-1, size)
        padded = np.zeros((len(taken), (size + 7) // 8 * 8), np.uint8)
        padded[:, :size] = taken
        words = padded.view(np.uint64)
        state = np.full(len(taken), start)
        for column in range(words.shape[1]):
            state = hashing.mix64(state * np.uint64(hashing.GOLDEN) + words[:, column])
        hashes[part] = state

    parallel.for_each(fill, parallel.blocks(len(rows), 1 << 14))
    return hashes


def differing(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Which of two equally long tables' rows differ in their bytes; ascending."""
    if not a.dtype.itemsize:
        return np.empty(0, np.int64)
    return np.flatnonzero(_opaque(a) != _opaque(b))


def _opaque(rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same rows as bytes that nothing is known of: they are compared and taken much faster."""
    if not rows.dtype.itemsize:
        return rows
    opaque: npt.NDArray[Any] = np.ascontiguousarray(rows).view(np.dtype((np.void, rows.dtype.itemsize)))
    return opaque


def _match_in_turn(ours: Any, theirs: Any, likely: npt.NDArray[Any] | None) -> npt.NDArray[np.int64]:
    """Hashes matched among the likely ones, then what is left among the others."""
    if likely is None:
        return _match_hashes(ours, theirs)
    found = _match_hashes(ours, theirs[likely])
    left = np.flatnonzero(found < 0)
    found[found >= 0] = likely[found[found >= 0]]
    if len(left):
        others = np.ones(len(theirs), bool)
        others[likely] = False
        rows = np.flatnonzero(others)
        second = _match_hashes(ours[left], theirs[rows])
        hit = second >= 0
        found[left[hit]] = rows[second[hit]]
        # ABSENT only where neither has one.
        found[left[~hit]] = np.minimum(found[left[~hit]], second[~hit])
    return found


def _match_hashes(ours: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    order, sorted_theirs = radix.sorted_stably(theirs)
    own_order, sorted_ours = radix.sorted_stably(ours)
    # The r-th of our equal hashes takes the r-th of theirs.
    rank = np.arange(len(ours)) - np.searchsorted(sorted_ours, sorted_ours, side="left")
    first = np.searchsorted(sorted_theirs, sorted_ours, side="left")
    last = np.searchsorted(sorted_theirs, sorted_ours, side="right")
    place = first + rank
    result = np.where(last == first, ABSENT, SURPLUS)
    inside = place < last
    result[inside] = order[place[inside]]
    found = np.empty(len(ours), np.int64)
    found[own_order] = result
    return found


def _all_equal(rows: Any, at: Any, among: Any, found: Any) -> bool:
    return not any(
        len(differing(rows.take(at[part]), among.take(found[part])))
        for part in parallel.blocks(len(at), 1 << 14)
    )
