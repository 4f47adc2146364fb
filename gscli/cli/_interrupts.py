"""Ctrl-C ends a command within half a second, whatever it is at, and nothing half written stays behind.

So does a job system that stops it (SIGTERM), or a terminal that closes (SIGHUP). Python raises
`KeyboardInterrupt` between two steps of its own, and for a library's code, such as building a k-d tree of ten
million points, it has to wait. A thread hears the signal at once. Where the command has not cleaned up and
ended soon after, that thread does both.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import Any

GRACE = 0.25  # seconds that a command has to end by itself

_ours: dict[int, Any] = {signal.SIGINT: signal.default_int_handler}  # what raises `KeyboardInterrupt`
_heard: list[int] = []  # signals, the first one first
_telling = threading.Lock()


def status() -> int:
    """What a command ends with that was interrupted."""
    return 128 + (_heard[0] if _heard else signal.SIGINT)


def tell() -> None:
    """Say that the command was interrupted, once, in a line of its own."""
    if _telling.acquire(blocking=False) and sys.stderr is not None:
        bar = "\r\x1b[K" if sys.stderr.isatty() else ""  # nobody may have been left to wipe a bar away
        with suppress(OSError):  # a terminal that closed
            os.write(sys.stderr.fileno(), f"{bar}gscli: interrupted\n".encode())


def end_soon() -> None:
    """Let signals end this process, unless they are ignored or a handler of the command's own takes them."""
    if sys.platform == "win32":  # where a pipe cannot tell of signals
        return
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _interrupt)
            _ours[number] = _interrupt
    with suppress(OSError, RuntimeError):  # few files or threads: whoever needs them next tells
        heard, telling = os.pipe()
        threading.Thread(target=_listen, args=(heard,), daemon=True).start()
        os.set_blocking(telling, False)
        signal.set_wakeup_fd(telling, warn_on_full_buffer=False)


def _interrupt(number: int, frame: object) -> None:
    _heard.append(number)
    raise KeyboardInterrupt


def _listen(heard: int) -> None:
    while True:
        number = os.read(heard, 1)[0]
        if number in _ours and signal.getsignal(number) is _ours[number]:
            break
    time.sleep(GRACE)
    from ..files import temporaries

    temporaries.remove_ours()
    _heard.append(number)
    tell()
    os._exit(status())
