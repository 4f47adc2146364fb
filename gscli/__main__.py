"""The program: ``gscli``, and ``python -m gscli``, which takes no module from the current folder.

While it is loaded there is nothing to clean up, and an interrupt ends it as it ends any program, without the
traceback of whatever was being imported.
"""

import signal
import sys


def run() -> None:
    """Load the command line and start it."""
    python = signal.getsignal(signal.SIGINT)
    if python is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        from .cli import run
    except MemoryError:
        sys.exit("gscli: error: out of memory; free some, or raise ulimit -v")
    signal.signal(signal.SIGINT, python)
    run()


if __name__ == "__main__":
    from .runtime.module_path import without_current_folder

    sys.path[:] = without_current_folder()
    run()
