"""The body of an ASCII PLY file: one row a line. NumPy parses the vertices, other elements stay text."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..results.shown import counted
from ._ply_header import PlyHeader
from ._ply_size import require_room

Bytes = npt.NDArray[np.uint8]
_WORD = re.compile(rb"\S+")
PRINTED_ROWS = 2048  # rows turned into text at a time


def read_body(stream: BinaryIO, header: PlyHeader, body: int) -> tuple[npt.NDArray[Any], Bytes, Bytes]:
    """Parse the vertices; keep the lines before them and the lines after them.

    Blank lines are skipped. Rows that are spread over lines as they like are read if there are as many
    numbers as the header promises. Arguments and errors as for binary bodies; rows are counted in lines.
    """
    require_room(header, body)
    start = stream.tell()
    try:
        return _read_lines(_Lines(stream.readline, len(header.lines)), header)
    except InputError as error:
        stream.seek(start)
        rows = _rows_of_words(stream.read(), header)
        if rows is None:
            raise
        try:
            return _read_lines(_Lines(lambda: next(rows, b""), len(header.lines)), header)
        except InputError:
            raise error from None


def _rows_of_words(body: bytes, header: PlyHeader) -> Iterator[bytes] | None:
    """The rows of a body, one a line, by the number of their properties; None where none come out even."""
    wanted = [(element.count, len(element.properties)) for element in header.elements]
    lists = any(element.has_lists for element in header.elements)
    if lists or sum(1 for _ in _WORD.finditer(body)) != sum(count * width for count, width in wanted):
        return None
    words = (match[0] for match in _WORD.finditer(body))
    return (b" ".join(islice(words, width)) + b"\n" for count, width in wanted for _ in range(count))


def _read_lines(lines: _Lines, header: PlyHeader) -> tuple[npt.NDArray[Any], Bytes, Bytes]:
    parts: dict[str, list[bytes]] = {"before": [], "after": []}
    rows = None
    for element in header.elements:
        if element.name == "vertex":
            rows = _vertices(lines, header)
            found = len(rows)
        else:
            taken = list(islice(lines, element.count))
            parts["before" if rows is None else "after"] += taken
            found = len(taken)
        if found < element.count:
            raise InputError(
                f"its body ends after {found:,} of {element.count:,} rows of element {element.name}",
                remedy="copy or download it again",
            )
    surplus = sum(1 for _ in lines)
    if surplus:
        raise InputError(
            f"its body holds {counted(surplus, 'more line')} than its header promises",
            remedy="check that its writer puts every row on one line",
        )
    assert rows is not None
    before, after = (np.frombuffer(b"".join(part), np.uint8) for part in parts.values())
    return rows, before, after


def parse_rows(lines: Iterable[bytes], dtype: np.dtype[Any], count: int | None = None) -> npt.NDArray[Any]:
    """Lines of numbers as rows of a type that holds each of them.

    NumPy before 2.4 reads an integer that its type cannot hold as a float, wraps it and warns: 300 became 44.

    Args:
        lines: at least one.
        count: read no more rows.

    Raises:
        ValueError: lines of another length, or a number that is none of its type.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        rows: npt.NDArray[Any] = np.loadtxt(
            lines, dtype, comments=None, encoding="latin1", max_rows=count, ndmin=1
        )
    return rows


def print_rows(rows: npt.NDArray[Any], newline: bytes, separator: str = " ") -> Iterator[bytes]:
    """Rows as lines of the shortest numbers that read back as the same values."""
    for start in range(0, len(rows), PRINTED_ROWS):
        block = rows[start : start + PRINTED_ROWS]
        columns = [_numbers(block[name]) for name in block.dtype.names or ()]
        yield b"".join(separator.join(row).encode("ascii") + newline for row in zip(*columns, strict=True))


def _numbers(column: npt.NDArray[Any]) -> Iterator[str]:
    if column.dtype == np.float32:
        return map(str, column)  # str of a NumPy float32 is the shortest; repr of a Python float is not
    return map(repr, column.tolist())


class _Lines:
    """The lines of a body that hold something, each with a line end; knows the last one's number."""

    def __init__(self, readline: Callable[[], bytes], number: int) -> None:
        self.readline = readline
        self.number = number
        self.last = b""

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> bytes:
        for line in iter(self.readline, b""):
            self.number += 1
            if line.strip():
                self.last = line if line.endswith(b"\n") else line + b"\n"
                return self.last
        raise StopIteration


def _vertices(lines: _Lines, header: PlyHeader) -> npt.NDArray[Any]:
    dtype = header.vertex.dtype(header.order)
    count = header.vertex.count
    first = next(lines, None) if count else None
    if first is None:  # loadtxt warns of an empty input
        return np.empty(0, dtype)
    source = chain([first], islice(lines, count - 1))
    try:
        return parse_rows(source, dtype, count)
    except ValueError as error:
        found, wanted = len(lines.last.split()), len(header.vertex.properties)
        what = str(error).partition(" at row ")[0]
        if found != wanted:
            what = f"{found} values where a vertex has {wanted}"
        raise InputError(f"line {lines.number:,}: {what}", remedy="check that its writer finished") from None
