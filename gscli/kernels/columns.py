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


def abreast(rows: Array, names: Sequence[str]) -> npt.NDArray[np.float32] | None:
    """(n, len(names)) float32, a view of columns that lie side by side in structured rows; None of others."""
    described: Any = rows.dtype.fields
    start = described[names[0]][1]
    wanted = [(np.dtype(np.float32), start + 4 * place) for place in range(len(names))]
    if [described[name][:2] for name in names] != wanted or not rows.flags.c_contiguous:
        return None
    return as_bytes(rows)[:, start : start + 4 * len(names)].view(np.float32)


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


def spread(rows: Array, groups: Sequence[Sequence[tuple[str, float]]]) -> tuple[list[Array], bool]:
    """Take groups of columns out of rows, each as a table of its own.

    Args:
        rows: (n,) structured.
        groups: the names of columns of one number a row, and 1, or -1 where values change their sign.

    Returns:
        (n, columns of the group) float32, C-contiguous, for each group; and whether all of them are finite.
    """
    widths = [len(group) for group in groups]
    out = np.empty(len(rows) * sum(widths), np.float32)
    tables, first = [], 0
    with np.errstate(all="ignore"):
        for width, group in zip(widths, groups, strict=True):
            table = out[first : first + len(rows) * width].reshape(len(rows), width)
            first += table.size
            for place, (name, sign) in enumerate(group):
                put_signed(rows[name], sign, table[:, place])
            tables.append(table)
        finite = np.isfinite(out.sum()) or np.isfinite(out).all()  # nothing is lost in a sum that is
    return tables, bool(finite)


def put_signed(values: Array, sign: float, out: Array) -> None:
    """Put values, or what they are with the other sign, into a column.

    `np.negative` is no help: that of NumPy 2.4 takes wrong values where both are strided.
    """
    if sign < 0:
        np.multiply(values, np.float32(-1), out=out, casting="same_kind")
    else:
        out[...] = values


def _offsets(rows: Array, names: Sequence[str]) -> npt.NDArray[np.int64] | None:
    """Where in a row the columns are, if a compiled kernel can take them: all of them native float32."""
    if not _core.available() or not len(rows) or not names:
        return None
    described: Any = rows.dtype.fields
    if any(described[name][0] != np.float32 or not described[name][0].isnative for name in names):
        return None
    return np.array([described[name][1] for name in names], np.int64)
