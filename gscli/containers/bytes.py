"""Hostile bytes, met safely: maps instead of copies, counts checked before they are believed.

A file's own count is never trusted further than its size allows, whatever is decompressed has a
bound before it is, and whatever a decoder raises on the way becomes one line.
"""

from __future__ import annotations

import json
import math
import os
import pickle
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import files
from ..errors import InputError
from ..kernels.structured import FileMap
from ..results.shown import counted

# Real scenes compress at most about threefold: a file that claims a hundredfold is not one.
MAX_RATIO = 100
_PACKED_AT_ONCE = 1 << 16  # bytes
SMALL = 32 << 20  # bytes that may be unpacked whatever the ratio
SMALL_SCENE = 128 << 20  # bytes of rows that may be made whatever the ratio

MAX_COLUMNS = 4096  # of one scene, in any format
MAX_JSON = 4 << 20  # bytes; parsed, they may take fifty times as many
MAX_RANK = 32  # dimensions that every NumPy knows

# What Python code and NumPy raise over bytes that do not mean what their header says.
_MALFORMED = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    RecursionError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    pickle.PickleError,
    struct.error,
    tokenize.TokenError,  # of NumPy's own header parser
    zipfile.BadZipFile,
    zlib.error,
)


@contextmanager
def malformed(path: Path, what: str) -> Iterator[None]:
    """Tell any failure to decode `path` as a one-line InputError: ``cannot be read as {what}``.

    Numbers that overflow or make no sense become inf or NaN without a warning.
    """
    try:
        with np.errstate(all="ignore"):
            yield
    except MemoryError:
        raise InputError(
            f"needs more memory than there is to be read as {what}",
            path=path,
            remedy="check that it is intact",
        ) from None
    except OSError as error:
        raise files.unreadable(path, error) from None
    except _MALFORMED as error:
        reason = str(error).strip().split("\n")[0][:160] or type(error).__name__
        raise InputError(
            f"cannot be read as {what} ({reason})", path=path, remedy="check that it is intact"
        ) from None


def mapped(path: Path) -> npt.NDArray[np.uint8]:
    """The bytes of a file, (size,) uint8, as a read-only memory map.

    Raises:
        InputError: missing, unreadable, empty, or a pipe or device.
    """
    try:
        with files.open_regular(path) as stream:
            stream.seek(0, 2)
            if stream.tell() == 0:
                raise InputError("is empty", path=path, remedy="check that its writer finished")
            return np.frombuffer(FileMap.of(stream), np.uint8)
    except OSError as error:
        raise files.unreadable(path, error) from None


def read_small(path: str | os.PathLike[str], most: int, *, name: str | None = None) -> bytes:
    """The bytes of a file that is never large, such as a picture or a page of text: at most so many.

    Args:
        name: what messages call it, if not by its path.

    Raises:
        InputError: unreadable, larger, or no file at all.
    """
    name = os.fspath(path) if name is None else name
    try:
        with files.open_regular(path) as stream:
            data = stream.read(most + 1)
    except OSError as error:
        raise files.unreadable(name, error) from None
    except ValueError as error:  # a null byte in its name
        raise InputError(str(error), path=repr(name)) from None
    if len(data) > most:
        raise InputError(f"has more than the {most:,} bytes that are read of such a file", path=name)
    return data


def table(
    data: npt.NDArray[np.uint8], dtype: npt.DTypeLike, count: int, offset: int, path: Path, what: str
) -> npt.NDArray[Any]:
    """(count,) items of `dtype` that lie at a byte offset, as a view.

    Raises:
        InputError: the file ends before they do; the line gives both byte counts.
    """
    dtype = np.dtype(dtype)
    need = offset + count * dtype.itemsize
    if count < 0 or offset < 0 or need > len(data):
        raise InputError(
            f"ends after {counted(len(data), 'byte')} where {count:,} {what} need {need:,}",
            path=path,
            remedy="it is cut short or its header is wrong",
        )
    view: npt.NDArray[Any] = data[offset:need].view(dtype)
    return view


def require_end(path: Path, data: npt.NDArray[np.uint8], at: int, what: str) -> None:
    """Refuse bytes after the last that `what` has: more data than its header tells of, or damage.

    Raises:
        InputError: the data goes on after `at`.
    """
    if at < len(data):
        raise InputError(
            f"goes on for {counted(len(data) - at, 'byte')} after {what}",
            path=path,
            remedy="its header is wrong, or two files were joined",
        )


def require_columns(path: Path, count: int, what: str = "columns") -> None:
    """Refuse more columns, or things that become columns, than any scene has: names cost time and memory.

    Raises:
        InputError: more than `MAX_COLUMNS`.
    """
    if count > MAX_COLUMNS:
        raise InputError(f"has {count:,} {what} where a scene has at most {MAX_COLUMNS:,}", path=path)


def volume(shape: Sequence[Any]) -> int:
    """How many items an array of a shape from a file has.

    Raises:
        ValueError: no shape, or one that no array can have.
    """
    if len(shape) > MAX_RANK or not all(type(n) is int and 0 <= n < 1 << 63 for n in shape):
        raise ValueError("an impossible shape")
    return math.prod(shape)


def parsed(text: bytes | str, **hooks: Any) -> Any:
    """What JSON says, unless it is longer than that of any scene.

    Args:
        hooks: ``parse_int`` and the like, as of ``json.loads``.

    Raises:
        ValueError: no JSON, too long, or nested too deeply.
    """
    if len(text) > MAX_JSON:
        raise ValueError(f"more than {MAX_JSON:,} bytes of JSON")
    try:
        return json.loads(text, **hooks)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def check_expansion(path: Path, packed: int, unpacked: int) -> None:
    """Refuse to unpack what could not be a scene: more than 32 MiB at more than a hundredfold.

    Raises:
        InputError: a decompression bomb, or a header that claims too much.
    """
    if unpacked > max(SMALL, MAX_RATIO * packed):
        raise InputError(
            f"claims to unpack {packed:,} bytes to {unpacked:,}, which no scene does",
            path=path,
            remedy="it is damaged or a decompression bomb",
        )


def check_scene(path: Path, packed: int, points: int, degree: int) -> None:
    """Refuse splats that take more than 128 MiB and more than a hundredfold of the bytes they are made from.

    Raises:
        InputError: a decompression bomb, or a header that claims too much.
    """
    unpacked = 4 * (14 + 3 * ((degree + 1) ** 2 - 1)) * points
    if unpacked > max(SMALL_SCENE, MAX_RATIO * packed):
        raise InputError(
            f"claims {points:,} splats of SH degree {degree} in {packed:,} bytes, which no scene does",
            path=path,
            remedy="it is damaged or a decompression bomb",
        )


def gunzip(data: npt.NDArray[np.uint8], limit: int, path: Path) -> npt.NDArray[np.uint8]:
    """Unpack a gzip stream of at most `limit` bytes, holding little besides them.

    Raises:
        InputError: it is damaged, goes on beyond `limit`, or something follows it.
    """
    with malformed(path, "gzip data"):
        unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
        out, filled, at = np.empty(limit, np.uint8), 0, 0
        while at < len(data) and not unpacker.eof:
            packed = data[at : at + _PACKED_AT_ONCE]
            piece = unpacker.decompress(packed.data, limit - filled + 1)
            if filled + len(piece) > limit:
                raise ValueError(f"more than the {limit:,} bytes its header implies")
            out[filled : filled + len(piece)] = np.frombuffer(piece, np.uint8)
            filled, at = filled + len(piece), at + len(packed)
        if not unpacker.eof:
            raise EOFError(f"cut short after {filled:,} unpacked bytes")
        if left := len(unpacker.unused_data) + len(data) - at:
            raise ValueError(f"{left:,} bytes follow its end")
        return out[:filled]
