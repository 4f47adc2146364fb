"""PLY: binary of either byte order and ASCII, any properties, any other elements, all of it kept.

Binary vertices are a read-only memory map of the file: reading costs the header alone, and writing
streams opaque rows through a few megabytes. What gzip packed is unpacked to a temporary file first.

One module, as every format is: what is read is written beside it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from .. import files
from ..cloud import GaussianCloud, Header
from ..containers import gzip
from ..errors import InputError
from ..files import writing
from ..kernels.structured import BLOCK_BYTES, release_pages, take_rows
from ..progress import nothing
from ._format import HEAD_BYTES, Format, Loss, Writer
from ._ply_header import SPELLINGS, PlyHeader, plain, scan
from ._rows import name_bytes, packed
from ._write import Edit

EXACT_INTEGER = 2**53  # a double holds every integer up to here


@dataclass(frozen=True)
class Native:
    """What a PLY file holds besides its vertices: `Header.native` of a cloud read from PLY.

    Attributes:
        header: its header, verbatim.
        before: (B,) uint8, the bytes of the elements before the vertices.
        after: (A,) uint8, the bytes of the elements after them.
    """

    header: PlyHeader
    before: npt.NDArray[np.uint8]
    after: npt.NDArray[np.uint8]


def sniff(head: bytes) -> bool:
    plain = gzip.head_of(head, HEAD_BYTES)
    return re.match(rb"ply[ \t]*[\r\n]", plain) is not None and not sniff_packed(plain)


def sniff_packed(head: bytes) -> bool:
    """Whether a PLY header is that of ``formats/compressed_ply.py``, a format of its own."""
    text = head[: head.find(b"end_header")] if b"end_header" in head else b""
    return text.startswith(b"ply") and b"element chunk " in text and b"packed_position" in text


def read(path: str | os.PathLike[str]) -> GaussianCloud:
    """Read a PLY file; the rows of a binary one are mapped, not read.

    Raises:
        InputError: unreadable, no PLY, a header that cannot be honoured, or a body that is shorter or
            longer than its header says.
    """
    try:
        with files.open_regular(path) as file, _plain(file, path) as stream:
            header = scan(stream)
            body = os.fstat(stream.fileno()).st_size - stream.tell()
            if header.vertex.has_lists:
                if stream is not file:
                    remedy = "unpack it with gunzip first"
                    raise InputError("has vertices that hold lists, within gzip", remedy=remedy)
                from . import _ply_lists

                return _ply_lists.read(path, header, body)
            if header.encoding == "ascii":
                from ._ply_text import read_body
            else:
                from ._ply_binary import read_body
            rows, before, after = read_body(stream, header, body)
    except InputError as error:
        error.path = os.fspath(path)
        raise
    except OSError as error:
        raise files.unreadable(path, error) from None
    return GaussianCloud(rows, Header("ply", header.comments, Native(header, before, after)))


@contextmanager
def _plain(file: BinaryIO, path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file from its start on, unpacked if gzip packed it."""
    file.seek(0)  # /dev/fd/N may share its position with its other readers
    packed = file.read(2) == gzip.MAGIC
    file.seek(0)
    if not packed:
        yield file
        return
    with gzip.unpacked(file, path) as stream:
        yield stream


def write(
    path: str | os.PathLike[str],
    cloud: GaussianCloud,
    *,
    overwrite: bool = False,
    index: npt.NDArray[Any] | None = None,
    advance: Callable[[int], object] = nothing,
    edit: Edit | None = None,
) -> None:
    """Write a cloud, or its rows at `index` in that order; the path may be the one it was read from.

    A cloud read from PLY keeps its encoding, header lines and other elements; any other becomes
    little-endian binary. Of the columns that `unsupported` names, digits are rounded or the whole
    column is left out.

    Args:
        path: the file, or ``-`` for stdout.
        cloud: what to write.
        overwrite: whether an existing file may be replaced.
        index: (K,) row numbers, or a (N,) mask; in ascending order and as a mask it costs no memory.
        advance: told of each number of rows of the cloud that are done with.
        edit: what becomes of the rows.

    Raises:
        WriteRefused: the file exists and `overwrite` is false.
        GscliError: it cannot be written, or a comment holds a line break.
    """
    if index is not None or edit is not None:  # which changes copies
        index = _row_numbers(np.ones(len(cloud), bool) if index is None else index, len(cloud))
    count = len(cloud)
    if index is not None:
        count = int(np.count_nonzero(index)) if index.dtype == bool else len(index)
    write_blocks(path, cloud, count, _gather(cloud, index, advance, edit), overwrite=overwrite)


def write_blocks(
    path: str | os.PathLike[str],
    like: GaussianCloud,
    count: int,
    blocks: Iterable[npt.NDArray[Any]],
    *,
    overwrite: bool = False,
) -> None:
    """Write rows as they come; arguments as of `gscli.formats._write.WriteBlocks`, the rest as of `write`."""
    native = like.header.native if isinstance(like.header.native, Native) else None
    order = native.header.order if native else "<"
    stored = np.dtype([(name, order + code) for name, code in _codes(like).items() if code])
    header = native.header if native else plain(stored)
    text = header.render(count, stored, like.header.comments)
    with writing.replacing(path, overwrite=overwrite) as stream:
        stream.write(text)
        if native:
            stream.writelines(_chunks(native.before))
        for block in blocks:
            stream.writelines(_encoded(packed(block, stored), header))
        if native:
            stream.writelines(_chunks(native.after))


def unsupported(cloud: GaussianCloud) -> list[Loss]:
    """What PLY cannot hold of a cloud: it knows integers of 8 to 32 bits, float and double.

    bool and float16 are held exactly as uchar and float, 64-bit integers as double up to 2^53.
    """
    lost = []
    for name, code in _codes(cloud).items():
        kind = cloud.rows.dtype[name]
        if code is None:
            lost.append(Loss.column(cloud, name))
        elif kind.kind == "f" and kind.itemsize > 8:
            lost.append(Loss(f"digits of column {name}", detail=str(kind)))
        elif kind.kind in "iu" and kind.itemsize == 8:
            ends = [int(end) for _, block in cloud.blocks() for end in (block[name].min(), block[name].max())]
            if max(map(abs, ends), default=0) > EXACT_INTEGER:
                lost.append(Loss(f"digits of column {name}", detail=f"{kind} beyond 2^53"))
    return lost


def references_rows(cloud: GaussianCloud) -> list[str]:
    """Properties of other elements that number vertices, such as ``face.vertex_indices``.

    Their bytes are kept as they are, so they name the wrong rows once rows are left out or moved.
    """
    native = cloud.header.native
    if not isinstance(native, Native):
        return []
    return [
        f"{element.name}.{prop.name}"
        for element in native.header.elements
        for prop in element.properties
        if element.name != "vertex"
        and element.count
        and prop.code[0] in "iu"
        and prop.name.startswith("vert")
    ]


def _codes(cloud: GaussianCloud) -> dict[str, str | None]:
    """The PLY type that holds each column, None where there is none."""
    return {name: _code(cloud.rows.dtype[name]) if _is_word(name) else None for name in cloud.fields}


def _code(kind: np.dtype[Any]) -> str | None:
    code = kind.str[1:]
    if kind.shape or kind.kind not in "biuf":
        return None
    if code in SPELLINGS:
        return code
    return {"b1": "u1", "f2": "f4"}.get(code, "f8")


def _is_word(name: str) -> bool:
    raw = name_bytes(name)
    return raw.split() == [raw]


def _row_numbers(index: npt.NDArray[Any], count: int) -> npt.NDArray[Any]:
    index = np.asarray(index)
    if index.dtype == bool:
        if len(index) != count:
            raise IndexError(f"a mask of {len(index):,} rows for a cloud of {count:,}")
    elif len(index) and not (-count <= index.min() and index.max() < count):
        raise IndexError(f"index has rows outside the cloud's {count:,}")
    return index


def _gather(
    cloud: GaussianCloud,
    index: npt.NDArray[Any] | None,
    advance: Callable[[int], object],
    edit: Edit | None,
) -> Iterator[npt.NDArray[Any]]:
    """The rows at `index`, edited, a few megabytes at a time and in its order."""

    def taken(rows: npt.NDArray[Any], at: npt.NDArray[Any], first: int = 0) -> npt.NDArray[Any]:
        found = take_rows(rows, at)
        if edit is not None:
            edit.apply(found, at + first)
        return found

    if index is None:
        for _, block in cloud.blocks():
            yield block
            advance(len(block))
    elif index.dtype == bool:
        for start, block in cloud.blocks():
            yield taken(block, np.flatnonzero(index[start : start + len(block)]), start)
            advance(len(block))
    elif not len(index) or (index[0] >= 0 and (index[1:] >= index[:-1]).all()):
        for start, block in cloud.blocks():
            first, last = np.searchsorted(index, [start, start + len(block)])
            yield taken(block, index[first:last] - start, start)
            advance(len(block))
    else:
        step = max(1, BLOCK_BYTES // cloud.rows.dtype.itemsize)
        for start in range(0, len(index), step):
            yield taken(cloud.rows, index[start : start + step])
            release_pages(cloud.rows)
        advance(len(cloud))


def _encoded(rows: npt.NDArray[Any], header: PlyHeader) -> Iterable[bytes | memoryview]:
    if header.encoding == "ascii":
        from ._ply_text import print_rows

        return print_rows(rows, header.newline)
    return [rows.view(np.uint8).data]


def _chunks(data: npt.NDArray[np.uint8]) -> Iterator[memoryview]:
    for start in range(0, len(data), BLOCK_BYTES):
        chunk = data[start : start + BLOCK_BYTES]
        yield chunk.data
        release_pages(chunk)


FORMAT = Format(
    "ply",
    "PLY, binary or ASCII, with every property, comment and element",
    (".ply",),
    sniff,
    read,
    Writer(write, unsupported, stream=write, blocks=write_blocks, references_rows=references_rows),
)
