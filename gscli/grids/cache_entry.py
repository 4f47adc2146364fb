"""One grid in one file: written with a seal, and believed where the seal is that of name and content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ..containers.bytes import malformed
from ..containers.zip import Zip
from ..kernels import parallel
from .voxel_grid import VoxelGrid

VERSION = 2  # of the entries' layout and of the grid's semantics
_CHUNK = 4 << 20  # bytes per task of a digest; part of what a digest means
_SEAL = "seal"
_MEMBERS = ("order", "offsets", "cells", "rows", "voxel_size", "origin", "why", _SEAL)


def digest(arrays: Mapping[str, npt.NDArray[Any]], about: object) -> str:
    """64 hexadecimal digits that stand for named arrays, shapes and types too, and the ``repr`` of more."""
    parts: list[npt.NDArray[np.uint8]] = []
    for array in arrays.values():
        data = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        parts += [data[part] for part in parallel.blocks(len(data), _CHUNK)]
    digests = [b""] * len(parts)

    def add(i: int) -> None:
        digests[i] = hashlib.sha256(parts[i].data).digest()

    parallel.for_each(add, range(len(parts)))
    kinds = [(name, array.shape, array.dtype.str) for name, array in arrays.items()]
    return hashlib.sha256(b"".join([*digests, repr((VERSION, kinds, about)).encode()])).hexdigest()


def write(stream: BinaryIO, key: str, grid: VoxelGrid) -> None:
    """Write a grid of NumPy arrays under its key."""
    members: dict[str, npt.NDArray[Any]] = {
        "order": grid.order,
        "offsets": grid.offsets,
        "cells": grid.cells,
        "rows": np.array(grid.rows, np.int64),
        "voxel_size": np.array(grid.voxel_size, np.float64),
        "origin": np.array(grid.origin, np.float64),
        "why": np.array(grid.why),
    }
    members[_SEAL] = np.array(digest(members, key))
    np.savez(stream, allow_pickle=False, **members)


def read(path: Path, key: str, rows: int) -> VoxelGrid:
    """The grid of so many rows that was written under a key, as arrays of its own.

    Raises:
        InputError: unreadable, damaged, written under another key, or no grid of so many rows.
    """
    with malformed(path, "a grid"):
        archive = Zip(path, "a grid")
        members = {name: archive.array(f"{name}.npy").copy() for name in _MEMBERS}
        seal = members.pop(_SEAL)
        if seal.shape or str(seal) != digest(members, key):
            raise ValueError("its content is not what was written under its name")
        x, y, z = (float(corner) for corner in members["origin"])
        grid = VoxelGrid(
            members["order"],
            members["offsets"],
            members["cells"],
            rows=int(members["rows"]),
            voxel_size=float(members["voxel_size"]),
            origin=(x, y, z),
            why=str(members["why"]),
        )
        _check(grid, rows)
        return grid


def _check(grid: VoxelGrid, rows: int) -> None:
    """Refuse arrays that cannot be a grid: draws trust them without looking.

    Raises:
        ValueError: what is wrong.
    """
    order, offsets, cells = grid.order, grid.offsets, grid.cells
    if order.dtype not in (np.int32, np.int64) or offsets.dtype != np.int64 or cells.dtype != np.int64:
        raise ValueError("other types of numbers than a grid's")
    if order.ndim != 1 or offsets.ndim != 1 or not len(offsets) or cells.shape != (len(offsets) - 1, 3):
        raise ValueError("other shapes than a grid's")
    if offsets[0] != 0 or offsets[-1] != len(order) or (offsets[1:] <= offsets[:-1]).any():
        raise ValueError("its cells do not add up")
    if grid.rows != rows or (len(order) and (order.min() < 0 or order.max() >= rows)):
        raise ValueError("rows that the scene has not")
    ascending = order[1:] > order[:-1]
    ascending[offsets[1:-1] - 1] = True  # from one cell to the next
    if not ascending.all():
        raise ValueError("its rows are out of order")
    seen = np.zeros(rows, bool)
    seen[order] = True
    if np.count_nonzero(seen) != len(order):
        raise ValueError("a row in two cells")
    (x, y, z), (next_x, next_y, next_z) = cells[:-1].T, cells[1:].T
    if not ((x < next_x) | (x == next_x) & ((y < next_y) | (y == next_y) & (z < next_z))).all():
        raise ValueError("its cells are out of order")
