"""Arrays kept on disk instead of in memory, in files without a name: however a process ends, none is left."""

from __future__ import annotations

import errno
import mmap
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from . import files
from .errors import GscliError
from .files import room
from .kernels.structured import take_rows

if TYPE_CHECKING:
    from typing_extensions import Self

Array = npt.NDArray[Any]
CHUNK = 1 << 17  # records handled at a time: a few megabytes


def folder_for(output: str | os.PathLike[str] | None) -> Path | None:
    """Where there is room to prepare an output: in its folder, or the nearest above that is there.

    Temporary folders are often small, or in memory. They serve where the output is no file on a disk
    (None), such as stdout or memory.
    """
    if output is None:
        return None
    stream = os.path.exists(output) and not os.path.isfile(output) and not os.path.isdir(output)
    if files.is_standard(output) or stream:
        return None
    return next(folder for folder in Path(os.path.realpath(output)).parents if folder.is_dir())


class Place(NamedTuple):
    """Where an array lies in a `Scratch`."""

    position: int
    kind: np.dtype[Any]
    shape: tuple[int, ...]


class Scratch:
    """A temporary file of arrays, gone when it is closed.

    Args:
        folder: where its bytes are; None for the system's temporary folder.

    Raises:
        GscliError: here and in every method: no room there.
    """

    def __init__(self, folder: Path | None) -> None:
        self._system = folder is None
        self._end = 0
        with self._room():
            self.folder = Path(tempfile.gettempdir()) if folder is None else folder
            self._file = tempfile.TemporaryFile(dir=self.folder)  # noqa: SIM115  closed by close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        with suppress(OSError):  # closing tries again to write what did not fit
            self._file.close()

    def put(self, array: Array) -> Place:
        """Append an array."""
        place = Place(self._end, array.dtype, array.shape)
        self.write(array, self._end)
        self._end += array.nbytes
        return place

    def reserve(self, size: int) -> None:
        """Append so many zero bytes, which take room only once something else is written there."""
        with self._room():
            self._file.truncate(self._end + size)
        self._end += size

    def write(self, array: Array, position: int) -> None:
        """Write an array over the bytes from a position on."""
        if array.size:
            with self._room():
                self._file.seek(position)
                self._file.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)

    def get(self, place: Place) -> Array:
        """Read an array back."""
        out = np.empty(place.shape, place.kind)
        self.fill(out, place.position)
        return out

    def fill(self, out: Array, position: int) -> None:
        """Read the bytes from a position on into a contiguous array."""
        if out.size:
            with self._room():
                self._file.seek(position)
                if self._file.readinto(out.reshape(-1).view(np.uint8).data) != out.nbytes:
                    raise OSError("a temporary file was cut short")

    def mapped(self, kind: np.dtype[Any]) -> Array:
        """All that was written, as records read from the file when they are looked at."""
        with self._room():
            self._file.flush()
            return np.frombuffer(mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ), kind)

    @contextmanager
    def _room(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or str(error)
            if self._system:
                raise room.lacking("cannot keep temporary data in", reason) from None
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            remedy = f"{'free some space, or ' * full}write to another folder"
            what = f"cannot keep temporary data there ({reason})"
            raise GscliError(what, path=self.folder, remedy=remedy) from None


class Parts(Scratch):
    """Records dealt out to numbered parts, each of which keeps the order in which they came.

    Args:
        folder: see `Scratch`. kind: the records' type. number: of parts.
    """

    def __init__(self, folder: Path | None, kind: np.dtype[Any], number: int) -> None:
        super().__init__(folder)
        self.kind = kind
        self.sizes = np.zeros(number, np.int64)
        self._runs: list[tuple[int, npt.NDArray[np.uint32]]] = []  # position, (number + 1,) edges

    def __len__(self) -> int:
        return len(self.sizes)

    def append(self, records: Array, part: npt.NDArray[np.integer[Any]] | None = None) -> None:
        """Deal out (n,) records to the (n,) parts given, or all to the first."""
        if part is None:
            part = np.zeros(len(records), np.uint8)
        narrow = part.astype(np.min_scalar_type(len(self)))  # NumPy sorts 16 bits by radix
        sizes = np.bincount(narrow, minlength=len(self))
        place = self.put(take_rows(records, np.argsort(narrow, kind="stable")))
        self._runs.append((place.position, np.append(0, sizes.cumsum()).astype(np.uint32)))
        self.sizes += sizes

    def read(self, part: int) -> Array:
        """All records of a part."""
        out = np.empty(self.sizes[part], self.kind)
        done = 0
        for position, count in self._runs_of(part):
            self.fill(out[done : done + count], position)
            done += count
        return out

    def blocks(self, part: int) -> Iterator[Array]:
        """The records of a part, at most `CHUNK` at a time."""
        for position, count in self._runs_of(part):
            for first in range(0, count, CHUNK):
                out = np.empty(min(CHUNK, count - first), self.kind)
                self.fill(out, position + first * self.kind.itemsize)
                yield out

    def _runs_of(self, part: int) -> Iterator[tuple[int, int]]:
        """Position and number of records that lie side by side, whether or not they came together."""
        size = self.kind.itemsize
        start = stop = 0
        for position, edges in self._runs:
            first, last = position + size * int(edges[part]), position + size * int(edges[part + 1])
            if first != stop and last > first:
                if stop > start:
                    yield start, (stop - start) // size
                start = first
            stop = last if last > first else stop
        if stop > start:
            yield start, (stop - start) // size
