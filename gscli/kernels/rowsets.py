"""Which rows of one table are in another, by their bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from . import hashing, parallel

ABSENT, SURPLUS = -1, -2


def match(rows: npt.NDArray[Any], among: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """For each row the row of `among` with the same bytes, none used twice.

    Args:
        rows, among: (K,) and (N,) structured arrays of one dtype.

    Returns:
        (K,) int64: a row of `among`, the earlier of equal ones first; or `ABSENT` where there is no such
        row; or `SURPLUS` where `rows` has more of them than `among`.
    """
    salt = 0
    while True:
        found = _match_hashes(row_hashes(rows, salt), row_hashes(among, salt))
        at = np.flatnonzero(found >= 0)
        if _all_equal(rows, at, among, found[at]):
            return found
        salt += 1  # two different rows had one hash


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
    opaque = np.dtype((np.void, a.dtype.itemsize))
    return np.flatnonzero(np.ascontiguousarray(a).view(opaque) != np.ascontiguousarray(b).view(opaque))


def _match_hashes(ours: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    order = np.argsort(theirs, kind="stable")
    sorted_theirs = theirs[order]
    own_order = np.argsort(ours, kind="stable")
    sorted_ours = ours[own_order]
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
        len(differing(rows[at[part]], among[found[part]])) for part in parallel.blocks(len(at), 1 << 14)
    )
