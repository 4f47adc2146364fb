"""E57 (ASTM E2807): its header and XML are read here, its points by libE57Format in a bounded process.

What the XML says is known before that starts: the library's own parser follows whatever a document refers to.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..results.shown import counted
from . import bounded, e57_xml
from .bytes import check_expansion, mapped
from .e57_process import Wanted, buffer_type
from .e57_xml import MAX_XML, Element

MAGIC = b"ASTM-E57"
_HEAD = struct.Struct("<8s2I4Q")  # magic, version, length of the file, place and length of the XML, page
_PAGE, _CHECKSUM = 1024, 4  # bytes; a page ends in a CRC of the rest
_ROOM = 1 << 30  # bytes of address space for the interpreter, the library and its buffers
_COPIES = 100  # of the XML, at most, that the library makes


@dataclass(frozen=True)
class Document:
    """An E57 file by its XML.

    Attributes:
        path: the file. size: its bytes. length: those of the XML.
        root: what the XML says.
    """

    path: Path
    size: int
    length: int
    root: Element


def opened(path: Path) -> Document:
    """Read what the XML of an E57 file says.

    Raises:
        InputError: it is cut short, or see `gscli.containers.e57_xml.parsed`.
        ValueError: no XML.
    """
    data = mapped(path)
    if len(data) < _HEAD.size:
        raise InputError("is cut short within its header", path=path)
    magic, major, _, size, at, length, page = _HEAD.unpack(data[: _HEAD.size].tobytes())
    if magic != MAGIC or major != 1 or page != _PAGE:
        raise InputError(f"is no E57 of version 1 (version {major}, pages of {page})", path=path)
    if size != len(data):
        what = f"has {counted(len(data), 'byte')} where its header says {size:,}"
        raise InputError(what, path=path, remedy="it is cut short or its header is wrong")
    if length > MAX_XML:
        raise InputError(f"has {length:,} bytes of XML where {MAX_XML:,} are read", path=path)
    return Document(path, size, length, e57_xml.parsed(path, _section(data, at, length)))


def _section(data: npt.NDArray[np.uint8], at: int, length: int) -> bytes:
    """The bytes of a section without the checksums of its pages, which are left to the library.

    Raises:
        ValueError: the file ends before it does.
    """
    usable = _PAGE - _CHECKSUM
    first, skipped = divmod(at, _PAGE)
    last = first + -(-(skipped + length) // usable)
    if last * _PAGE > len(data) or skipped >= usable:
        raise ValueError("XML beyond its end")
    pages = data[first * _PAGE : last * _PAGE].reshape(-1, _PAGE)[:, :usable]
    return pages.tobytes()[skipped : skipped + length]


@contextmanager
def points(
    document: Document, wanted: Sequence[Wanted], counts: Sequence[int]
) -> Iterator[list[npt.NDArray[Any]]]:
    """Read the points of scans, as structured arrays: maps of a temporary file, gone at the end.

    Args:
        document: the file.
        wanted: what of each scan. counts: how many points each claims, at least one.

    Raises:
        InputError: it is damaged, or holds fewer points than it claims.
        ValueError: it is damaged.
    """
    path, kinds = document.path, [buffer_type(one.fields) for one in wanted]
    taken = sum(count * kind.itemsize for count, kind in zip(counts, kinds, strict=True))
    check_expansion(path, document.size, taken)
    if not wanted:
        yield []
        return
    limit = _ROOM + _COPIES * document.length
    with bounded.taken_apart(
        "gscli.containers.e57_process:main", path, "E57", "scans.e57", limit, asked=wanted
    ) as parts:
        found = parts.about["scans"]
        for (read, _), count, one in zip(found, counts, wanted, strict=True):
            if read != count:
                what = f"has {read:,} points in scan {one.scan} where {count:,} are claimed"
                raise InputError(what, path=path, remedy="it is damaged")
        sizes = [told * kind.itemsize for (_, told), kind in zip(found, kinds, strict=True)]
        starts = accumulate(sizes, initial=0)
        yield [
            parts.array((at, kind, [told])) for at, (_, told), kind in zip(starts, found, kinds, strict=False)
        ]
