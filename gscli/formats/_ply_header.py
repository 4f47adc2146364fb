"""The PLY header: parsed, checked, and kept line by line so that it can be written back as it was.

Format: Greg Turk, "The PLY Polygon File Format" (1994). An element is a table; its properties are numbers
or lists of numbers; the rows follow the header in the order of the elements.

One module: one grammar, which is read, checked and written.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ..containers.bytes import MAX_COLUMNS
from ..errors import InputError
from ..fields import lower_position
from ._rows import one_line

MAX_BYTES = 1 << 20
MAX_LINES = 1 << 16
ORDERS = {"ascii": "=", "binary_little_endian": "<", "binary_big_endian": ">"}
SPELLINGS = {  # the type's names in headers, first the one written; all of them are read
    "i1": ("char", "int8"),
    "u1": ("uchar", "uint8"),
    "i2": ("short", "int16"),
    "u2": ("ushort", "uint16"),
    "i4": ("int", "int32"),
    "u4": ("uint", "uint32"),
    "f4": ("float", "float32"),
    "f8": ("double", "float64"),
}
CODES = {spelling: code for code, spellings in SPELLINGS.items() for spelling in spellings}


@dataclass(frozen=True)
class Property:
    """A column: `code` is its NumPy type without byte order; a list has the type of its length too."""

    name: str
    code: str
    length: str | None = None

    @property
    def least_bytes(self) -> int:
        return np.dtype(self.length or self.code).itemsize


@dataclass(frozen=True)
class Element:
    """A table of `count` rows, declared in line `line` of the header."""

    name: str
    count: int
    line: int
    properties: tuple[Property, ...]

    @property
    def has_lists(self) -> bool:
        return any(p.length for p in self.properties)

    @property
    def least_bytes(self) -> int:
        """Bytes of a binary row whose lists are empty: exact where there are none."""
        return sum(p.least_bytes for p in self.properties)

    def dtype(self, order: str) -> np.dtype[np.void]:
        """The packed type of a row without lists."""
        return np.dtype([(p.name, order + p.code) for p in self.properties])


@dataclass(frozen=True)
class PlyHeader:
    """A PLY header.

    Attributes:
        lines: every line with its line end, from ``ply`` to ``end_header``.
        encoding: ``ascii``, ``binary_little_endian`` or ``binary_big_endian``.
        elements: the tables, in stored order; exactly one is called ``vertex``.
    """

    lines: tuple[bytes, ...]
    encoding: str
    elements: tuple[Element, ...]

    @property
    def order(self) -> str:
        """Byte order of the rows as NumPy writes it; text is parsed into the machine's own."""
        return ORDERS[self.encoding]

    @property
    def newline(self) -> bytes:
        return b"\r\n" if self.lines[0].endswith(b"\r\n") else b"\n"

    @property
    def vertex(self) -> Element:
        return next(e for e in self.elements if e.name == "vertex")

    @property
    def comments(self) -> tuple[str, ...]:
        return tuple(_comment(line) for line in self.lines if _keyword(line) == b"comment")

    def render(self, count: int, dtype: npt.DTypeLike, comments: Sequence[str]) -> bytes:
        """The header for other rows: unchanged but for what has to change.

        Comments that continue the header's own are added before the first element; any others
        replace the header's own. Vertex properties are rewritten only if `dtype` differs.

        Raises:
            GscliError: a comment holds a line break.
        """
        vertex = self.vertex
        kept = tuple(comments[: len(self.comments)]) == self.comments
        added = comments[len(self.comments) :] if kept else comments
        same_type = np.dtype(dtype) == vertex.dtype(self.order)
        after_vertex = [e.line for e in self.elements if e.line > vertex.line]
        own_lines = range(vertex.line + 1, min(after_vertex, default=len(self.lines)))
        out: list[bytes] = []
        for number, line in enumerate(self.lines):
            keyword = _keyword(line)
            if number == self.elements[0].line:
                out += [_comment_line(text) + self.newline for text in added]
            if number == vertex.line and count != vertex.count:
                line = re.sub(rb"\d+(?=\s*$)", b"%d" % count, line)
            dropped = (keyword == b"comment" and not kept) or (
                keyword == b"property" and number in own_lines and not same_type
            )
            if not dropped:
                out.append(line)
            if number == vertex.line and not same_type:
                out += [line + self.newline for line in _property_lines(np.dtype(dtype))]
        return b"".join(out)


def plain(dtype: np.dtype[np.void]) -> PlyHeader:
    """The header of a little-endian file that holds vertices of a packed type and nothing else."""
    lines = [b"ply", b"format binary_little_endian 1.0", b"element vertex 0"]
    lines += [*_property_lines(dtype), b"end_header"]
    return parse([line + b"\n" for line in lines])


def scan(stream: BinaryIO) -> PlyHeader:
    """Read a header and leave the stream at the first byte after it.

    Raises:
        InputError: no PLY, or a header that cannot be honoured.
    """
    lines: list[bytes] = []
    left = MAX_BYTES
    start = stream.tell()
    of_returns = re.match(rb"ply\r[^\n]", stream.read(5)) is not None
    stream.seek(start)
    readline = _readline_of_returns(stream) if of_returns else stream.readline
    while len(lines) < MAX_LINES:
        line = readline(left + 1)
        left -= len(line)
        if not lines:
            line = line.removeprefix(BOM_UTF8)
            _check_magic(line)
        if left < 0:
            break
        if line.split() == [b"end_header"]:
            return parse([*lines, line if line.endswith(b"\n") else line + b"\n"])
        if not line.endswith(b"\n"):
            raise InputError("its header has no end_header line", remedy="check that its writer finished")
        lines.append(line)
    raise InputError(
        f"its header has no end within {MAX_LINES:,} lines and {MAX_BYTES:,} bytes",
        remedy="check that it is a PLY file",
    )


def _readline_of_returns(stream: BinaryIO) -> Callable[[int], bytes]:
    """What reads lines that end with a carriage return alone, as old Mac programs write them, as others."""
    start, at = stream.tell(), 0
    held = stream.read(MAX_BYTES)

    def readline(most: int) -> bytes:
        nonlocal at
        end = held.find(b"\r", at, at + most) + 1
        line = held[at : end - 1] + b"\n" if end else held[at : at + most]
        at = end or at + len(line)
        stream.seek(start + at)
        return line

    return readline


def parse(lines: Sequence[bytes]) -> PlyHeader:
    """Understand the lines of a header, ``ply`` and ``end_header`` included.

    Raises:
        InputError: a line that is not understood, or vertices that are no points.
    """
    encoding = None
    elements: dict[str, tuple[int, int, list[Property]]] = {}
    properties: list[Property] = []
    for number, line in enumerate(lines):
        words = [word.decode("utf-8", "surrogateescape") for word in line.split()]
        match words:
            case [] | ["comment", *_] | ["obj_info", *_]:
                pass
            case ["ply"] if number == 0:
                pass
            case ["end_header"] if number == len(lines) - 1:
                pass
            case ["format", name, "1.0"] if name in ORDERS and encoding is None:
                encoding = name
            case ["element", name, count]:
                if name in elements:
                    raise InputError(f"its header declares element {name} twice")
                properties = []
                elements[name] = _count(name, count), number, properties
            case ["property", kind, name] if elements:
                properties.append(Property(name, _code(kind, number)))
            case ["property", "list", length, kind, name] if elements:
                if _code(length, number).startswith("f"):
                    raise InputError(f"header line {number + 1} counts a list with the type {length}")
                properties.append(Property(name, _code(kind, number), _code(length, number)))
            case _:
                text = " ".join(words)
                text = text if len(text) <= 60 else text[:60] + " ..."
                raise InputError(f"header line {number + 1} is not understood: {text!r}")
    if encoding is None:
        raise InputError("its header has no format line", remedy="check that it is a PLY file")
    tables = [
        Element(name, count, line, _lower_position(props) if name == "vertex" else tuple(props))
        for name, (count, line, props) in elements.items()
    ]
    header = PlyHeader(tuple(lines), encoding, tuple(tables))
    _check(header)
    return header


def _lower_position(properties: Sequence[Property]) -> tuple[Property, ...]:
    """Properties, X, Y and Z as x, y and z; the header's lines keep their names."""
    names = lower_position([prop.name for prop in properties])
    return tuple(replace(prop, name=name) for prop, name in zip(properties, names, strict=True))


def _check_magic(line: bytes) -> None:
    if not line:
        raise InputError("is empty", remedy="check that its writer finished")
    if line.rstrip() != b"ply":
        raise InputError("is no PLY file: its first line is not 'ply'", remedy="check the file")


def _check(header: PlyHeader) -> None:
    for element in header.elements:
        seen = [p.name for p in element.properties]
        if len(set(seen)) < len(seen):
            twice = Counter(seen).most_common(1)[0][0]
            raise InputError(f"element {element.name} declares property {twice} twice")
        if element.count and not seen:
            raise InputError(f"element {element.name} has {element.count:,} rows but no properties")
    if "vertex" not in (e.name for e in header.elements):
        names = ", ".join(e.name for e in header.elements[:12]) or "none"
        raise InputError(f"has no vertex element (elements: {names})", remedy="points are read from 'vertex'")
    if len(header.vertex.properties) > MAX_COLUMNS:
        raise InputError(
            f"has {len(header.vertex.properties):,} properties where a scene has at most {MAX_COLUMNS:,}"
        )
    for prop in header.vertex.properties:
        if prop.length and prop.name in "xyz":
            raise InputError(f"vertex property {prop.name} is a list", remedy="points need one number each")
    missing = [axis for axis in "xyz" if axis not in (p.name for p in header.vertex.properties)]
    if missing:
        raise InputError(
            f"its vertices have no {', '.join(missing)}", remedy="points need the properties x, y and z"
        )


def _count(name: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise InputError(f"element {name} claims {text[:40]!r} rows, which is no row count")
    return int(text)


def _code(kind: str, number: int) -> str:
    if kind not in CODES:
        raise InputError(
            f"header line {number + 1} has the unknown type {kind[:40]!r}",
            remedy=f"known types are {', '.join(CODES)}",
        )
    return CODES[kind]


def _keyword(line: bytes) -> bytes:
    return (line.split(None, 1) or [b""])[0]


def _comment(line: bytes) -> str:
    text = line.lstrip().rstrip(b"\r\n")[len(b"comment") :]
    return text[1:].decode("utf-8", "surrogateescape")


def _comment_line(text: str) -> bytes:
    line = one_line(text)
    return b"comment" + (b" " + line.encode("utf-8", "surrogateescape") if line else b"")


def _property_lines(dtype: np.dtype[np.void]) -> list[bytes]:
    return [
        f"property {SPELLINGS[dtype[name].str[1:]][0]} {name}".encode("utf-8", "surrogateescape")
        for name in dtype.names or ()
    ]
