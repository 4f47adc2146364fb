"""A slow, obvious PLY writer and hypothesis strategies for its files: the twin of `gscli.formats.ply`."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

FORMS = {  # spelling: how struct packs it
    **dict.fromkeys(("char", "int8"), "b"),
    **dict.fromkeys(("uchar", "uint8"), "B"),
    **dict.fromkeys(("short", "int16"), "h"),
    **dict.fromkeys(("ushort", "uint16"), "H"),
    **dict.fromkeys(("int", "int32"), "i"),
    **dict.fromkeys(("uint", "uint32"), "I"),
    **dict.fromkeys(("float", "float32"), "f"),
    **dict.fromkeys(("double", "float64"), "d"),
}
ENCODINGS = {"ascii": "=", "binary_little_endian": "<", "binary_big_endian": ">"}


@dataclass
class Table:
    """An element: `columns` are (name, type, type of the list length or None); `rows` hold Python numbers."""

    name: str
    columns: list[tuple[str, str, str | None]]
    rows: list[list[Any]]

    def array(self, order: str = "=") -> np.ndarray[Any, Any]:
        """The rows of a table without lists."""
        dtype = [(name, order + FORMS[kind]) for name, kind, _ in self.columns]
        return np.array([tuple(row) for row in self.rows], dtype)


@dataclass
class SlowPly:
    """A PLY file to be: `remarks` are (place, whole line) put into the header in that order."""

    tables: list[Table]
    encoding: str = "binary_little_endian"
    newline: bytes = b"\n"
    remarks: list[tuple[int, bytes]] = field(default_factory=list)

    @property
    def vertex(self) -> Table:
        return next(table for table in self.tables if table.name == "vertex")

    def header_lines(self) -> list[bytes]:
        lines = [f"format {self.encoding} 1.0".encode()]
        for table in self.tables:
            lines.append(f"element {table.name} {len(table.rows)}".encode())
            for name, kind, length in table.columns:
                words = f"property list {length} {kind} {name}" if length else f"property {kind} {name}"
                lines.append(words.encode())
        for place, line in self.remarks:
            lines.insert(place % (len(lines) + 1), line)
        return [b"ply", *lines, b"end_header"]

    def body(self) -> bytes:
        pack = self._text if self.encoding == "ascii" else self._binary
        return b"".join(pack(table.columns, row) for table in self.tables for row in table.rows)

    def bytes(self) -> bytes:
        return b"".join(line + self.newline for line in self.header_lines()) + self.body()

    def _binary(self, columns: list[tuple[str, str, str | None]], row: list[Any]) -> bytes:
        order, out = ENCODINGS[self.encoding], b""
        for (_, kind, length), value in zip(columns, row, strict=True):
            if length:
                out += struct.pack(order + FORMS[length], len(value))
            for number in value if length else [value]:
                out += struct.pack(order + FORMS[kind], number)
        return out

    def _text(self, columns: list[tuple[str, str, str | None]], row: list[Any]) -> bytes:
        words = []
        for (_, _, length), value in zip(columns, row, strict=True):
            words += [str(len(value)), *map(repr, value)] if length else [repr(value)]
        return " ".join(words).encode() + self.newline


def scene(n: int = 4, **changes: Any) -> SlowPly:
    """A small file with a camera before and faces after n vertices, a comment and an obj_info."""
    vertex = Table(
        "vertex",
        [("x", "float", None), ("y", "float", None), ("z", "float", None), ("label", "uchar", None)],
        [[float(i), i + 0.5, -float(i), i % 256] for i in range(n)],
    )
    camera = Table("camera", [("view", "double", None)], [[0.25]])
    faces = [[[i, i + 1, i + 2]] for i in range(max(0, n - 2))]
    face = Table("face", [("vertex_indices", "int", "uchar")], faces)
    remarks = [(1, b"comment antialiased 1"), (2, b"obj_info made by hand")]
    return SlowPly([camera, vertex, face], **{"remarks": remarks, **changes})


def numbers(kind: str) -> st.SearchStrategy[Any]:
    if FORMS[kind] in "fd":
        return st.floats(width=32 if FORMS[kind] == "f" else 64, allow_nan=False)
    bits = 8 * struct.calcsize("=" + FORMS[kind])
    low = -(2 ** (bits - 1)) if FORMS[kind].islower() else 0
    return st.integers(low, low + 2**bits - 1)


KINDS = st.sampled_from(sorted(FORMS))
LENGTHS = st.sampled_from(["char", "uint8", "short", "uint16", "int", "uint32"])
NAMES = st.from_regex(r"[a-w][a-z0-9_.:-]{0,8}", fullmatch=True)
REMARKS = st.builds(
    lambda keyword, text: keyword + (b" " + text.encode() if text else b""),
    st.sampled_from([b"comment", b"obj_info"]),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=12),
)


@st.composite
def tables(draw: st.DrawFn, name: str, must: tuple[str, ...] = (), lists: bool = True) -> Table:
    names = draw(st.permutations([*must, *draw(st.lists(NAMES, max_size=4, unique=True))]))
    names = names or ["only"]
    columns = [(n, draw(KINDS), draw(LENGTHS) if lists and draw(st.booleans()) else None) for n in names]
    alike = draw(st.booleans())  # lists of one length, as in a mesh of triangles
    shared = draw(st.integers(0, 4))
    rows = []
    for _ in range(draw(st.integers(0, 6))):
        row: list[Any] = []
        for _, kind, length in columns:
            if length:
                size = shared if alike else draw(st.integers(0, 4))
                row.append(draw(st.lists(numbers(kind), min_size=size, max_size=size)))
            else:
                row.append(draw(numbers(kind)))
        rows.append(row)
    return Table(name, columns, rows)


@st.composite
def files(draw: st.DrawFn) -> SlowPly:
    """Any PLY file with x, y and z: any order, types, encoding, remarks and other elements."""
    other_names = draw(st.lists(NAMES.filter(lambda n: n != "vertex"), max_size=2, unique=True))
    parts = [draw(tables(name)) for name in other_names]
    parts.insert(draw(st.integers(0, len(parts))), draw(tables("vertex", ("x", "y", "z"), lists=False)))
    remarks = draw(st.lists(st.tuples(st.integers(0, 30), REMARKS), max_size=3))
    newline = draw(st.sampled_from([b"\n", b"\r\n"]))
    return SlowPly(parts, draw(st.sampled_from(sorted(ENCODINGS))), newline, remarks)
