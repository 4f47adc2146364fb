"""Scans of LiDAR sensors as data sets have them: records of float32 and nothing else; no header, no magic.

Their number is known by the file's size alone, and any file whose size is a multiple of a record's is one: so
nothing is ever taken for one unless its name or the user says so.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud, Header
from ..containers.bytes import mapped
from ..errors import GscliError, InputError
from ..files import writing
from ..kernels.structured import release_pages
from ..progress import nothing, shared
from ._blocks import Chosen
from ._decoded import parts
from ._format import Loss, Writer

INTENSITY, RING = "intensity", "ring"


def record(*measured: str) -> np.dtype[Any]:
    """The record of positions and what else a sensor measures."""
    return np.dtype([(name, "<f4") for name in (*fields.POSITION, *measured)])


def sniff(head: bytes) -> bool:
    return False  # there is nothing to recognise


def records_in(path: Path, kind: np.dtype[Any], whose: str) -> npt.NDArray[Any]:
    """(N,) records of a file, as a view of it.

    Raises:
        InputError: its size is no multiple of a record's.
    """
    data = mapped(path)
    if len(data) % kind.itemsize:
        what = f"has {len(data):,} bytes, not a multiple of the {kind.itemsize} that a point of {whose} takes"
        raise InputError(what, path=path, remedy="it is cut short, or of another sensor")
    stored: npt.NDArray[Any] = data.view(kind)
    return stored


def cloud_of(rows: npt.NDArray[Any], name: str, notes: Sequence[str] = ()) -> GaussianCloud:
    """The cloud of some records."""
    return GaussianCloud(rows, Header(name, notes=tuple(notes)))


def writer(kind: np.dtype[Any]) -> Writer:
    """What writes records of a kind; measures that a cloud has not are zero."""

    def write(
        path: str | os.PathLike[str],
        cloud: GaussianCloud,
        *,
        overwrite: bool = False,
        index: npt.NDArray[Any] | None = None,
        advance: Callable[[int], object] = nothing,
    ) -> None:
        chosen = Chosen.of(cloud, index)
        if not len(chosen):
            raise GscliError("has no points: a scan would be empty", path=path, remedy="write .ply")
        told = shared(advance, len(cloud), len(chosen))
        with writing.replacing(path, overwrite=overwrite) as stream:
            for part in chosen.blocks():
                stream.write(_packed(chosen, part, kind).data)
                told(part.stop - part.start)

    def unsupported(cloud: GaussianCloud) -> list[Loss]:
        rounded = [name for name in kind.names or () if name in cloud.fields and _rounds(cloud.rows[name])]
        lost = [Loss("precision", detail=f"{', '.join(rounded)} as float32", rounds=True)] if rounded else []
        beside = [name for name in cloud.fields if name not in (kind.names or ())]
        return [*lost, *(Loss.column(cloud, name) for name in beside), *Loss.comments(cloud)]

    return Writer(write, unsupported)


def _packed(chosen: Chosen, part: slice, kind: np.dtype[Any]) -> npt.NDArray[np.uint8]:
    """The bytes of records that are made of some rows."""
    out = np.zeros(part.stop - part.start, kind)
    held = [name for name in kind.names or () if name in chosen.cloud.fields]
    for name, values in zip(held, chosen.narrow(held, part).T, strict=True):
        out[name] = values
    return out.view(np.uint8)


def _rounds(column: npt.NDArray[Any]) -> bool:
    """Whether float32 holds other values than a column has."""
    kind = column.dtype
    if np.can_cast(kind, np.float32, "safe"):
        return False
    for part in parts(len(column)):
        block = column[part]
        with np.errstate(all="ignore"):
            again = block.astype(np.float32).astype(kind)
        if not np.array_equal(again, block, equal_nan=kind.kind == "f"):
            return True
        release_pages(block)
    return False
