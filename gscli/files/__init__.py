"""Files as gscli reads and names them: stdin is a file like any other."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ..errors import GscliError, InputError
from . import room

PART = "::"  # FILE::PART: one model of several, a member of a zip, or the format that a file does not tell
STANDARD = "-"  # stdin where a file is read, stdout where one is written
MEMORY = "<memory>"  # what an output is called that has no path
LACKING = {  # what to do about errors that are the machine's, and no file's
    errno.EMFILE: "raise ulimit -n",
    errno.ENFILE: "close other programs: the system can open no more files",
    errno.ENOMEM: "free some memory",
    errno.EFBIG: "raise ulimit -f, or choose another file system",
    errno.EDQUOT: "free some space",
}
_STREAMS = {STANDARD: 1, "/dev/stdout": 1, "/dev/stderr": 2}
_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/([0-9]{1,9})")


def is_standard(path: str | os.PathLike[str]) -> bool:
    return os.fspath(path) == STANDARD


def descriptor(output: str | os.PathLike[str]) -> int | None:
    """The open file that an output's name stands for: 1 is ``-`` and /dev/stdout, N is /dev/fd/N."""
    name = os.fspath(output)
    if name in _STREAMS:
        return _STREAMS[name]
    number = _DESCRIPTOR.fullmatch(name)
    return int(number[1]) if number else None


def before_part(path: str | os.PathLike[str]) -> str:
    """What an output's name, which may end in ``::FORMAT``, calls the file or stream."""
    return os.fspath(path).rpartition(PART)[0] or os.fspath(path)


def display(path: str | os.PathLike[str]) -> str:
    """An input's name as messages and reports give it."""
    return "<stdin>" if is_standard(path) else os.fspath(path)


def display_output(path: str | os.PathLike[str] | None) -> str:
    """An output's name as messages and reports give it; None is memory."""
    if path is None:
        return MEMORY
    text, stream = os.fspath(path), before_part(path)
    return f"<stdout>{text[len(stream) :]}" if descriptor(stream) == 1 else text


def require_stdout() -> None:
    """Refuse to print data where stdout is closed."""
    if sys.stdout is None:
        raise GscliError("is closed", path="<stdout>")


def require_readable(path: Path) -> None:
    """Refuse, in the user's words, a path that cannot be opened for reading."""
    try:
        if path.is_dir():
            next(path.iterdir(), None)
        else:
            open_regular(path).close()
    except OSError as error:
        raise unreadable(path, error) from None
    except ValueError as error:  # an embedded null byte
        raise InputError(str(error), path=repr(os.fspath(path))) from None


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file to be read, and nothing else: a pipe would be waited for, and a device never ends.

    Raises:
        InputError: a pipe or device. OSError: it cannot be opened.
    """
    without_waiting = getattr(os, "O_NONBLOCK", 0)
    stream = open(path, "rb", opener=lambda name, flags: os.open(name, flags | without_waiting))  # noqa: SIM115
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise InputError("is a pipe or device, no file", path=path)
    return stream


def size_of(path: Path) -> int | None:
    """Bytes of a file; None for stdin, pipes and folders."""
    return path.stat().st_size if path.is_file() and not is_standard(path) else None


def unreadable(path: str | os.PathLike[str], error: OSError) -> GscliError:
    """What to raise about a file that cannot be read: an `InputError`, unless the machine lacks something."""
    if error.errno in LACKING:
        return GscliError(f"cannot be read ({error.strerror})", path=path, remedy=LACKING[error.errno])
    if isinstance(error, FileNotFoundError):
        return InputError("no such file", path=path, remedy="check the path")
    if isinstance(error, PermissionError):
        return InputError("cannot be read", path=path, remedy="check its permissions")
    return InputError(f"cannot be read ({error.strerror or error})", path=path)


@contextmanager
def rereadable(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a path that reads an input any number of times: stdin and pipes are spooled.

    Raises:
        InputError: a pipe that cannot be opened, or a device. GscliError: no room to spool to.
    """
    if is_standard(path):
        with spooled_stdin() as spool:
            yield spool
    elif os.path.exists(path) and Path(path).is_fifo():  # a named pipe, or <(command) of a shell
        try:
            stream = Path(path).open("rb")  # noqa: SIM115  closed below
        except OSError as error:
            raise unreadable(path, error) from None
        with stream, _spooled(stream, os.fspath(path)) as spool:
            yield spool
    elif os.path.exists(path) and Path(path).is_char_device():  # /dev/zero never ends
        raise InputError("is a device, no file", path=path, remedy="pipe its data to -")
    else:
        yield Path(path)


@contextmanager
def spooled_stdin() -> Iterator[Path]:
    """Copy stdin to an unlinked temporary file; yields a path that reads it, any number of times."""
    if sys.stdin is None:
        raise InputError("is closed", path="<stdin>")
    with _spooled(sys.stdin.buffer, "stdin") as spool:
        yield spool


@contextmanager
def _spooled(stream: BinaryIO, name: str) -> Iterator[Path]:
    what = f"cannot spool {name} to"
    with room.sought(what):
        spool = tempfile.TemporaryFile(prefix="gscli-stdin-")  # noqa: SIM115
    try:
        with room.sought(what):
            shutil.copyfileobj(stream, spool, 1 << 20)
            spool.flush()
        yield Path(f"/dev/fd/{spool.fileno()}")
    finally:
        with suppress(OSError):  # closing tries again to write what did not fit
            spool.close()
