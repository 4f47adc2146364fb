"""Points as lines of numbers, with or without a line of names."""

from __future__ import annotations

import io
import itertools
import math
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import fields, files
from ..cloud import GaussianCloud
from ..containers.bytes import malformed
from ..errors import InputError
from ._format import Loss
from ._rows import name_bytes

MAX_COLUMNS = 4096
_COMMENT = re.compile(r"\s*(?:#|//)\s?")
_BREAKS = re.compile(r'[\s,;"\0]|\A(?:#|//)')  # what a name in a line of names cannot hold


class Preamble(NamedTuple):
    """What stands before the first line of numbers.

    Attributes:
        lines: how many lines to skip.
        names: the columns' names; empty without a line of names.
        comments: the other comment lines.
        delimiter: what separates numbers; None for blanks.
        columns: how many numbers the first line has.
    """

    lines: int
    names: tuple[str, ...]
    comments: tuple[str, ...]
    delimiter: str | None
    columns: int


def preamble(head: bytes) -> Preamble | None:
    """Understand the start of a text file; None if it is something else than points.

    A line of names and nothing else is a cloud of no points.
    """
    text = head.decode("utf-8", "surrogateescape")
    if "\0" in text:
        return None
    names: tuple[str, ...] = ()
    comments: list[str] = []
    delimiter = None
    for number, line in enumerate(itertools.islice(text.splitlines(), 1000)):
        delimiter = next((mark for mark in ",;\t" if mark in line), None)
        delimiter = None if delimiter == "\t" else delimiter
        words = _split(_COMMENT.sub("", line, count=1), delimiter)
        lower = tuple(word.strip('"').lower() for word in words)
        if not line.strip() or (number == 0 and len(words) == 1 and words[0].isdecimal()):
            continue  # blank, or the count that .pts files start with
        if set(fields.POSITION) <= set(lower):
            if names:
                comments.append(" ".join(names))
            names = tuple(
                low if low in fields.POSITION else word.strip('"')
                for low, word in zip(lower, words, strict=True)
            )
        elif _COMMENT.match(line):
            comments.append(_COMMENT.sub("", line, count=1))
        else:
            numeric = 3 <= len(words) <= MAX_COLUMNS and all(_is_number(word) for word in words)
            if not numeric:
                return None
            return Preamble(number, names, tuple(comments), delimiter, len(words))
    return Preamble(0, names, tuple(comments), delimiter, 0) if names else None


def read(path: Path, what: str) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    """Rows of float64 columns, and comments; columns without names become ``column_3`` ...

    Raises:
        InputError: no lines of numbers, or lines of different lengths.
    """
    files.require_readable(path)
    with malformed(path, what), path.open("rb") as stream:
        start = preamble(stream.read(1 << 16))
        if start is None:
            raise InputError(
                f"cannot be read as {what}: no lines of three or more numbers",
                path=path,
                remedy="x, y and z come first, or are named in the first line",
            )
        names = start.names or (*fields.POSITION, *(f"column_{i}" for i in range(3, start.columns)))
        if len(names) != (start.columns or len(names)) or len(set(names)) != len(names):
            raise InputError(f"names {len(names)} columns, not the {start.columns} it has", path=path)
        if not start.columns:
            return np.empty(0, [(name, "<f8") for name in names]), start.comments
        stream.seek(0)
        text = io.TextIOWrapper(stream, encoding="latin1")
        values = np.loadtxt(
            itertools.islice(text, start.lines, None),
            np.float64,
            comments=None,
            delimiter=start.delimiter,
            ndmin=2,
        )
        rows: npt.NDArray[Any] = np.ascontiguousarray(values).view([(name, "<f8") for name in names])
        return rows.reshape(-1), start.comments


def unsupported(cloud: GaussianCloud) -> list[Loss]:
    """Columns that are not one number a row, or whose names would not come back from a line of names."""
    lost = []
    for name in cloud.fields:
        kind, values = cloud.rows.dtype[name], cloud.rows[name]
        if not _is_kept(name, kind):
            lost.append(Loss.column(cloud, name))
        elif kind.kind == "f" and kind.itemsize > 8:
            lost.append(Loss(f"digits of column {name}", detail=str(kind)))
        elif kind.kind in "iu" and kind.itemsize == 8 and len(values) and np.abs(values).max() > 2**53:
            lost.append(Loss(f"digits of column {name}", detail=f"{kind} beyond 2^53"))
    return lost


def kept(rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The rows with the columns that text can hold, in types whose digits are exact."""
    names = [name for name in rows.dtype.names or () if _is_kept(name, rows.dtype[name])]
    # As double, in which they are read again: the shortest float32 is another double.
    printable = {"b": "u1", "f": "f8"}
    kinds = [(name, printable.get(rows.dtype[name].kind, rows.dtype[name])) for name in names]
    out = np.empty(len(rows), kinds)
    for name in names:
        out[name] = rows[name]
    return out


def _is_kept(name: str, kind: np.dtype[Any]) -> bool:
    taken = name.lower() in fields.POSITION and name not in fields.POSITION  # X is read as x
    named = bool(name_bytes(name)) and not taken and not _BREAKS.search(name)
    return named and not kind.shape and kind.kind in "biuf"


def _split(line: str, delimiter: str | None) -> list[str]:
    return [word.strip() for word in line.split(delimiter)] if delimiter else line.split()


def _is_number(word: str) -> bool:
    try:
        return not math.isnan(float(word)) or word.lower().lstrip("+-") == "nan"
    except ValueError:
        return False
