"""What stands before the first row of a text file of points: names, comments, how many there are."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterable
from typing import NamedTuple

from .. import fields
from ..containers.bytes import MAX_COLUMNS
from ..errors import InputError
from ._format import HEAD_BYTES

MAX_BYTES = 1 << 24
_COMMENT = re.compile(r"\s*(?:#|//)\s?")
_COUNT = re.compile(r"[0-9]{1,18}")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+(?:[eE][+-]?[0-9]+)?")
COLMAP = b"POINT3D_ID, X, Y, Z, R, G, B, ERROR"  # in the comments of its points, whose first number is no x


class Preamble(NamedTuple):
    """What stands before the first line of numbers.

    Attributes:
        names: the columns' names; empty without a line of names.
        comments: the other comment lines.
        promised: how many rows the file says it has; None if it does not.
        delimiter: what separates numbers, or names where there are no rows; None for blanks.
        columns: how many numbers the first row has; 0 without rows.
        lines: how many lines there are before the first row.
    """

    names: tuple[str, ...]
    comments: list[str]
    promised: int | None
    delimiter: str | None
    columns: int
    lines: int


def sniffed(head: bytes) -> Preamble | None:
    """The preamble of a file that starts like this; None if it is something else than points.

    A line of names and nothing else is a cloud of no points.
    """
    if len(head) >= HEAD_BYTES:  # the last line may go on
        head = head[: head.rfind(b"\n") + 1]
    if b"\0" in head or (head.startswith(b"#") and COLMAP in head[:1000]):
        return None
    try:
        return preamble(io.StringIO(head.decode("latin1"), newline=None))
    except InputError:
        return None


def is_cloud(head: bytes) -> bool | None:
    """Whether lines of numbers are points: where they name x, y and z. Poses are numbers, too."""
    start = sniffed(head)
    return True if start is not None and start.names else None


def preamble(lines: Iterable[str]) -> Preamble:
    """Understand the start of a text file, up to the first row.

    Args:
        lines: of bytes as characters (latin-1), with their ends.

    Raises:
        InputError: something else than points.
    """
    comments: list[str] = []
    plain: tuple[str, ...] = ()  # names in a line that is no comment
    promised, between, size, number = None, None, 0, 0
    for number, raw in enumerate(lines):
        size += len(raw)
        if size > MAX_BYTES:
            raise InputError(f"has no row in its first {MAX_BYTES:,} bytes", remedy="check the file")
        line = raw.encode("latin1").decode("utf-8", "surrogateescape").rstrip("\r\n")
        if _COMMENT.match(line):
            comments.append(_COMMENT.sub("", line, count=1))
        elif promised is None and _COUNT.fullmatch(line.strip()):
            promised = int(line)
        elif not plain and _names(line):
            plain, between = _names(line), _mark(line)
        elif line.strip():
            delimiter, columns = _separated(line)
            return Preamble(*_named(comments, plain, columns), promised, delimiter, columns, number)
    names, comments = _named(comments, plain, 0)
    if not names and promised != 0:
        raise _no_numbers()
    return Preamble(names, comments, promised, between, 0, number)


def _named(comments: list[str], plain: tuple[str, ...], columns: int) -> tuple[tuple[str, ...], list[str]]:
    """The names of so many columns (0: of any number), and the comments that are none.

    A comment is a line of names if it names as many columns as there are; the last one counts.

    Raises:
        InputError: a line of names names another number of columns.
    """
    found = {place: names for place, comment in enumerate(comments) if (names := _names(comment))}
    fitting = [place for place, names in found.items() if columns in (0, len(names))]
    if fitting and not plain:
        return found[fitting[-1]], comments[: fitting[-1]] + comments[fitting[-1] + 1 :]
    first = plain or next((names for names in found.values() if names[:3] == fields.POSITION), ())
    if first and columns not in (0, len(first)):
        raise InputError(f"names {len(first)} columns, not the {columns} it has")
    return plain, comments


def _names(line: str) -> tuple[str, ...]:
    """The names in a line that names x, y and z among others; none in any other."""
    names = fields.lower_position([word.strip('"') for word in split(line, _mark(line))])
    return names if set(fields.POSITION) <= set(names) else ()


def _mark(line: str) -> str | None:
    """What separates names."""
    return next((mark for mark in ",;" if mark in line), None)


def _separated(line: str) -> tuple[str | None, int]:
    """What separates the numbers of a line, and how many there are.

    Raises:
        InputError: less than three numbers, too many, or something else.
    """
    for delimiter in (",", ";", None):
        words = split(line, delimiter)
        if 3 <= len(words) <= MAX_COLUMNS and all(map(_is_number, words)):
            return delimiter, len(words)
    comma = decimal_comma(line)
    if comma is not None:
        raise InputError(f"has {comma[0]}", remedy=comma[1])
    raise _no_numbers()


def _no_numbers() -> InputError:
    return InputError(
        "has no lines of three or more numbers",
        remedy="x, y and z come first, or are named in the first line",
    )


def decimal_comma(line: str) -> tuple[str, str] | None:
    """What is wrong with numbers such as 1,5, and what to do; None where there are none."""
    words = re.split(r"[;\s]+", line.strip())
    word = next(filter(_DECIMAL_COMMA.fullmatch, words), None)
    if word is None or len(words) < 3 or not all(_is_number(word.replace(",", ".", 1)) for word in words):
        return None
    return f"decimal commas ({word})", f"write numbers with points ({word.replace(',', '.')})"


def split(line: str, delimiter: str | None) -> list[str]:
    return [word.strip() for word in line.split(delimiter)] if delimiter else line.split()


def _is_number(word: str) -> bool:
    try:
        return not math.isnan(float(word)) or word.lower().lstrip("+-") == "nan"
    except ValueError:
        return False
