"""Columns out of structured rows, in one pass over them where compiled kernels know their type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from .structured import as_bytes

Array = npt.NDArray[Any]

_GATHER = _core.for_each_type("gather", lambda kind: (np.uint8, int, int, np.int64, int, int, int, kind))
_SQUARES = _core.Kernel("square_sums", np.uint8, int, int, np.int64, int, np.float64)


def gather(rows: Array, names: Sequence[str], out: Array, first: int = 0) -> None:
    """Put columns into planes.

    Args:
        rows: (n,) structured; each of `names` one number a row.
        out: (len(names), N) floats, C-contiguous: out[c, first : first + n] becomes the column names[c].

    Raises:
        ValueError: it has no room for them.
    """
    if len(out) != len(names) or not 0 <= first <= out.shape[1] - len(rows):
        raise ValueError(
            f"{len(names)} columns of {len(rows)} rows from {first} on do not fit in {out.shape}"
        )
    offsets = _offsets(rows, names)
    kernel = _GATHER.get(out.dtype.str[1:]) if out.dtype.isnative else None
    if offsets is None or kernel is None or not out.flags.c_contiguous:
        for plane, name in zip(out, names, strict=True):
            plane[first : first + len(rows)] = rows[name]
        return
    kernel(as_bytes(rows), len(rows), rows.dtype.itemsize, offsets, len(names), first, out.shape[1], out)


def square_sums(rows: Array, names: Sequence[str]) -> npt.NDArray[np.float64]:
    """(n,) float64, the sum of the squares of columns of structured rows, added in their order."""
    sums = np.zeros(len(rows))
    offsets = _offsets(rows, names)
    if offsets is None:
        for name in names:
            column = rows[name].astype(np.float64)
            sums += column * column
    else:
        _SQUARES(as_bytes(rows), len(rows), rows.dtype.itemsize, offsets, len(names), sums)
    return sums


def _offsets(rows: Array, names: Sequence[str]) -> npt.NDArray[np.int64] | None:
    """Where in a row the columns are, if a compiled kernel can take them: all of them native float32."""
    if not _core.available() or not len(rows) or not names:
        return None
    described: Any = rows.dtype.fields
    if any(described[name][0] != np.float32 or not described[name][0].isnative for name in names):
        return None
    return np.array([described[name][1] for name in names], np.int64)
