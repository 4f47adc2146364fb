"""Zip containers (PyTorch, NumPy and SOG files are zips): members found, bounded and unpacked."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..kernels.structured import release_pages
from . import npy
from .bytes import check_expansion, malformed, mapped

MAGIC = b"PK\x03\x04"
EMPTY = b"PK\x05\x06"  # how a zip without members starts
_MAX_DIRECTORY = 4 << 20  # bytes: 40,000 members of usual names
_END = 22  # bytes of the end of the directory, before a comment
_MANY = 0xFFFF  # the count stands elsewhere
_LOCAL_HEADER = 30  # bytes before the name in front of each member
UTF8, _ENCRYPTED = 0x800, 0x1  # flags
_METHODS = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "xz", 98: "PPMd"}
_PIECE = 1 << 17  # bytes: more, and memory goes back to the system and returns with every piece


def first_member(head: bytes) -> str:
    """The name of the first member of a zip, from the first bytes of the file; "" without one."""
    if not head.startswith(MAGIC) or len(head) < _LOCAL_HEADER:
        return ""
    length = int.from_bytes(head[26:28], "little")
    return head[_LOCAL_HEADER : _LOCAL_HEADER + length].decode("utf-8", "replace")


def starting_with(name: str) -> bytes:
    """The head of a zip whose first member has a name, as far as `first_member` looks."""
    raw = name.encode("utf-8", "surrogateescape")
    return MAGIC + bytes(22) + struct.pack("<HH", len(raw), 0) + raw


class Zip:
    """The members of a zip file, over one read-only map of it; each that is read is held to its checksum.

    Raises:
        InputError: no zip, cut short, or two members of one name.
    """

    def __init__(self, path: Path, what: str) -> None:
        self.path = path
        self.data = mapped(path)
        with malformed(path, what):
            window = _Window(self.data, most=_MAX_DIRECTORY)
            self.archive = zipfile.ZipFile(window)
            window.most = None
            self.members = {info.filename: info for info in self.archive.infolist()}
        self._checked = any(info.CRC for info in self.members.values())  # torch.save can leave checksums out
        self._sound: set[str] = set()
        if len(self.members) != len(self.archive.infolist()):
            raise InputError("holds two members of one name", path=path, remedy="it is damaged")
        if self._counted() not in (len(self.members), _MANY):
            raise InputError("its directory has lost members", path=path, remedy="copy the file again")

    def _counted(self) -> int:
        """The number of members as the end of the directory has it; the module zipfile does not compare."""
        end = len(self.data) - _END - len(self.archive.comment)
        return int.from_bytes(self.data[end + 10 : end + 12].tobytes(), "little")

    def stored(self, name: str) -> npt.NDArray[np.uint8]:
        """The bytes of an uncompressed member, as a view of the file.

        Raises:
            InputError: there is no such member, it is compressed or damaged, or lies outside of the file.
        """
        info = self._info(name)
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise InputError(f"its member {name} is compressed", path=self.path, remedy="it is damaged")
        body = self._packed(info)
        if self._checked and name not in self._sound and _checksum(body) != info.CRC:
            raise self._other(name)
        self._sound.add(name)
        return body

    def unpack(self, name: str) -> bytes:
        """The bytes of a member, checked against its checksum; a decompression bomb is refused.

        Raises:
            InputError: there is no such member, or it is damaged.
        """
        info = self._info(name)
        check_expansion(self.path, info.compress_size, info.file_size)
        with malformed(self.path, f"zip member {name}"):
            with self.archive.open(info) as stream:
                out = stream.read(info.file_size)
            if len(out) != info.file_size:
                raise EOFError("cut short")
            return out

    def array(self, name: str) -> npt.NDArray[Any]:
        """A ``.npy`` member as an array; a view of the file where it is stored as it is.

        Raises:
            InputError: there is no such member, it is damaged, or it holds objects.
        """
        stored = self._info(name).compress_type == zipfile.ZIP_STORED
        data = self.stored(name) if stored else np.frombuffer(self.unpack(name), np.uint8)
        return npy.view(self.path, data, f"its member {name}")

    def head(self, name: str, most: int) -> bytes:
        """The first bytes of a member, at most so many, unchecked.

        Raises:
            InputError: as of `pieces`.
        """
        info, body = self._readable(name)
        with malformed(self.path, f"zip member {name}"):
            start = body[: most + (most >> 4)].tobytes()  # what cannot be packed grows by less
            if info.compress_type == zipfile.ZIP_STORED:
                return start[:most]
            return zlib.decompressobj(-zlib.MAX_WBITS).decompress(start, most)

    def pieces(self, name: str) -> Iterator[bytes]:
        """The bytes of a member, a piece at a time, held to its size and checksum.

        Raises:
            InputError: there is no such member, it is encrypted, damaged, packed by a method that is not
                read, or a decompression bomb.
        """
        info, body = self._readable(name)
        check_expansion(self.path, info.compress_size, info.file_size)
        with malformed(self.path, f"zip member {name}"):
            size = crc = 0
            blocks = _blocks(body)
            stored = info.compress_type == zipfile.ZIP_STORED
            for piece in map(bytes, blocks) if stored else _inflated(blocks):
                size, crc = size + len(piece), zlib.crc32(piece, crc)
                if size > info.file_size:
                    raise ValueError(f"more than the {info.file_size:,} bytes that it claims")
                yield piece
            if size < info.file_size:
                raise EOFError(f"{size:,} bytes where it claims {info.file_size:,}")
        if crc != info.CRC:
            raise self._other(name)

    def _readable(self, name: str) -> tuple[zipfile.ZipInfo, npt.NDArray[np.uint8]]:
        """A member and its bytes as they are packed, by a method that is read."""
        info = self._info(name)
        if info.flag_bits & _ENCRYPTED:
            remedy = "unpack it with its password first"
            raise InputError(f"its member {name} is encrypted", path=self.path, remedy=remedy)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            method = _METHODS.get(info.compress_type, f"method {info.compress_type}")
            what = f"its member {name} is packed by {method}, which is not read"
            raise InputError(what, path=self.path, remedy="unpack it first")
        return info, self._packed(info)

    def _packed(self, info: zipfile.ZipInfo) -> npt.NDArray[np.uint8]:
        """The bytes of a member as they are packed, as a view of the file."""
        name = info.filename
        header = self.data[info.header_offset : info.header_offset + _LOCAL_HEADER].tobytes()
        if len(header) < _LOCAL_HEADER or not header.startswith(MAGIC):
            raise InputError(f"its member {name} has no header", path=self.path, remedy="it is damaged")
        named = info.header_offset + _LOCAL_HEADER + int.from_bytes(header[26:28], "little")
        start = named + int.from_bytes(header[28:30], "little")
        own = self.data[info.header_offset + _LOCAL_HEADER : named].tobytes()
        encoding = "utf-8" if info.flag_bits & UTF8 else "cp437"
        if own.decode(encoding, "replace") != info.orig_filename:
            raise InputError(
                f"its member {name} has another name", path=self.path, remedy="copy the file again"
            )
        if start + info.compress_size > len(self.data):
            raise InputError(f"its member {name} is cut short", path=self.path, remedy="copy the file again")
        return self.data[start : start + info.compress_size]

    def _other(self, name: str) -> InputError:
        what = f"its member {name} does not match its checksum"
        return InputError(what, path=self.path, remedy="copy the file again")

    def _info(self, name: str) -> zipfile.ZipInfo:
        if name not in self.members:
            raise InputError(f"has no member {name}", path=self.path, remedy="it is damaged")
        return self.members[name]


def _blocks(body: npt.NDArray[np.uint8]) -> Iterator[memoryview]:
    """Bytes of the map, a piece at a time, read once and not kept in memory."""
    for start in range(0, len(body), _PIECE):
        block = body[start : start + _PIECE]
        yield block.data
        release_pages(block)


def _inflated(blocks: Iterable[memoryview]) -> Iterator[bytes]:
    """What a deflate stream holds, a piece at a time."""
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    for block in blocks:
        left: memoryview | bytes = block
        while left:
            yield unpacker.decompress(left, _PIECE)
            left = unpacker.unconsumed_tail
            if unpacker.unused_data:
                raise ValueError("bytes follow its end")
    yield unpacker.flush()
    if not unpacker.eof:
        raise EOFError("cut short")


def _checksum(body: npt.NDArray[np.uint8]) -> int:
    """CRC-32 of bytes of the map."""
    crc = 0
    for block in _blocks(body):
        crc = zlib.crc32(block, crc)
    return crc


class _Window(io.RawIOBase):
    """A map as the seekable file that zipfile wants, without a copy; `most` bounds a read, unless None."""

    def __init__(self, data: npt.NDArray[np.uint8], most: int) -> None:
        self._data = data.data
        self.most: int | None = most
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        at = offset + (0, self._at, len(self._data))[whence]
        if at < 0:
            raise OSError("seek before the start")  # as files do
        self._at = at
        return at

    def read(self, size: int | None = -1) -> bytes:
        if self.most is not None and size is not None and size > self.most:
            raise zipfile.BadZipFile("a table of contents longer than that of any scene")
        stop = len(self._data) if size is None or size < 0 else self._at + size
        out = bytes(self._data[self._at : stop])
        self._at += len(out)
        return out
