"""Searching in processes that were forked, such as those of a `multiprocessing.Pool`.

GNU OpenMP, with which k-d trees, faiss and torch search on all cores, keeps its threads with the thread that
first asked for them. A fork copies that one and none of its helpers, for which it then waits without end. A
thread that is new in the child gets helpers of its own.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

Method = TypeVar("Method", bound=Callable[..., Any])

_BORN = os.getpid()


def safe_after_fork(method: Method) -> Method:
    """Let a method that uses OpenMP run in a new thread where the current one may be copied by a fork."""

    @wraps(method)
    def run(*args: Any, **options: Any) -> Any:
        copied = _forked() and threading.current_thread() is threading.main_thread()
        return _in_a_new_thread(lambda: method(*args, **options)) if copied else method(*args, **options)

    return run  # type: ignore[return-value]


def _forked() -> bool:
    """Whether this process was forked since this module was imported, or by `multiprocessing` before."""
    process = sys.modules.get("multiprocessing.process")
    return os.getpid() != _BORN or (process is not None and process.parent_process() is not None)


def _in_a_new_thread(work: Callable[[], Any]) -> Any:
    from concurrent.futures import Future

    outcome: Future[Any] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001  raised again below, by the caller's thread
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True).start()  # an interrupt need not wait for it
    return outcome.result()
