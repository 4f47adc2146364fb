"""PCD of the Point Cloud Library: ascii, binary and binary_compressed read; ascii and binary written.

A packed ``rgb`` or ``rgba`` field stays one column with its bits. Fields of several values
(COUNT > 1) become ``name_0``, ``name_1`` and so on; fields without values (COUNT 0) and padding, which is
called ``_``, become none.

One module, as every format is: what is read is written beside it.
"""

from __future__ import annotations

import io
import os
import re
from codecs import BOM_UTF8
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud, Header
from ..containers.bytes import check_expansion, malformed, mapped, require_columns, require_end, table
from ..errors import InputError
from ..files import writing
from ..progress import nothing, shared
from ._format import Format, Loss, Writer
from ._ply_text import parse_rows, print_rows
from ._rows import name_bytes, one_line, packed, selected

MAX_HEADER = 1 << 24  # bytes
PADDING = " "  # what padding is called here: no name of a file's field
_KINDS = {"F": "f", "I": "i", "U": "u"}
_SIZES = {"F": "48", "I": "1248", "U": "1248"}


class PcdHeader(NamedTuple):
    """What the header lines say."""

    dtype: np.dtype[Any]
    points: int
    data: str
    comments: tuple[str, ...]
    viewpoint: str
    size: int


def sniff(head: bytes) -> bool:
    return bool(re.match(rb"(?:#[^\n]*\n)*(?:VERSION|FIELDS)\s", head)) and b"FIELDS" in head


def read(path: Path) -> GaussianCloud:
    """Read a PCD file.

    Raises:
        InputError: damaged, cut short, or without x, y and z.
    """
    data = mapped(path)
    data = data[len(BOM_UTF8) * data[:3].tobytes().startswith(BOM_UTF8) :]
    with malformed(path, "a PCD file"):
        header = _header(path, data)
        kind, count, at = header.dtype, header.points, header.size
        if not set(fields.POSITION) <= set(kind.names or ()):
            raise InputError(f"has the fields {', '.join(kind.names or ())}, not x, y and z", path=path)
        if header.data == "binary":
            rows = table(data, kind, count, at, path, "points")
            require_end(path, data, at + rows.nbytes, "its points")
        elif header.data == "binary_compressed":
            rows = _unpacked(path, data, kind, count, at)
        elif header.data == "ascii":
            rows = _parsed(data[at:].tobytes(), kind)
            if len(rows) != count:
                raise InputError(f"has {len(rows):,} lines where its header says {count:,} points", path=path)
        else:
            raise InputError(f"has DATA {header.data[:30]}, which is not read", path=path)
        kept = [(name, kind[name]) for name in kind.names or () if not name.startswith(PADDING)]
        about = Header("pcd", header.comments, (header.data, header.viewpoint))
        return GaussianCloud(packed(rows, np.dtype(kept)), about)


def write(
    path: str | os.PathLike[str],
    cloud: GaussianCloud,
    *,
    overwrite: bool = False,
    index: npt.NDArray[Any] | None = None,
    advance: Callable[[int], object] = nothing,
) -> None:
    """Write every column: as text what was read as text, in binary otherwise."""
    chosen = selected(cloud, index)
    native = chosen.header.native if chosen.header.format == "pcd" else ("binary", "0 0 0 1 0 0 0")
    kind = np.dtype([(name, _stored(chosen.rows.dtype[name])) for name in _kept(chosen)])
    columns = [kind[name] for name in kind.names or ()]
    text = native[0] == "ascii"
    lines = [f"# {one_line(comment)}".rstrip() for comment in chosen.header.comments]
    lines += [
        "VERSION 0.7",
        f"FIELDS {' '.join(kind.names or ())}",
        f"SIZE {' '.join(str(c.itemsize) for c in columns)}",
        f"TYPE {' '.join(c.kind.upper() for c in columns)}",
        f"COUNT {' '.join('1' for _ in columns)}",
        f"WIDTH {len(chosen)}",
        "HEIGHT 1",
        f"VIEWPOINT {native[1]}",
        f"POINTS {len(chosen)}",
        f"DATA {'ascii' if text else 'binary'}\n",
    ]
    told = shared(advance, len(cloud), len(chosen))
    with writing.replacing(path, overwrite=overwrite) as stream:
        stream.write("\n".join(lines).encode("utf-8", "surrogateescape"))
        for _, block in chosen.blocks():
            rows = packed(block, kind)
            if text:
                stream.writelines(print_rows(rows, b"\n"))
            else:
                stream.write(rows.tobytes())
            told(len(rows))


def unsupported(cloud: GaussianCloud) -> list[Loss]:
    """Columns of types or names that PCD does not have."""
    kept = _kept(cloud)
    return [Loss.column(cloud, name) for name in cloud.fields if name not in kept]


def _kept(cloud: GaussianCloud) -> list[str]:
    return [name for name in cloud.fields if _is_word(name) and _is_stored(cloud.rows.dtype[name])]


def _is_word(name: str) -> bool:
    return bool(name_bytes(name)) and name != "_" and not re.search(r"\s", name)


def _is_stored(kind: np.dtype[Any]) -> bool:
    if kind.shape or kind.kind not in "fiub":
        return False
    stored = _stored(kind)
    return str(stored.itemsize) in _SIZES[stored.kind.upper()]


def _stored(kind: np.dtype[Any]) -> np.dtype[Any]:
    if kind.kind == "b":
        return np.dtype("u1")
    return np.dtype("<f4") if kind == np.float16 else kind.newbyteorder("<")


def _header(path: Path, data: npt.NDArray[np.uint8]) -> PcdHeader:
    head = data[:MAX_HEADER].tobytes()
    end = re.search(rb"^DATA[ \t]+(\w+)[^\n]*\n", head, re.MULTILINE)
    if not end:
        raise InputError("has no DATA line", path=path, remedy="check that it is a PCD file")
    lines: dict[str, list[str]] = {}
    comments = []
    for line in head[: end.start()].decode("utf-8", "surrogateescape").split("\n"):
        key, *values = line.split() or [""]
        if line.startswith("#"):
            comments.append(line[1:].strip())
        elif key:
            lines[key] = values
    names, sizes = fields.lower_position(lines["FIELDS"]), lines["SIZE"]
    kinds = [kind.upper() for kind in lines["TYPE"]]
    counts = [int(n) for n in lines.get("COUNT", ["1"] * len(names))]
    if not len(names) == len(sizes) == len(kinds) == len(counts):
        raise InputError("has FIELDS, SIZE, TYPE and COUNT of different lengths", path=path)
    if any(s not in _SIZES.get(k, "") for s, k in zip(sizes, kinds, strict=True)) or not all(
        0 <= n <= 4096 for n in counts
    ):
        raise InputError("has a field of a SIZE, TYPE or COUNT that is not known", path=path)
    require_columns(path, sum(counts))
    types = []
    for name, size, kind, many in zip(names, sizes, kinds, counts, strict=True):
        name = PADDING if name == "_" else name
        columns = [name] if many == 1 else [f"{name}_{i}" for i in range(many)]
        types += [(column, f"<{_KINDS[kind]}{size}") for column in columns]
    # Fields of one name, as all padding is; NumPy wants names of their own.
    seen: dict[str, int] = {}
    unique = []
    for name, stored in types:
        seen[name] = seen.get(name, 0) + 1
        unique.append((name if seen[name] == 1 else f"{name}.{seen[name]}", stored))
    width, height = int(lines["WIDTH"][0]), int(lines.get("HEIGHT", ["1"])[0])
    count = int(lines["POINTS"][0]) if "POINTS" in lines else width * height
    if count < 0 or count != width * height:
        raise InputError(f"has {count:,} POINTS in {width} x {height}", path=path, remedy="it is damaged")
    view = " ".join(lines.get("VIEWPOINT", ["0", "0", "0", "1", "0", "0", "0"]))
    return PcdHeader(np.dtype(unique), count, end[1].decode(), tuple(comments), view, end.end())


def _parsed(text: bytes, kind: np.dtype[Any]) -> npt.NDArray[Any]:
    if not text.strip():  # loadtxt warns of an empty input
        return np.empty(0, kind)
    return parse_rows(io.BytesIO(text), kind)


def _unpacked(
    path: Path, data: npt.NDArray[np.uint8], kind: np.dtype[Any], count: int, at: int
) -> npt.NDArray[Any]:
    """Rows from an LZF stream that holds one column after the other."""
    packed, size = (int(n) for n in table(data, "<u4", 2, at, path, "sizes"))
    if size != count * kind.itemsize:
        raise InputError(f"unpacks to {size:,} bytes where {count:,} points need another number", path=path)
    check_expansion(path, packed, size)
    flat = np.frombuffer(
        lzf(table(data, "u1", packed, at + 8, path, "packed bytes").tobytes(), size), np.uint8
    )
    rows = np.empty(count, kind)
    start = 0
    for name in kind.names or ():
        stop = start + count * kind[name].itemsize
        rows[name] = flat[start:stop].view(kind[name])
        start = stop
    return rows


def lzf(packed: bytes, size: int) -> bytes:
    """Unpack LZF (Lehmann): runs of literals, and copies of what came before.

    Raises:
        ValueError: it does not unpack to `size` bytes.
    """
    out = bytearray()
    at = 0
    while at < len(packed):
        control = packed[at]
        at += 1
        if control < 32:
            out += packed[at : at + control + 1]
            at += control + 1
        else:
            length = control >> 5
            if length == 7:
                length += packed[at]
                at += 1
            back = ((control & 31) << 8) + packed[at] + 1
            at += 1
            start = len(out) - back
            if start < 0:
                raise ValueError("a copy from before the start")
            length += 2
            chunk = out[start : start + length]
            out += (chunk * (length // max(1, len(chunk)) + 1))[:length]
        if len(out) > size:
            break
    if len(out) != size:
        raise ValueError(f"unpacks to another number of bytes than {size:,}")
    return bytes(out)


FORMAT = Format(
    "pcd",
    "PCD (Point Cloud Library), ascii, binary and compressed",
    (".pcd",),
    sniff,
    read,
    Writer(write, unsupported),
)
