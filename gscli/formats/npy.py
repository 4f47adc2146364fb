"""NumPy arrays: a structured array with the columns by name, or (N, D >= 3) with x, y, z first.

Further columns of a plain array have no names: they become ``column_3``, ``column_4`` and so on.
Objects are never loaded (``allow_pickle=False``) and a file is mapped, so that its header cannot
claim more than there is.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud, Header
from ..containers import npy
from ..containers.bytes import malformed, require_columns
from ..errors import InputError
from ..files import writing
from ..in_memory import plain_rows, plain_type
from ..progress import nothing
from ._format import Format, Loss, Writer
from ._rows import selected


def sniff(head: bytes) -> bool:
    return head.startswith(npy.MAGIC)


def _is_cloud(head: bytes) -> bool | None:
    """Whether an array is points: where it names x, y and z. Else it may be, of three columns or more."""
    try:
        with malformed(Path(), "a NumPy array"):
            shape, _, kind = npy.header(io.BytesIO(head))
    except InputError:
        return None
    if kind.names is not None:
        return set(fields.POSITION) <= set(fields.lower_position(kind.names))
    return None if len(shape) == 2 and shape[1] >= 3 and kind.kind in "biuf" else False


def read(path: Path) -> GaussianCloud:
    """Read a .npy file.

    Raises:
        InputError: damaged, holds objects, or is no array of points.
    """
    array = npy.array_in(path)
    return GaussianCloud(as_rows(path, array), Header("npy", native=array.ndim))


def as_rows(path: Path, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The rows of a structured array, or of a plain (N, D >= 3) one.

    Raises:
        InputError: another shape, no positions, or columns that are not numbers.
    """
    if array.dtype.names is not None:
        require_columns(path, len(array.dtype.names))
        array, names = _with_lower_position(array)
        if array.ndim != 1 or not set(fields.POSITION) <= set(names):
            raise InputError(f"has the columns {', '.join(names)}, not x, y and z", path=path)
        if any(array.dtype[name].kind not in "biuf" for name in fields.POSITION):
            raise InputError("has positions that are no numbers", path=path)
        return array
    if array.ndim != 2 or array.shape[1] < 3 or array.dtype.kind not in "biuf":
        raise InputError(
            f"is an array of shape {list(array.shape)} and type {array.dtype}",
            path=path,
            remedy="points are numbers of shape (N, 3) or wider",
        )
    require_columns(path, array.shape[1])
    return plain_rows(array)


def _with_lower_position(array: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    """A structured array and its columns' names, X, Y and Z in lower case."""
    kind = np.dtype(array.dtype, copy=True)
    names = kind.names = fields.lower_position(kind.names or ())
    return array.view(kind), names


def write(
    path: str | os.PathLike[str],
    cloud: GaussianCloud,
    *,
    overwrite: bool = False,
    index: npt.NDArray[Any] | None = None,
    advance: Callable[[int], object] = nothing,
) -> None:
    """Write a structured array; what was read as a plain (N, D) array and has its columns, as one."""
    rows = selected(cloud, index).rows
    kept = [(name, rows.dtype[name]) for name in cloud.fields if _is_kept(name, rows.dtype[name])]
    if len(kept) < len(cloud.fields):
        whole, rows = rows, np.empty(len(rows), kept)
        for name, _ in kept:
            rows[name] = whole[name]
    kind, width = rows.dtype[0], len(kept)
    if cloud.header.format == "npy" and cloud.header.native == 2 and rows.dtype == plain_type(kind, width):
        rows = np.ascontiguousarray(rows).view(kind).reshape(len(rows), width)
    with writing.replacing(path, overwrite=overwrite) as stream:
        np.lib.format.write_array(stream, rows, _version(rows), allow_pickle=False)
    advance(len(cloud))


def unsupported(cloud: GaussianCloud) -> list[Loss]:
    """What a .npy file cannot hold: comments, columns of objects, and one whose name is empty."""
    lost = [name for name in cloud.fields if not _is_kept(name, cloud.rows.dtype[name])]
    return [*(Loss.column(cloud, name) for name in lost), *Loss.comments(cloud)]


def _is_kept(name: str, kind: np.dtype[Any]) -> bool:
    return bool(name) and not kind.hasobject


def _version(rows: npt.NDArray[Any]) -> tuple[int, int] | None:
    """The version that has room for the columns' names; None leaves it to NumPy, which warns of 3.0."""
    try:
        repr(rows.dtype.names).encode("latin1")
    except UnicodeEncodeError:
        return 3, 0
    return None


FORMAT = Format(
    "npy",
    "NumPy array: structured, or (N, 3 or more) with x y z first",
    (".npy",),
    sniff,
    read,
    Writer(write, unsupported),
    is_cloud=_is_cloud,
)
