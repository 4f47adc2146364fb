"""The layout of a ``.npy`` file: a header with type and shape, then the items."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from .bytes import malformed, mapped, require_end, table, volume

MAGIC = b"\x93NUMPY"
_HEADER_BYTES = 1 << 16


def array_in(path: Path) -> npt.NDArray[Any]:
    """The array of a file, as a view of its map.

    Raises:
        InputError: damaged, cut short, longer than its array, or it holds objects.
    """
    return view(path, mapped(path), "a NumPy array")


def write(
    stream: BinaryIO, kind: np.dtype[Any], shape: tuple[int, ...], blocks: Iterable[npt.NDArray[Any]]
) -> None:
    """Write an array that comes in blocks of rows; NumPy's own writing of a file hides why it fails."""
    about = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, about)
    for block in blocks:
        stream.write(np.ascontiguousarray(block, kind).reshape(-1).view(np.uint8).data)


def view(path: Path, data: npt.NDArray[np.uint8], what: str) -> npt.NDArray[Any]:
    """The array that the bytes of a ``.npy`` file hold.

    Raises:
        InputError: damaged, cut short, or it holds objects.
    """
    with malformed(path, what):
        head = io.BytesIO(data[:_HEADER_BYTES].tobytes())
        shape, fortran, kind = header(head)
        if kind.hasobject or not kind.itemsize:
            raise ValueError(
                "it holds Python objects, which are never loaded" if kind.hasobject else "empty items"
            )
        flat = table(data, kind, volume(shape), head.tell(), path, "items")
        require_end(path, data, head.tell() + flat.nbytes, "the items of its array")
        return flat.reshape(shape, order="F" if fortran else "C")


def header(head: io.BytesIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """The shape of an array, whether its first index runs fastest, and its type; leaves `head` behind them.

    Raises:
        ValueError: and whatever else NumPy's own parser raises: damaged.
    """
    version = np.lib.format.read_magic(head)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise ValueError(f"format version {version} is not read")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that Python 2 wrote it
        shape, fortran, kind = read(head)
    if version == (3, 0) and kind.names is not None:  # as 2.0, whose names are Latin-1, in UTF-8
        kind.names = tuple(name.encode("latin1").decode() for name in kind.names)
    return shape, fortran, kind
