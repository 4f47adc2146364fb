"""GaussianCloud: the rows of a scene exactly as its file stores them."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .errors import InputError

BLOCK_BYTES = 4 << 20  # bytes of rows handled at a time: enough to amortise, small enough to stay out of RSS


class Attached(Protocol):
    """Per-point data that are no columns, such as a feature array: they follow the rows."""

    def take(self, index: npt.NDArray[Any]) -> Attached:
        """The data of the rows at `index`."""

    def describe(self) -> list[str]:
        """What another format would lose, one entry each."""


@dataclass(frozen=True)
class Header:
    """What a file says besides its rows.

    Attributes:
        format: the name of the format that was read, such as ``ply``.
        comments: free text lines that the format carries.
        native: whatever ``formats/<format>.py`` needs to write the file back as it was
            (property order, encoding, other elements); other formats ignore it.
        notes: what a reader has to tell the user, such as a field that had no place.
        attached: per-point data that are no columns; only the format they came from can write them.
    """

    format: str = "ply"
    comments: tuple[str, ...] = ()
    native: Any = None
    notes: tuple[str, ...] = ()
    attached: Attached | None = None


@dataclass(frozen=True, repr=False)
class GaussianCloud:
    """N points with every field of their file, raw: opacity is a logit, scales are logarithms.

    Attributes:
        rows: (N,) structured array of the stored values, in the stored byte order. It may be a
            read-only memory map: `columns` and `blocks` hand its pages back as they go, so that
            streaming a large file costs no resident memory.
        header: what the file says besides its rows.
    """

    rows: npt.NDArray[Any]
    header: Header = field(default_factory=Header)

    def __post_init__(self) -> None:
        if self.rows.ndim != 1 or self.rows.dtype.names is None:
            raise TypeError("rows must be a one-dimensional structured array")

    def __repr__(self) -> str:
        return f"<GaussianCloud: {len(self):,} rows, {len(self.fields)} columns ({self.header.format})>"

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def fields(self) -> tuple[str, ...]:
        """Column names in stored order."""
        return self.rows.dtype.names or ()

    @property
    def xyz(self) -> npt.NDArray[Any]:
        """(N, 3) positions in scene units: float32 where stored so, otherwise float64.

        Gathered anew at each call, axis by axis in memory: keep it, and pass ``xyz.T`` where
        (3, N) is wanted.
        """
        return self.columns(("x", "y", "z")).T

    def columns(self, names: Sequence[str]) -> npt.NDArray[Any]:
        """Gather columns into one (len(names), N) array of native floats.

        float32 if that holds every stored value exactly (float32, float16 and integers up to 16
        bits), otherwise float64.

        Raises:
            InputError: a column is missing or does not hold one number per row.
        """
        out = np.empty((len(names), len(self)), self.float_type(names))
        for start, block in self.blocks():
            for axis, name in enumerate(names):
                out[axis, start : start + len(block)] = block[name]
        return out

    def column_blocks(self, names: Sequence[str]) -> Iterator[tuple[int, npt.NDArray[Any]]]:
        """Yield ``(first row, columns)`` over the whole cloud: `columns`, a few megabytes of rows at a time.

        Raises:
            InputError: as `columns` does.
        """
        kind = self.float_type(names)
        for start, block in self.blocks():
            out = np.empty((len(names), len(block)), kind)
            for axis, name in enumerate(names):
                out[axis] = block[name]
            yield start, out

    def float_type(self, names: Sequence[str]) -> type[np.floating[Any]]:
        """The native float that `columns` gathers these columns as; errors as there."""
        missing = [name for name in names if name not in self.fields]
        if missing:
            raise InputError(
                f"no {', '.join(missing)} column among {', '.join(self.fields) or 'none'}",
                remedy="this needs a file whose points carry it",
            )
        types = [self.rows.dtype[name] for name in names]
        odd = [name for name, t in zip(names, types, strict=True) if t.shape or t.kind not in "fiub"]
        if odd:
            raise InputError(f"column {odd[0]} does not hold one number per point")
        exact = all(np.can_cast(t, np.float32, "safe") for t in types)
        return np.float32 if exact else np.float64

    @property
    def held(self) -> int:
        """Bytes of rows that are in memory; none where the rows are a map of their file."""
        return 0 if _mapping_under(self.rows) is not None else self.rows.nbytes

    def blocks(self) -> Iterator[tuple[int, npt.NDArray[Any]]]:
        """Yield ``(first row, rows)`` over the whole cloud, a few megabytes at a time."""
        step = max(1, BLOCK_BYTES // max(1, self.rows.dtype.itemsize))
        for start in range(0, len(self), step):
            block = self.rows[start : start + step]
            yield start, block
            release_pages(block)

    def take(self, index: npt.NDArray[Any]) -> GaussianCloud:
        """The cloud of the rows at `index` (integers or a mask), copied as opaque bytes."""
        index = np.asarray(index)
        if index.dtype == bool:
            index = np.flatnonzero(index)
        header = self.header
        if header.attached is not None:
            header = replace(header, attached=header.attached.take(index))
        return replace(self, rows=take_rows(self.rows, index), header=header)

    def with_comment(self, line: str) -> GaussianCloud:
        """The same rows with one more comment line."""
        return replace(self, header=replace(self.header, comments=(*self.header.comments, line)))


def take_rows(rows: npt.NDArray[Any], index: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Gather structured rows as opaque bytes: 4 to 5 times faster than field by field."""
    opaque = np.dtype((np.void, rows.dtype.itemsize)) if rows.dtype.itemsize else rows.dtype
    taken: npt.NDArray[Any] = rows.view(opaque).take(index).view(rows.dtype)
    return taken


def release_pages(array: npt.NDArray[Any]) -> None:
    """Give back the resident pages of an array that looks into a read-only memory map of a file.

    They stay in the system's file cache and return on the next access. Other arrays are left alone.
    """
    mapping = _mapping_under(array)
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


def _mapping_under(array: npt.NDArray[Any]) -> mmap.mmap | None:
    """The memory map that an array looks into, if nothing can be written through it."""
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, memoryview):
        base = base.obj
    return base if isinstance(base, mmap.mmap) and memoryview(base).readonly else None
