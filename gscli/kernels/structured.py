"""Structured arrays as the rows of a cloud: taken, compared and given columns; maps of files let go."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ..errors import UsageError
from ..files import changes

Array = npt.NDArray[Any]

BLOCK_BYTES = 4 << 20  # bytes of rows handled at a time: enough to amortise, small enough to stay out of RSS
SPARED = 256  # rows taken from a map whose pages are let go of: as many pieces of 64 kB at most


class FileMap(mmap.mmap):
    """The read-only map of a file.

    Attributes:
        spared: whether pages are let go of wherever its rows were read, so that they are in no process's
            memory for long: a file larger than memory is read again and again instead.
    """

    spared = False

    @classmethod
    def of(cls, stream: BinaryIO) -> FileMap:
        """The map of an open file; of one with a name changes are noticed (see `gscli.files.changes`)."""
        mapping = cls(stream.fileno(), 0, access=mmap.ACCESS_READ)
        if not isinstance(stream.name, int):
            address = np.frombuffer(mapping, np.uint8).ctypes.data
            changes.note(mapping, address, stream.name, stream.fileno())
        return mapping


def blocks(rows: Array) -> Iterator[tuple[int, Array]]:
    """Yield ``(first row, rows)`` over all of them, a few megabytes at a time; maps are let go of behind."""
    step = max(1, BLOCK_BYTES // max(1, rows.dtype.itemsize))
    for start in range(0, len(rows), step):
        block = rows[start : start + step]
        yield start, block
        release_pages(block)


def take_rows(rows: Array, index: Array) -> Array:
    """Gather structured rows as opaque bytes: 4 to 5 times faster than field by field."""
    opaque = np.dtype((np.void, rows.dtype.itemsize)) if rows.dtype.itemsize else rows.dtype
    if not is_spared(rows):
        taken: Array = rows.view(opaque).take(index).view(rows.dtype)
        return taken
    taken, order = np.empty(len(index), rows.dtype), np.argsort(index, kind="stable")
    for start in range(0, len(index), SPARED):
        here = order[start : start + SPARED]  # side by side in the file, as far as may be
        taken.view(opaque)[here] = rows.view(opaque).take(index[here])
        first, last = index[here[0]], index[here[-1]]
        release_pages(rows[first : last + 1] if first >= 0 else rows)
    return taken


def every(rows: Array, step: int) -> Array:
    """One row in so many, from the first on, without a copy: what lies between is part of them.

    Args:
        rows: (N,); they are copied where they do not lie in one piece.

    Returns:
        (N // step,) rows, ``step`` times as large.
    """
    there: Mapping[str, Any] = rows.dtype.fields or {}
    names, kinds = list(there), [kind for kind, *_ in there.values()]
    offsets = [offset for _, offset, *_ in there.values()]
    size = step * rows.dtype.itemsize
    wide = np.dtype({"names": names, "formats": kinds, "offsets": offsets, "itemsize": size})
    return np.ascontiguousarray(rows)[: len(rows) // step * step].view(wide)


def column(rows: Array, name: str) -> Array:
    """A copy of one column, in native byte order and one piece."""
    kind = rows.dtype[name]
    out: Array = np.empty((len(rows), *kind.shape), kind.base.newbyteorder("="))
    for start, block in blocks(rows):
        out[start : start + len(block)] = block[name]
    return out


def with_columns(rows: Array, columns: Mapping[str, Array]) -> Array:
    """A copy of rows with columns replaced, in their place and type, or added behind the others.

    Raises:
        UsageError: values that are not one for each row, or that the type of their column does not hold.
    """
    new = {name: _fitted(rows, name, values) for name, values in columns.items()}
    there = rows.dtype.names or ()
    added = [(name, np.dtype((v.dtype, v.shape[1:]))) for name, v in new.items() if name not in there]
    out: Array = np.empty(len(rows), extended(rows.dtype, added))
    if rows.dtype.itemsize:
        for start, block in blocks(rows):
            as_bytes(out[start : start + len(block)])[:, : rows.dtype.itemsize] = as_bytes(block)
    for name, values in new.items():
        out[name] = values
    return out


def extended(kind: np.dtype[Any], added: Sequence[tuple[str, np.dtype[Any]]]) -> np.dtype[Any]:
    """The type of rows whose columns lie as they did, and new ones behind them."""
    there: Mapping[str, Any] = kind.fields or {}
    old = [(name, *there[name][:2]) for name in kind.names or ()]
    ends = list(accumulate((new.itemsize for _, new in added), initial=kind.itemsize))
    names = [*(name for name, *_ in old), *(name for name, _ in added)]
    kinds: list[Any] = [*(stored for _, stored, _ in old), *(new for _, new in added)]
    offsets = [*(offset for *_, offset in old), *ends[:-1]]
    return np.dtype({"names": names, "formats": kinds, "offsets": offsets, "itemsize": ends[-1]})


def as_bytes(rows: Array) -> npt.NDArray[np.uint8]:
    """(N, bytes of a row); a view where the rows lie in one piece."""
    return np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), rows.dtype.itemsize)


def _fitted(rows: Array, name: str, values: Array) -> Array:
    """Values as their column stores them."""
    kind = rows.dtype[name] if name in (rows.dtype.names or ()) else None
    shape = (len(rows), *(kind.shape if kind is not None else values.shape[1:]))
    if values.dtype.hasobject:
        raise UsageError(f"column {name} is of Python objects", remedy="give an array of numbers")
    if values.ndim == 0:
        values = np.broadcast_to(values, shape)
    if values.shape != shape:
        raise UsageError(f"column {name} has shape {values.shape}, and there are {len(rows):,} rows")
    if kind is None or values.dtype == kind.base:
        return values
    if not {kind.base.kind, values.dtype.kind} <= set("fiub"):
        raise UsageError(f"column {name} is stored as {kind.base}, not {values.dtype}")
    with np.errstate(all="ignore"):
        stored = values.astype(kind.base)
        held = stored == values
    if kind.base.kind == "f":
        held = np.isfinite(stored) | ~np.isfinite(values)
    if not held.all():
        odd = values[tuple(np.argwhere(~held)[0])].item()
        raise UsageError(f"column {name} is stored as {kind.base}, which does not hold {odd!r}")
    return stored


def equal(one: Array, other: Array) -> bool:
    """Whether rows have the same columns in one order, of the same types, and the same bits in each.

    The byte order that they are stored in, and bytes between the columns, make no difference.
    """
    names = one.dtype.names or ()
    kinds = [
        [rows.dtype[name].newbyteorder("=") for name in names]
        for rows in (one, other)
        if names == rows.dtype.names
    ]
    if len(kinds) < 2 or kinds[0] != kinds[1] or len(one) != len(other):
        return False
    packed = (
        one.dtype == other.dtype and sum(one.dtype[name].itemsize for name in names) == one.dtype.itemsize
    )
    for start, block in blocks(one):
        against = other[start : start + len(block)]
        if packed:
            same = np.array_equal(as_bytes(block), as_bytes(against))
        else:
            same = all(column(block, name).tobytes() == column(against, name).tobytes() for name in names)
        if not same:
            return False
        release_pages(against)
    return True


def release_pages(array: Array) -> None:
    """Give back the resident pages of an array that looks into a read-only memory map of a file.

    They stay in the system's file cache and return on the next access. Other arrays are left alone.
    """
    mapping = mapping_under(array)
    if mapping is None or not array.flags.c_contiguous or not hasattr(mmap, "MADV_DONTNEED"):
        return
    whole = np.frombuffer(mapping, np.uint8)
    start = array.ctypes.data - whole.ctypes.data
    stop = start + array.nbytes
    page = mmap.PAGESIZE
    first = start // page * page
    last = stop if stop == len(whole) else stop // page * page  # a page shared with the next block stays
    if last > first:
        mapping.madvise(mmap.MADV_DONTNEED, first, last - first)


def spare(rows: Array) -> None:
    """From now on let go of the pages of the file under rows, if there is one, wherever they were read."""
    if isinstance(mapping := mapping_under(rows), FileMap):
        mapping.spared = True


def can_be_spared(rows: Array) -> bool:
    """Whether rows are those of a file whose pages `spare` lets go of."""
    return isinstance(mapping_under(rows), FileMap)


def is_spared(rows: Array) -> bool:
    """Whether rows are those of a file whose pages are let go of; see `spare`."""
    mapping = mapping_under(rows)
    return isinstance(mapping, FileMap) and mapping.spared


def mapping_under(array: Array) -> mmap.mmap | None:
    """The memory map that an array looks into, if nothing can be written through it."""
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, memoryview):
        base = base.obj
    return base if isinstance(base, mmap.mmap) and memoryview(base).readonly else None
