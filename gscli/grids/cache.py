"""Grids on disk, so that a scene is grouped into cells once.

An entry is named by a digest of the positions, of everything that shapes the grid, and of its layout.
Entries appear whole or not at all; readers and writers of several processes need no lock, because an
entry's content follows from its name. The folder is bounded: the least recently used go first. Whoever may
write to it chooses what is drawn, so it has to be the user's own.
"""

from __future__ import annotations

import os
import re
import stat
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from ..errors import GscliError, InputError, printable
from ..files import changes, temporaries, writing
from . import cache_entry
from .voxel_grid import VoxelGrid

DEFAULT_LIMIT = 2 << 30
REMEDY = "set GSCLI_CACHE_DIR, or go without a cache"
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


def of_user() -> GridCache | None:
    """The cache in `folder`; None, which costs a `CacheWarning`, where the user has no home."""
    try:
        return GridCache(folder())
    except GscliError as error:
        warnings.warn(f"grids are not cached: {error}", CacheWarning, stacklevel=2)
        return None


def distrusted(folder: Path) -> str | None:
    """Why grids in a folder are not believed; None where only its user, or root, may write to it."""
    try:
        about = folder.stat()
    except OSError:  # not there yet, or of no use anyway
        return None
    if not hasattr(os, "geteuid"):
        return None
    if about.st_uid not in (os.geteuid(), 0):
        return "belongs to another user"
    if about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "may be written to by other users"
    return None


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

        A folder that others may write to, or a damaged entry, costs a `CacheWarning`; the entry is removed.
        """
        reason = distrusted(self.folder)
        if reason:
            warnings.warn(
                f"{self.folder}: {reason}: grids in it are not used; {REMEDY}", CacheWarning, stacklevel=2
            )
            return None
        path = self.path(key)
        try:
            if not stat.S_ISREG(path.lstat().st_mode):
                raise InputError("is no file, but a link, pipe, folder or device")
            with changes.noticed():  # a hit is one, to its time
                grid = cache_entry.read(path, key, rows)
        except FileNotFoundError:
            return None
        except OSError as error:
            what = f"cannot be read ({error.strerror or error})"
        except InputError as error:
            if not os.path.lexists(path):  # another process dropped it in between
                return None
            what = f"damaged cache entry: {error.what}"
        else:
            with suppress(OSError):  # on a file system that is read only
                os.utime(path)
            return grid
        warnings.warn(f"{path}: {what}; building the grid anew", CacheWarning, stacklevel=2)
        _remove(path)
        return None

    def store(self, key: str, grid: VoxelGrid) -> None:
        """Keep a grid of NumPy arrays, then drop the least recently used beyond the limit.

        A cache that cannot be written costs a `CacheWarning` and nothing else; nor does one that is not
        trusted, of which `load` has warned.

        Raises:
            InputError: see `gscli.files.changes.refuse`.
        """
        size = grid.order.nbytes + grid.offsets.nbytes + grid.cells.nbytes
        if size > self.limit or distrusted(self.folder):
            return
        path = self.path(key)
        try:
            writing.make_folder(self.folder, mode=0o700)
            if not path.is_file() or path.is_symlink():  # to be replaced, not to be written through
                _remove(path)
            with writing.replacing(path, overwrite=True) as stream:
                cache_entry.write(stream, key, grid)
            self._evict(keep=path)
        except InputError:  # the scene changed meanwhile
            raise
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
        for path, about in self.entries():
            if _remove(path):
                count, size = count + 1, size + about.st_size
        for path, about in self._files(_LEFTOVER):
            if temporaries.remove_leftover(path, path):
                size += about.st_size
        return count, size

    def _files(self, name: re.Pattern[str]) -> Iterator[tuple[Path, os.stat_result]]:
        """The folder's files of a name that the cache gives; others in it are someone else's."""
        try:
            found = [self.folder / entry for entry in os.listdir(self.folder) if name.fullmatch(entry)]
        except OSError:
            return
        for path in found:
            with suppress(FileNotFoundError):  # another process dropped it
                yield path, path.lstat()

    def _evict(self, keep: Path) -> None:
        entries = sorted(self.entries(), key=lambda entry: entry[1].st_mtime, reverse=True)
        total = 0
        for path, about in entries:
            total += about.st_size
            if total > self.limit and path != keep:
                _remove(path)


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
    return cache_entry.digest({"xyz": xyz}, sorted(parameters.items()))[:40]
