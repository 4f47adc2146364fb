"""Numbers of many pairs, in memory or in a temporary file."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from ..scratch import Scratch

Array = npt.NDArray[Any]


class Columns:
    """Named columns of (count,) float64.

    Args:
        spooled: keep them in a temporary file, so that only the column that is taken costs memory.
    """

    def __init__(self, names: Iterable[str], count: int, *, spooled: bool = False) -> None:
        self.names = tuple(names)
        self.count = count
        self._arrays = {} if spooled else {name: np.empty(count) for name in self.names}
        self._lock = Lock()
        if spooled:
            self._scratch = Scratch(None)
            self._scratch.reserve(8 * count * len(self.names))

    def put(self, name: str, part: slice, values: Array, chosen: Array | None = None) -> None:
        """Set the rows of a slice, or those of them at (K,) `chosen`; from any thread, slices apart.

        Raises:
            GscliError: the temporary file cannot grow.
        """
        if self._arrays:
            self._arrays[name][part if chosen is None else part.start + chosen] = values
            return
        if chosen is not None:
            whole = self._read(name, part)
            whole[chosen] = values
            values = whole
        with self._lock:
            self._scratch.write(np.asarray(values, np.float64), self._place(name, part))

    def take(self, name: str) -> Array:
        """A copy of a column, for the caller to change."""
        return self._arrays[name].copy() if self._arrays else self._read(name, slice(0, self.count))

    def _place(self, name: str, part: slice) -> int:
        return int(8 * (self.names.index(name) * self.count + part.start))

    def _read(self, name: str, part: slice) -> Array:
        """Rows of a column; zeros where none were set."""
        values = np.empty(part.stop - part.start)
        with self._lock:
            self._scratch.fill(values, self._place(name, part))
        return values

    def __enter__(self) -> Columns:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._arrays:
            self._scratch.close()
