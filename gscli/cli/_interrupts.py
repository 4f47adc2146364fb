"""Ctrl-C ends a command within half a second, whatever it is at, and nothing half written stays behind.

Python raises `KeyboardInterrupt` between two steps of its own, and for a library's code, such as building a
k-d tree of ten million points, it has to wait. A thread hears the signal at once. Where the command has not
cleaned up and ended soon after, that thread does both.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import suppress

GRACE = 0.25  # seconds that a command has to end by itself
STATUS = 128 + signal.SIGINT
PYTHONS = signal.default_int_handler  # what raises `KeyboardInterrupt`

_telling = threading.Lock()


def tell() -> None:
    """Say that the command was interrupted, once, in a line of its own."""
    if _telling.acquire(blocking=False) and sys.stderr is not None:
        bar = "\r\x1b[K" if sys.stderr.isatty() else ""  # nobody may have been left to wipe a bar away
        os.write(sys.stderr.fileno(), f"{bar}gscli: interrupted\n".encode())


def end_soon() -> None:
    """Let SIGINT end this process, unless it is ignored or a handler of the command's own takes it."""
    if sys.platform == "win32":  # where a pipe cannot tell of signals
        return
    with suppress(OSError, RuntimeError):  # few files or threads: whoever needs them next tells
        heard, telling = os.pipe()
        threading.Thread(target=_listen, args=(heard,), daemon=True).start()
        os.set_blocking(telling, False)
        signal.set_wakeup_fd(telling, warn_on_full_buffer=False)


def _listen(heard: int) -> None:
    while signal.SIGINT not in os.read(heard, 64) or signal.getsignal(signal.SIGINT) is not PYTHONS:
        pass
    time.sleep(GRACE)
    from ..files import temporaries

    temporaries.remove_ours()
    tell()
    os._exit(STATUS)
