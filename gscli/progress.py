"""Progress of long work and the time its stages took; both silent unless a caller listens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

__all__ = ["Timings", "Track", "silent"]


class Track(Protocol):
    """Called with a label and a total; yields a function that is told of each finished part.

    The total is None where nobody knows how much there is to do. Work may lie within work, and parts come
    from several threads.
    """

    def __call__(
        self, label: str, total: int | None, unit: str = ...
    ) -> AbstractContextManager[Callable[[int], object]]: ...


DOING = {  # stages as people are told of them
    "read": "reading",
    "grid": "finding cells",
    "draw": "drawing",
    "write": "writing",
    "merge": "merging",
    "fit": "fitting",
    "metrics": "summing up",
    "statistics": "testing chances",
}


def nothing(done: int) -> None:
    """The listener that does not care how much is done."""


def of_slices(advance: Callable[[int], object]) -> Callable[[slice], object]:
    """A listener to slices of rows that tells `advance` how many rows each has."""
    return lambda part: advance(part.stop - part.start)


def shared(advance: Callable[[int], object], rows: int, total: int) -> Callable[[int], None]:
    """A listener to parts of `total` that tells `advance` of as large a share of `rows`.

    >>> shares = []
    >>> listener = shared(shares.append, rows=10, total=4)
    >>> for part in (1, 2, 1):
    ...     listener(part)
    >>> shares
    [2, 5, 3]
    """
    seen = told = 0

    def listener(done: int) -> None:
        nonlocal seen, told
        seen += done
        now = rows * seen // total
        advance(now - told)
        told = now

    return listener


@contextmanager
def silent(label: str, total: int | None, unit: str = "points") -> Iterator[Callable[[int], object]]:
    """The `Track` that shows nothing.

    Args:
        label, total, unit: ignored.
    """
    yield nothing


class Timings(dict[str, float]):
    """Seconds by stage; a stage entered twice adds up.

    >>> timings = Timings()
    >>> with timings.stage("read"):
    ...     pass
    >>> list(timings)
    ['read']
    """

    @contextmanager
    def stage(self, name: str, track: Track = silent) -> Iterator[None]:
        """Add the time that the block takes to the stage of that name, and tell `track` of it."""
        start = time.perf_counter()
        try:
            with track(DOING.get(name, name), None):
                yield
        finally:
            self[name] = self.get(name, 0.0) + time.perf_counter() - start
