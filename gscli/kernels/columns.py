"""Columns out of structured rows and into them, in one pass where compiled kernels know their type."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from .structured import as_bytes

Array = npt.NDArray[Any]
Signed = Sequence[tuple[str, float]]  # names of columns, and 1, or -1 where values change their sign

_MINUS = np.uint32(1 << 31)  # the sign of a float32
_GATHER = _core.for_each_type("gather", lambda kind: (np.uint8, int, int, np.int64, int, int, int, kind))
_SPREAD = _core.Kernel("spread", np.uint8, int, int, np.int64, np.uint32, np.int64, int, np.uint32, np.uint32)
_INTERLEAVE = _core.Kernel(
    "interleave", np.uint8, int, int, np.int64, np.uint32, np.int64, int, np.int64, np.int64
)
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
    offsets = offsets_of(rows, names)
    kernel = _GATHER.get(out.dtype.str[1:]) if out.dtype.isnative else None
    if offsets is None or kernel is None or not out.flags.c_contiguous:
        for plane, name in zip(out, names, strict=True):
            plane[first : first + len(rows)] = rows[name]
        return
    kernel(*laid_out(rows), offsets, len(names), first, out.shape[1], out)


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
    offsets = offsets_of(rows, names)
    if offsets is None:
        for name in names:
            column = rows[name].astype(np.float64)
            sums += column * column
    else:
        _SQUARES(*laid_out(rows), offsets, len(names), sums)
    return sums


def spread(
    rows: Array, groups: Sequence[Signed], room: npt.NDArray[np.float32] | None = None
) -> tuple[list[Array], bool]:
    """Take groups of columns out of rows, each as a table of its own.

    Args:
        rows: (n,) structured.
        groups: columns of one number a row.
        room: floats that may be overwritten, for the tables to lie in; None for new memory.

    Returns:
        (n, columns of the group) float32, C-contiguous, for each group; and whether all of them are finite.
    """
    return spreader(rows.dtype, groups)(rows, room)


def spreader(
    kind: np.dtype[Any], groups: Sequence[Signed]
) -> Callable[[Array, npt.NDArray[np.float32] | None], tuple[list[Array], bool]]:
    """`spread` for many blocks of rows of one type, which looks up columns once."""
    widths = [len(group) for group in groups]
    offsets = _offsets(kind, [name for group in groups for name, _ in group])
    shapes = _shapes(groups)

    def take(rows: Array, room: npt.NDArray[np.float32] | None) -> tuple[list[Array], bool]:
        size = len(rows) * sum(widths)
        out = np.empty(size, np.float32) if room is None else room[:size]
        tables, first = [], 0
        for width in widths:
            tables.append(out[first : first + len(rows) * width].reshape(len(rows), width))
            first += len(rows) * width
        if offsets is not None and len(rows):
            odd, words = np.zeros(1, np.uint32), out.view(np.uint32)
            _SPREAD(*laid_out(rows), offsets, *shapes, words, odd)
            return tables, not odd[0]
        with np.errstate(all="ignore"):
            for table, group in zip(tables, groups, strict=True):
                for place, (name, sign) in enumerate(group):
                    put_signed(rows[name], sign, table[:, place])
            finite = np.isfinite(out.sum()) or np.isfinite(out).all()  # nothing is lost in a sum that is
        return tables, bool(finite)

    return take


def interleave(rows: Array, tables: Iterable[tuple[Array, Signed]]) -> None:
    """Put tables into columns of rows, the reverse of `spread`.

    Args:
        rows: (n,) structured.
        tables: (n, width) numbers, and the columns that they become, where rows have them.

    Raises:
        ValueError: a table of another shape.
    """
    given = list(tables)
    interleaver(rows.dtype, [group for _, group in given])(rows, [table for table, _ in given])


def interleaver(kind: np.dtype[Any], groups: Sequence[Signed]) -> Callable[[Array, Sequence[Array]], None]:
    """`interleave` for many blocks of rows of one type, which looks up columns once."""
    there = set(kind.names or ())
    places = [[place for place, (name, _) in enumerate(group) if name in there] for group in groups]
    held = [[group[place] for place in kept] for group, kept in zip(groups, places, strict=True)]
    narrow = [all(kind[name] == np.float32 for name, _ in group) for group in held]
    known = [_offsets(kind, [name for name, _ in group]) for group in held]
    flips = [_shapes([group])[0] for group in held]

    def put(rows: Array, tables: Sequence[Array]) -> None:
        compiled: list[tuple[int, Array]] = []
        for number, (table, group) in enumerate(zip(tables, groups, strict=True)):
            if table.shape != (len(rows), len(group)):
                raise ValueError(f"{len(group)} columns of {len(rows)} rows are not in {table.shape}")
            if len(held[number]) < len(group):
                table = table[:, places[number]]
            if table.dtype.kind == "f" and narrow[number]:
                table = table.astype(np.float32, copy=False)
                dense = rows.flags.c_contiguous and (table.shape[1] == 1 or table.strides[1] == 4)
                if known[number] is not None and dense and len(rows):
                    compiled.append((number, table))
                    continue
            for place, (name, sign) in enumerate(held[number]):
                put_signed(table[:, place], sign, rows[name])
        if compiled:
            addresses = np.array([table.__array_interface__["data"][0] for _, table in compiled], np.int64)
            steps = np.array([table.strides[0] for _, table in compiled], np.int64)
            offsets: list[Any] = [known[number] for number, _ in compiled]
            widths = np.array([table.shape[1] for _, table in compiled], np.int64)
            signs = np.concatenate([flips[number] for number, _ in compiled])
            _INTERLEAVE(
                *laid_out(rows), np.concatenate(offsets), signs, widths, len(compiled), addresses, steps
            )

    return put


def put_signed(values: Array, sign: float, out: Array) -> None:
    """Put values, or what they are with the other sign, into a column.

    `np.negative` is no help: that of NumPy 2.4 takes wrong values where both are strided.
    """
    if sign < 0 and values.dtype == out.dtype == np.float32:
        np.bitwise_xor(values.view(np.uint32), _MINUS, out=out.view(np.uint32))  # of NaN too, as kernels do
    elif sign < 0:
        np.multiply(values, np.float32(-1), out=out, casting="same_kind")
    else:
        out[...] = values


def laid_out(rows: Array) -> tuple[Array, int, int]:
    """The bytes of rows, how many there are and how far apart."""
    return as_bytes(rows), len(rows), rows.dtype.itemsize


def _shapes(groups: Sequence[Signed]) -> tuple[Array, Array, int]:
    """What changes the signs of columns, and how many each group has."""
    flips = np.array([_MINUS if sign < 0 else 0 for group in groups for _, sign in group], np.uint32)
    return flips, np.array([len(group) for group in groups], np.int64), len(groups)


def offsets_of(rows: Array, names: Sequence[str]) -> npt.NDArray[np.int64] | None:
    """Where in a row the columns are, if a compiled kernel can take them: all of them native float32."""
    return _offsets(rows.dtype, names) if len(rows) else None


def _offsets(kind: np.dtype[Any], names: Sequence[str]) -> npt.NDArray[np.int64] | None:
    if not _core.available() or not names:
        return None
    described: Any = kind.fields
    if any(described[name][0] != np.float32 or not described[name][0].isnative for name in names):
        return None
    return np.array([described[name][1] for name in names], np.int64)
