"""Grids on disk, so that a scene is grouped into cells once.

An entry is named by a digest of the positions, of everything that shapes the grid, and of `VERSION`.
Entries appear whole or not at all; readers and writers of several processes need no lock, because an
entry's content follows from its name. The folder is bounded: the least recently used go first.
"""

from __future__ import annotations

import hashlib
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import files, temporaries
from ..errors import GscliError, printable
from ..kernels import parallel
from .voxel_grid import VoxelGrid

VERSION = 1  # of the entries' layout and of the grid's semantics
DEFAULT_LIMIT = 2 << 30
REMEDY = "set GSCLI_CACHE_DIR, or go without a cache"
_CHUNK = 4 << 20  # bytes per task of the digest; part of what a digest means
_ENTRY = re.compile(r"[0-9a-f]{40}\.npz")
_LEFTOVER = re.compile(rf"\.[0-9a-f]{{31}}-[0-9a-f]{{8}}\.[0-9a-f]{{8}}{re.escape(temporaries.SUFFIX)}")


class CacheWarning(UserWarning):
    """The cache could not serve or store a grid; the result is not affected."""

    def __str__(self) -> str:
        return printable(super().__str__())


def folder() -> Path:
    """``GSCLI_CACHE_DIR``, or ``gscli`` in the user's cache folder.

    Raises:
        GscliError: the user has no home, as some containers' users.
    """
    asked = os.environ.get("GSCLI_CACHE_DIR")
    if asked:
        return Path(asked)
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "gscli"
    except RuntimeError:
        raise GscliError("no home folder to keep grids in", remedy=REMEDY) from None


@dataclass(frozen=True)
class GridCache:
    """A folder of grids.

    Attributes:
        folder: where entries live; made when first written to.
        limit: the most bytes that all entries may take.
    """

    folder: Path
    limit: int = DEFAULT_LIMIT

    def path(self, key: str) -> Path:
        return self.folder / f"{key}.npz"

    def load(self, key: str, rows: int) -> VoxelGrid | None:
        """The grid of so many rows stored under a key, or None.

        An entry that cannot be read costs a `CacheWarning`; a damaged one is removed, if that may be.
        """
        from zipfile import BadZipFile

        path = self.path(key)
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as entry:
                grid = VoxelGrid(
                    entry["order"],
                    entry["offsets"],
                    entry["cells"],
                    rows=int(entry["rows"]),
                    voxel_size=float(entry["voxel_size"]),
                    origin=(float(entry["origin"][0]), float(entry["origin"][1]), float(entry["origin"][2])),
                    why=str(entry["why"]),
                )
            _check(grid, rows)
        except FileNotFoundError:
            return None
        except OSError as error:
            warnings.warn(
                f"{path}: cannot be read ({error.strerror or error}); building the grid anew",
                CacheWarning,
                stacklevel=2,
            )
            return None
        except (ValueError, KeyError, EOFError, IndexError, TypeError, BadZipFile) as error:
            warnings.warn(
                f"{path}: damaged cache entry ({error}); building the grid anew", CacheWarning, stacklevel=2
            )
            _remove(path)
            return None
        with suppress(OSError):  # another user's, to be read and not to be touched
            os.utime(path)
        return grid

    def store(self, key: str, grid: VoxelGrid) -> None:
        """Keep a grid of NumPy arrays, then drop the least recently used beyond the limit.

        A cache that cannot be written costs a `CacheWarning` and nothing else.
        """
        size = grid.order.nbytes + grid.offsets.nbytes + grid.cells.nbytes
        if size > self.limit:
            return
        try:
            files.make_folder(self.folder)
            with files.replacing(self.path(key), overwrite=True) as stream:
                np.savez(
                    stream,
                    order=grid.order,
                    offsets=grid.offsets,
                    cells=grid.cells,
                    rows=np.int64(grid.rows),
                    voxel_size=np.float64(grid.voxel_size),
                    origin=np.asarray(grid.origin, np.float64),
                    why=np.str_(grid.why),
                )
            self._evict(keep=self.path(key))
        except (OSError, GscliError) as error:
            warnings.warn(f"grid not cached: {error}; {REMEDY}", CacheWarning, stacklevel=2)

    def entries(self) -> Iterator[tuple[Path, os.stat_result]]:
        """Complete entries with what the system says of them, in no order."""
        return self._files(_ENTRY)

    def clear(self) -> tuple[int, int]:
        """Remove every entry and every leftover of an interrupted write.

        Returns:
            How many entries went, and how many bytes; what may not be removed stays and does not count.
        """
        count = size = 0
        for path, stat in self.entries():
            if _remove(path):
                count, size = count + 1, size + stat.st_size
        for path, stat in self._files(_LEFTOVER):
            if temporaries.remove_leftover(path, path):
                size += stat.st_size
        return count, size

    def _files(self, name: re.Pattern[str]) -> Iterator[tuple[Path, os.stat_result]]:
        """The folder's files of a name that the cache gives; others in it are someone else's."""
        try:
            found = [self.folder / entry for entry in os.listdir(self.folder) if name.fullmatch(entry)]
        except OSError:
            return
        for path in found:
            with suppress(FileNotFoundError):  # another process dropped it
                yield path, path.stat()

    def _evict(self, keep: Path) -> None:
        entries = sorted(self.entries(), key=lambda entry: entry[1].st_mtime, reverse=True)
        total = 0
        for path, stat in entries:
            total += stat.st_size
            if total > self.limit and path != keep:
                _remove(path)


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


def _remove(path: Path) -> bool:
    """Remove a file and say whether that was possible; it may be another user's."""
    try:
        path.unlink()
    except OSError:
        return False
    return True


def key(xyz: npt.NDArray[Any], **parameters: object) -> str:
    """The name of a grid: a digest of positions and parameters.

    Args:
        xyz: (3, N) float32 or float64 positions.
        parameters: whatever else shapes the grid; their ``repr`` counts.
    """
    data = np.ascontiguousarray(xyz).reshape(-1).view(np.uint8)
    parts = parallel.blocks(len(data), _CHUNK)
    digests = [b""] * len(parts)

    def digest(i: int) -> None:
        digests[i] = hashlib.sha256(data[parts[i]].data).digest()

    parallel.for_each(digest, range(len(parts)))
    about = repr((VERSION, xyz.shape, xyz.dtype.str, sorted(parameters.items())))
    return hashlib.sha256(b"".join([*digests, about.encode()])).hexdigest()[:40]
