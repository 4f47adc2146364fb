"""NumPy archives: an array for each column, gsplat's names, a structured array, or one of (N, D >= 3).

Objects are never loaded, and an archive that unpacks to more than a scene can is refused unopened.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud, Header
from ..containers.bytes import check_expansion, malformed, require_columns
from ..containers.zip import Zip, first_member
from ..errors import InputError
from ..files import writing
from ..kernels import structured
from ..progress import nothing
from ._format import Format, Loss, Writer
from ._gsplat import named
from ._model import Model, add_extra
from ._rows import selected
from .npy import as_rows

COMMENTS = "__comments__"
POSITIONS = ("xyz", "points", "positions", "pos", "coord")


def sniff(head: bytes) -> bool:
    return first_member(head).endswith(".npy")


def _is_cloud(head: bytes) -> bool | None:
    """Whether an archive is one of points, where its first array tells that."""
    first = first_member(head).removesuffix(".npy")
    return True if first.lower() == fields.POSITION[0] or first in ("means", *POSITIONS) else None


def read(path: Path) -> GaussianCloud:
    """Read a .npz file.

    Raises:
        InputError: damaged, a decompression bomb, holds objects, or no points.
    """
    with malformed(path, "a NumPy archive"):
        arrays = load(path)
        comments = tuple(str(line) for line in arrays.pop(COMMENTS, np.empty(0, "U1")).reshape(-1))
        return GaussianCloud(_rows(path, arrays), Header("npz", comments))


def load(path: Path) -> dict[str, npt.NDArray[Any]]:
    """All arrays of an archive by name."""
    archive = Zip(path, "a NumPy archive")
    require_columns(path, len(archive.members), "arrays")
    infos = archive.members.values()
    check_expansion(path, len(archive.data), sum(info.file_size for info in infos))
    return {name.removesuffix(".npy"): archive.array(name) for name in archive.members}


def _rows(path: Path, arrays: dict[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
    arrays = dict(zip(fields.lower_position(list(arrays)), arrays.values(), strict=True))
    if set(fields.POSITION) <= set(arrays):
        kinds = [(name, array.dtype) for name, array in arrays.items()]
        count = len(arrays["x"])
        odd = [name for name, array in arrays.items() if array.shape != (count,)]
        if odd:
            raise InputError(f"has {odd[0]} of shape {list(arrays[odd[0]].shape)} beside x", path=path)
        rows = np.empty(count, kinds)
        for name, array in arrays.items():
            rows[name] = array
        return rows
    if "means" in arrays:
        return named(path, arrays).cloud("npz").rows
    tables = [name for name, array in arrays.items() if array.dtype.names is not None]
    if len(tables) == 1:
        rows = as_rows(path, arrays.pop(tables[0]))
        odd = [name for name, array in arrays.items() if array.shape != rows.shape]
        if odd:
            raise InputError(f"has {odd[0]} of shape {list(arrays[odd[0]].shape)} beside its rows", path=path)
        return structured.with_columns(rows, arrays) if arrays else rows
    key = next((name for name in POSITIONS if name in arrays), None)
    if key is None and len(arrays) == 1:
        return as_rows(path, next(iter(arrays.values())))
    if key is None:
        raise InputError(
            f"holds {', '.join(list(arrays)[:12]) or 'nothing'}, none of which are positions",
            path=path,
            remedy=f"name them x, y, z, means or one of {', '.join(POSITIONS)}",
        )
    model = Model(path)
    model.add(key, fields.POSITION, arrays.pop(key))
    for name, array in arrays.items():
        add_extra(model, name, array)
    return model.cloud("npz").rows


def write(
    path: str | os.PathLike[str],
    cloud: GaussianCloud,
    *,
    overwrite: bool = False,
    index: npt.NDArray[Any] | None = None,
    advance: Callable[[int], object] = nothing,
) -> None:
    """Write an uncompressed archive with one array for each column, and one of the comments."""
    chosen = selected(cloud, index)
    arrays = {name: chosen.rows[name] for name in chosen.fields if _is_kept(name, chosen.rows.dtype[name])}
    if chosen.header.comments:
        arrays[COMMENTS] = np.array(chosen.header.comments, dtype="U")
    with writing.replacing(path, overwrite=overwrite) as stream, zipfile.ZipFile(stream, "w") as archive:
        for name, array in arrays.items():
            # A fixed date: the same chosen gives the same bytes.
            with archive.open(
                zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), "w", force_zip64=True
            ) as member:
                np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
    advance(len(cloud))


def unsupported(cloud: GaussianCloud) -> list[Loss]:
    """Columns that are not one value a row, or whose names no member of a zip can have."""
    return [Loss.column(cloud, name) for name in cloud.fields if not _is_kept(name, cloud.rows.dtype[name])]


def _is_kept(name: str, kind: np.dtype[Any]) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:  # bytes that were no UTF-8 when they were read are surrogates here
        return False
    return name not in ("", COMMENTS) and "\0" not in name and not kind.shape and not kind.hasobject


FORMAT = Format(
    "npz",
    "NumPy archive: an array for each column, gsplat's names, or one (N, 3 or more) array",
    (".npz",),
    sniff,
    read,
    Writer(write, unsupported),
    is_cloud=_is_cloud,
)
