"""Scenes whose rows are decoded where they are asked for: a block at a time, none of them kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..cloud import GaussianCloud, Header
from ..containers.bytes import malformed
from ..kernels import parallel
from ..scratch import Scratch

Array = npt.NDArray[Any]
BLOCK = 1 << 13  # rows: temporaries of at most 3 MB, and whole chunks of every format that has them
HELD = 16 << 20  # bytes of rows that are no worth a file


@dataclass(frozen=True)
class Decoded:
    """What a reader knows of a scene before it has its rows.

    Attributes:
        path: what is read, as what: for messages, as of `gscli.containers.bytes.malformed`.
        kind: the type of a row. count: how many there are. header: what the file says besides them.
        decode: fills new rows, those of a slice, on several threads.
    """

    path: Path
    what: str
    kind: np.dtype[Any]
    count: int
    header: Header
    decode: Callable[[slice, Array], object]

    def __len__(self) -> int:
        return self.count

    @property
    def fields(self) -> tuple[str, ...]:
        """Column names in stored order."""
        return self.kind.names or ()

    @property
    def like(self) -> GaussianCloud:
        """The scene without its rows."""
        return GaussianCloud(np.empty(0, self.kind), self.header)

    @cached_property
    def _rooms(self) -> parallel.Rooms:
        return parallel.Rooms(self.kind)

    @contextmanager
    def rows(self, part: slice) -> Iterator[Array]:
        """Some rows, while the context lasts: others take their room.

        Raises:
            InputError: they are damaged, here and wherever rows are decoded.
        """
        room = self._filled(part)
        yield room[: part.stop - part.start]
        self._rooms.give(room)

    def blocks(self) -> Iterator[Array]:
        """All rows, a few megabytes at a time, each until the next is asked for."""
        slices = parts(self.count)
        for part, room in zip(slices, parallel.in_order(self._filled, slices), strict=True):
            yield room[: part.stop - part.start]
            self._rooms.give(room)

    def _filled(self, part: slice) -> Array:
        """Room that begins with some rows."""
        with malformed(self.path, self.what):
            room = self._rooms.take(part.stop - part.start)
            self.decode(part, room[: part.stop - part.start])
            return room

    def whole(self) -> GaussianCloud:
        """The scene with all of its rows in memory."""
        with malformed(self.path, self.what):
            rows = np.empty(self.count, self.kind)
            fill(self.count, lambda part: self.decode(part, rows[part]))
            return GaussianCloud(rows, self.header)

    def kept(self, room: Callable[[], Scratch]) -> GaussianCloud:
        """The scene with its rows in a temporary file, if they are many, read from there when looked at.

        Args:
            room: makes that file, which has to stay while the scene is used.

        Raises:
            GscliError: no room there.
        """
        if self.count * self.kind.itemsize <= HELD:
            return self.whole()
        scratch = room()
        for block in self.blocks():
            scratch.put(block)
        return GaussianCloud(scratch.mapped(self.kind), self.header)


def parts(count: int) -> list[slice]:
    """The slices that cut `count` rows into blocks."""
    return parallel.blocks(count, BLOCK)


def fill(count: int, decode: Callable[[slice], object]) -> None:
    """Call `decode`, which fills rows, on slices that cut `count` rows into blocks, on several threads.

    Numbers that overflow or make no sense become inf or NaN without a warning.
    """

    def silently(part: slice) -> None:
        with np.errstate(all="ignore"):
            decode(part)

    parallel.for_each(silently, parts(count))
