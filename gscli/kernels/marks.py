"""Where a mask is set."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from . import parallel

_LIST = _core.Kernel("list_marked", np.uint8, int, int, np.int64, int)


def listed(marks: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """(K,) int64, the places of an (N,) mask that are True, ascending."""
    if not (_core.available() and marks.flags.c_contiguous):
        return np.flatnonzero(marks)
    parts = parallel.shares(len(marks))
    ends = np.cumsum([np.count_nonzero(marks[part]) for part in parts], dtype=np.int64).tolist()
    places = np.empty(ends[-1] if ends else 0, np.int64)
    known: Any = marks.view(np.uint8)

    def fill(i: int) -> None:
        first = ends[i - 1] if i else 0
        _LIST(known, parts[i].start, parts[i].stop, places[first : ends[i]], ends[i] - first)

    parallel.for_each(fill, range(len(parts)))
    return places
