"""Points as lines of numbers, with or without a line of names."""

from __future__ import annotations

import io
import re
import warnings
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import numpy as np
import numpy.typing as npt

from .. import fields, files
from ..cloud import GaussianCloud
from ..containers.bytes import malformed, require_columns
from ..errors import InputError, naming
from ..progress import shared
from ..results.shown import counted
from ._blocks import Chosen
from ._format import Loss
from ._ply_text import print_rows
from ._rows import name_bytes, packed
from ._text_preamble import Preamble, decimal_comma, preamble, split

MAX_LINE = 1 << 20  # bytes
_EXACT = 2.0**53  # integers from here on are not all doubles
_BREAKS = re.compile(r'[\s,;"\0]|\A(?:#|//)')  # what a name in a line of names cannot hold


def read(path: Path, what: str) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    """Rows of columns of float64, and comments; columns without names become ``column_3`` ...

    A column of integers that float64 does not hold is one of int64 or uint64.

    Raises:
        InputError: no lines of numbers, lines of different lengths, or other rows than the file says.
    """
    with malformed(path, what), naming(str(path)):
        with _opened(path) as lines:
            start = preamble(lines)
        names = start.names or (*fields.POSITION, *(f"column_{i}" for i in range(3, start.columns)))
        require_columns(path, len(names))
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InputError(f"two of its columns are called {twice}")
        rows = _rows(path, start, names)
        if start.promised not in (None, len(rows)):
            raise InputError(
                f"holds {counted(len(rows), 'point')} where it says {start.promised:,}",
                remedy="copy or download it again",
            )
        return rows, tuple(start.comments)


def _rows(path: Path, start: Preamble, names: Sequence[str]) -> npt.NDArray[Any]:
    doubles = np.dtype([(name, "<f8") for name in names])
    if not start.columns:
        return np.empty(0, doubles)
    values = _numbers(path, start)
    whole = {
        name: integers
        for place, name in enumerate(names)
        if name not in fields.POSITION
        and _is_coarse(values[:, place])
        and (integers := _integers(path, start, place)) is not None
    }
    if not whole:
        return np.ascontiguousarray(values).view(doubles).reshape(-1)
    rows = np.empty(len(values), [(name, whole[name].dtype if name in whole else "<f8") for name in names])
    for name, column in zip(names, values.T, strict=True):
        rows[name] = whole.get(name, column)
    return rows


class _Lines:
    """The lines of a file, however they end, each byte a character; knows the last one and its number.

    Raises:
        InputError: a line longer than any row.
    """

    def __init__(self, text: TextIO) -> None:
        self.text = text
        self.number, self.last = 0, ""

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self.text.readline(MAX_LINE + 1)
        if not line:
            raise StopIteration
        if len(line) > MAX_LINE:
            raise InputError(f"has a line of more than {MAX_LINE:,} bytes", remedy="check the file")
        self.number += 1
        self.last = line
        return line


@contextmanager
def _opened(path: Path, skip: int = 0) -> Iterator[_Lines]:
    """Yield the lines of a file but the first few; a byte order mark of UTF-8 is no part of them.

    Raises:
        InputError: it says that it is UTF-16.
    """
    with io.TextIOWrapper(files.open_regular(path), "latin1") as text:
        text.seek(0)  # /dev/fd/N may share its position with its other readers
        mark = text.read(3).encode("latin1")
        if mark.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
            raise InputError("is UTF-16 by its byte order mark", remedy="save it as UTF-8")
        if mark != BOM_UTF8:
            text.seek(0)
        lines = _Lines(text)
        for _ in range(skip):
            next(lines)
        yield lines


def _numbers(path: Path, start: Preamble) -> npt.NDArray[np.float64]:
    """(rows, columns) numbers.

    Raises:
        InputError: a line of another length, or with something else.
    """
    with _opened(path, start.lines) as rows:
        try:
            values: npt.NDArray[np.float64] = np.loadtxt(
                rows, np.float64, comments=None, delimiter=start.delimiter, ndmin=2
            )
        except ValueError as error:
            words = len(split(rows.last, start.delimiter))
            comma = decimal_comma(rows.last)
            what, remedy = str(error).partition(" at row ")[0], "check that its writer finished"
            if comma is not None:
                what, remedy = comma
            elif words != start.columns:
                what = f"{words} values where the first row has {start.columns}"
            raise InputError(f"line {rows.number:,}: {what}", remedy=remedy) from None
    return values


def _is_coarse(column: npt.NDArray[np.float64]) -> bool:
    """Whether a column may be one of integers that were rounded."""
    return bool((np.abs(column) >= _EXACT).any() and (np.rint(column) == column).all())


def _integers(path: Path, start: Preamble, column: int) -> npt.NDArray[Any] | None:
    """A column as integers of 64 bits; None where one of them is written in another way, or too large."""
    for kind in (np.int64, np.uint64):
        with _opened(path, start.lines) as lines, warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)  # NumPy before 2.4 goes by way of a double
            try:
                found: npt.NDArray[Any] = np.loadtxt(
                    lines,
                    kind,
                    comments=None,
                    delimiter=start.delimiter,
                    usecols=[column],
                    ndmin=1,
                )
            except (ValueError, OverflowError, DeprecationWarning):
                continue
        return found
    return None


def unsupported(cloud: GaussianCloud) -> list[Loss]:
    """Columns that are not one number a row, or whose names would not come back from a line of names."""
    lost = []
    for name in cloud.fields:
        kind = cloud.rows.dtype[name]
        if not _is_kept(name, kind):
            lost.append(Loss.column(cloud, name))
        elif kind.kind == "f" and kind.itemsize > 8:
            lost.append(Loss(f"digits of column {name}", detail=str(kind), rounds=True))
    return lost


def names_kept(cloud: GaussianCloud) -> tuple[str, ...]:
    """The columns that text can hold."""
    return tuple(name for name in cloud.fields if _is_kept(name, cloud.rows.dtype[name]))


def write_rows(stream: BinaryIO, chosen: Chosen, separator: str, advance: Callable[[int], object]) -> None:
    """Write a line for each of the chosen rows, with the columns that text can hold, a block at a time."""
    told = shared(advance, len(chosen.cloud), len(chosen))
    for part in chosen.blocks():
        stream.writelines(print_rows(chosen.gathered(part, _printable), b"\n", separator))
        told(part.stop - part.start)
    if not len(chosen):
        advance(len(chosen.cloud))


def _printable(cloud: GaussianCloud) -> npt.NDArray[Any]:
    """Rows with the columns that text can hold, in types whose digits are exact."""
    # As double, in which they are read again: the shortest float32 is another double.
    exact = {"b": np.dtype("u1"), "f": np.dtype("f8")}
    kinds = ((name, cloud.rows.dtype[name]) for name in names_kept(cloud))
    return packed(cloud.rows, np.dtype([(name, exact.get(kind.kind, kind)) for name, kind in kinds]))


def _is_kept(name: str, kind: np.dtype[Any]) -> bool:
    named = bool(name_bytes(name)) and not _BREAKS.search(name)
    return named and not kind.shape and kind.kind in "biuf"
