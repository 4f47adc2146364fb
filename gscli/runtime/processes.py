"""Start a Python interpreter on a function of ours, such that nothing of the current folder runs in it.

``python -c`` and ``python -m`` look for modules in the current folder first, where a numpy.py may lie among
the scenes; so does an empty entry of PYTHONPATH. An interpreter in isolated mode looks at neither, nor at
any other setting of Python's in the environment: it is told where this process finds its modules.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

from ..errors import EngineUnavailable
from .module_path import without_current_folder

THREADS = (  # how libraries are told how many threads they may use
    *("GSCLI_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"),
    *("BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "RAYON_NUM_THREADS"),
)
_CODE = """
import sys
places = {places!a}
sys.path[:] = places + [place for place in sys.path if place not in places]
from {module} import {function}
sys.exit({function}(*sys.argv[1:]))
"""


def command(function: str, *arguments: str) -> list[str]:
    """The command line that calls a function, named like ``gscli.cli:run``, and ends with what it returns.

    Raises:
        EngineUnavailable: this is a program that Python is built into, without an interpreter to start.
    """
    if not sys.executable:
        raise EngineUnavailable(
            "no Python interpreter is known here to start a process with", remedy="set sys.executable"
        )
    module, _, name = function.partition(":")
    code = _CODE.format(places=without_current_folder(), module=module, function=name)
    flags = ["-I", f"-Xutf8={sys.flags.utf8_mode}", *(["-B"] if sys.dont_write_bytecode else [])]
    return [sys.executable, *flags, "-c", code, *arguments]


def environment(threads: int, *, at_most: bool = False) -> dict[str, str]:
    """The environment of this process, with the threads that libraries may use.

    Args:
        threads: how many.
        at_most: whether that holds where the user allowed another number, too.
    """
    limits = dict.fromkeys(THREADS, str(threads))
    if at_most:
        return {**os.environ, **limits}
    return {**limits, **{name: value for name, value in os.environ.items() if value or name not in limits}}


def start(
    function: str,
    *arguments: str,
    threads: int = 1,
    at_most: bool = False,
    quiet: bool = False,
    pass_fds: tuple[int, ...] = (),
) -> subprocess.Popen[bytes]:
    """Start a process that calls a function, with pipes to its stdin and from its stdout.

    It has a session of its own, so that Ctrl-C reaches this process alone. Its stdin ends when this
    process does, however that happens: see `end_with_parent`.

    Args:
        function, arguments: see `command`.
        threads, at_most: see `environment`.
        quiet: whether what it writes to stdout and stderr is thrown away.
        pass_fds: file descriptors that it shares.
    """
    return subprocess.Popen(
        command(function, *arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL if quiet else subprocess.PIPE,
        stderr=subprocess.DEVNULL if quiet else None,
        env=environment(threads, at_most=at_most),
        start_new_session=True,
        pass_fds=pass_fds,
    )


def run(function: str, *arguments: str) -> int:
    """Call a function in a process of its own, quietly and with one thread; returns its exit status."""
    with start(function, *arguments, at_most=True, quiet=True) as process:
        try:
            return process.wait()
        finally:
            process.kill()


def end_with_parent() -> None:
    """In a process that was started: end it, whatever it is at, as soon as its stdin ends."""
    threading.Thread(target=_wait_for_the_end, daemon=True).start()


def bound_memory(limit: int) -> None:
    """Take at most so many bytes of address space, where the system can hold a process to that."""
    _bound("RLIMIT_AS", limit)


def bound_time(limit: int) -> None:
    """Take at most so many seconds of processor time, where the system can hold a process to that."""
    _bound("RLIMIT_CPU", limit)


def _bound(name: str, limit: int) -> None:
    with suppress(ImportError, ValueError, OSError):
        import resource

        kind = getattr(resource, name)
        soft, hard = resource.getrlimit(kind)
        if soft == resource.RLIM_INFINITY or soft > limit:
            resource.setrlimit(kind, (limit, hard))


def _wait_for_the_end() -> None:
    while os.read(0, 1 << 16):
        pass
    signal.raise_signal(signal.SIGKILL)
