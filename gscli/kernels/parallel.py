"""Run NumPy work on several threads. Results never depend on how many."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from contextvars import copy_context
from itertools import chain, islice
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ..errors import UsageError

Part = TypeVar("Part")
Result = TypeVar("Result")
BLOCK = 1 << 16  # rows per task: temporaries of a few hundred kilobytes stay in the L2 cache


def threads() -> int:
    """Threads to use: ``GSCLI_THREADS`` if set, else the cores this process may run on."""
    asked = os.environ.get("GSCLI_THREADS", "")
    if asked:
        if not (asked.isascii() and asked.isdigit() and len(asked) < 10 and int(asked) > 0):
            raise UsageError(f"must be a number from 1 on, not {asked!r}", path="GSCLI_THREADS")
        return int(asked)
    return cores()


def cores() -> int:
    """The cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def for_each(
    work: Callable[[Part], object],
    parts: Iterable[Part],
    *,
    done: Callable[[Part], object] | None = None,
    at_once: int | None = None,
) -> None:
    """Call `work` on every part, on several threads, and `done` on each once it is, on one at a time.

    NumPy releases the interpreter lock inside its loops. `at_once` says how many parts are worked on at a
    time, at most.
    """
    todo = list(parts)
    workers = min(threads(), len(todo), len(todo) if at_once is None else at_once)
    if workers <= 1:
        for part in todo:
            work(part)
            if done is not None:
                done(part)
        return
    queue: SimpleQueue[Part] = SimpleQueue()
    for part in todo:
        queue.put(part)
    failures: list[BaseException] = []
    telling = Lock()

    def drain() -> None:
        try:
            while not failures:
                part = queue.get_nowait()
                work(part)
                if done is not None:
                    with telling:
                        done(part)
        except Empty:
            pass
        except BaseException as failure:  # noqa: BLE001  raised again below, by the caller's thread
            failures.append(failure)

    helpers = [Thread(target=drain, daemon=True) for _ in range(workers - 1)]
    for helper in helpers:
        helper.start()
    drain()
    for helper in helpers:
        helper.join()
    if failures:
        raise failures[0]


def in_order(work: Callable[[Part], Result], parts: Iterable[Part]) -> Iterator[Result]:
    """Yield what `work` makes of each part, in their order; threads are a few parts ahead.

    Parts are drawn, and what is made is yielded, in the caller's thread. The first part that fails, in their
    order, raises.
    """
    workers = threads()
    todo = iter(parts)
    first = list(islice(todo, 2 if workers > 1 else 0))
    todo = chain(first, todo)
    if len(first) <= 1:
        yield from map(work, todo)
        return
    from concurrent.futures import Future, ThreadPoolExecutor

    pool = ThreadPoolExecutor(workers)
    ahead: deque[Future[Result]] = deque()
    try:
        for part in todo:
            ahead.append(pool.submit(copy_context().run, work, part))
            if len(ahead) > 2 * workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


class Rooms:
    """Arrays that threads use again and again: new memory takes as long as filling it.

    Args:
        kind: what they are of.
    """

    def __init__(self, kind: npt.DTypeLike) -> None:
        self._kind, self._spare = kind, deque[npt.NDArray[Any]]()

    def take(self, count: int) -> npt.NDArray[Any]:
        """(at least `count`,) of whatever values."""
        with suppress(IndexError):  # no thread waits for another
            if len(room := self._spare.pop()) >= count:
                return room
        return np.empty(count, self._kind)

    def give(self, room: npt.NDArray[Any]) -> None:
        """Have an array used again, at which nobody looks any more."""
        self._spare.append(room)


def blocks(count: int, size: int = BLOCK) -> list[slice]:
    """Slices that cut `count` rows into pieces of `size`."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def shares(count: int) -> list[slice]:
    """Slices that cut `count` rows into one piece for each thread, none below `BLOCK` but the last."""
    return blocks(count, max(BLOCK, -(-count // threads())))


def sort(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Sort a one-dimensional array by value, as `np.sort` does, splitting it at sampled pivots.

    The input may be reordered.
    """
    pieces = min(threads(), len(values) // BLOCK)
    if pieces <= 1:
        values.sort()
        return values
    sample = np.sort(values[:: max(1, len(values) // 1024)])
    pivots = sample[[len(sample) * i // pieces for i in range(1, pieces)]]
    edges = [None, *pivots, None]
    parts: list[npt.NDArray[Any]] = [values] * pieces

    def sort_piece(i: int) -> None:
        low, high = edges[i], edges[i + 1]
        if low is None:
            keep = values < high
        elif high is None:
            keep = values >= low
        else:
            keep = (values >= low) & (values < high)
        parts[i] = values[keep]
        parts[i].sort()

    for_each(sort_piece, range(pieces))
    np.concatenate(parts, out=values)
    return values
