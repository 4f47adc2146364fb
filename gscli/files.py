"""Files as gscli treats them: outputs appear whole or not at all, stdin is a file like any other."""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
import tempfile
import zlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from .errors import GscliError, InputError, UsageError, WriteRefused

STANDARD = "-"  # stdin where a file is read, stdout where one is written
TEMPORARY_SUFFIX = ".gscli-tmp"
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


def display(path: str | os.PathLike[str]) -> str:
    """An input's name as messages and reports give it."""
    return "<stdin>" if is_standard(path) else os.fspath(path)


def display_output(path: str | os.PathLike[str]) -> str:
    """An output's name as messages and reports give it."""
    return "<stdout>" if descriptor(path) == 1 else os.fspath(path)


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
            path.open("rb").close()
    except OSError as error:
        raise unreadable(path, error) from None
    except ValueError as error:  # an embedded null byte
        raise InputError(str(error), path=repr(os.fspath(path))) from None


def size_of(path: Path) -> int | None:
    """Bytes of a file; None for stdin, pipes and folders."""
    return path.stat().st_size if path.is_file() and not is_standard(path) else None


def unreadable(path: str | os.PathLike[str], error: OSError) -> InputError:
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
    spool = tempfile.TemporaryFile(prefix="gscli-stdin-")  # noqa: SIM115
    try:
        try:
            shutil.copyfileobj(stream, spool, 1 << 20)
            spool.flush()
        except OSError as error:
            raise GscliError(
                f"cannot spool {name} to {tempfile.gettempdir()} ({error.strerror or error})",
                remedy="point TMPDIR at a folder with room",
            ) from None
        yield Path(f"/dev/fd/{spool.fileno()}")
    finally:
        with suppress(OSError):  # closing tries again to write what did not fit
            spool.close()


def refuse_existing(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Refuse to replace a regular file unless `overwrite`, and a folder always."""
    if descriptor(path) is not None:
        return
    target = Path(path)
    try:
        target.stat()
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:  # too long a name, a folder that may not be searched
        raise unwritable(path, error) from None
    if target.is_dir():
        raise WriteRefused("is a folder", path=path, remedy="name a file in it")
    if not overwrite and target.is_file():
        raise WriteRefused("exists already", path=path, remedy="add `overwrite=True` to replace it")


def check_outputs(
    paths: Iterable[str | os.PathLike[str]],
    *,
    overwrite: bool,
    will_be_made: Iterable[str | os.PathLike[str]] = (),
    folders: Collection[str | os.PathLike[str]] = (),
    sources: Iterable[str | os.PathLike[str]] = (),
) -> None:
    """Refuse outputs that would fail later, before anything is computed.

    Args:
        will_be_made: folders that need not be there yet.
        folders: those of the outputs that are folders. They are made with those above them; whether
            one that is there may be replaced is for the caller to decide.
        sources: files that are read, which no output may replace, whatever `overwrite` says.

    Raises:
        UsageError: two outputs are one file, or one is a source. WriteRefused: one would replace a
            file without leave. GscliError: one has no folder, or may not be written.
    """
    seen: set[str] = set()
    read = {os.path.realpath(path) for path in sources if not is_standard(path)}
    made = {os.path.realpath(folder) for folder in will_be_made}
    for path in paths:
        number = descriptor(path)
        real = os.path.realpath(path) if number is None else f"/dev/fd/{number}"
        if real in seen:
            raise UsageError("is written twice", path=path, remedy="give each output a name of its own")
        if real in read:
            raise UsageError("is an input, and would be replaced", path=path, remedy="choose another name")
        seen.add(real)
        folder = os.path.dirname(real)
        if path in folders:
            _refuse_folder(path, Path(folder))
            continue
        refuse_existing(path, overwrite=overwrite)
        if number is not None or (os.path.exists(path) and not os.path.isfile(path)):
            continue  # a stream, pipe or device is written straight
        if folder not in made and not os.path.isdir(folder):
            raise unwritable(path, FileNotFoundError())
        _refuse_folder(path, Path(folder))


def _refuse_folder(path: str | os.PathLike[str], folder: Path) -> None:
    """Refuse a folder that may not be written to, or not be made."""
    while not os.path.exists(folder) and folder != folder.parent:
        folder = folder.parent
    if not os.path.isdir(folder):
        raise GscliError(f"cannot be written: {folder} is a file", path=path, remedy="choose another place")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise GscliError(
            "cannot be written: permission denied", path=path, remedy=f"check the permissions of {folder}"
        )


def make_folder(path: str | os.PathLike[str]) -> None:
    """Make a folder and those above it, unless it is there."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from None


@contextmanager
def replacing(path: str | os.PathLike[str], *, overwrite: bool, sync: bool = False) -> Iterator[BinaryIO]:
    """Open a file that takes its name only once it is complete.

    The bytes go to a temporary file in the same folder, which is renamed over `path` when the block
    ends and removed when it raises. A symbolic link keeps its place and its target is replaced.
    Open files (see `descriptor`), pipes and devices are written straight.

    Args:
        path: the file, or ``-`` for stdout.
        overwrite: whether an existing file may be replaced.
        sync: flush the file to the disk before the rename.

    Raises:
        WriteRefused: the file exists and `overwrite` is false.
        GscliError: it cannot be written (no such folder, no permission, disk full).
    """
    refuse_existing(path, overwrite=overwrite)
    number, target = descriptor(path), Path(os.path.realpath(path))
    try:
        if number == 1:
            require_stdout()
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
            return
        if number is not None or (os.path.exists(path) and not target.is_file()):
            with open(path if number is None else os.dup(number), "wb") as stream:
                yield stream
            return
        temporary = _temporary_beside(target)
        number = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        try:
            with os.fdopen(number, "w+b", buffering=1 << 20) as stream:
                if target.exists():
                    os.fchmod(number, stat.S_IMODE(target.stat().st_mode))
                yield stream
                stream.flush()
                if sync:
                    os.fsync(number)
            temporary.replace(target)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
    except BrokenPipeError:
        raise
    except OSError as error:
        raise unwritable(path, error) from None


def sweep(folder: str | os.PathLike[str], names: Iterable[str]) -> int:
    """Remove what interrupted writes (see `replacing`) of outputs of these names left in a folder.

    Nobody may be writing those files at the time. Returns how many leftovers there were.
    """
    ours = {_short(name) for name in names}
    ending = len(f".12345678{TEMPORARY_SUFFIX}")
    count = 0
    with suppress(FileNotFoundError, NotADirectoryError):
        for name in os.listdir(folder):
            if name.endswith(TEMPORARY_SUFFIX) and name[1:-ending] in ours:
                leftover = Path(folder, name)
                if leftover.is_dir():
                    shutil.rmtree(leftover)
                else:
                    leftover.unlink(missing_ok=True)
                count += 1
    return count


@contextmanager
def replacing_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `path`, existing or not, once the block ends.

    Folders above it are made.
    Whether an existing folder may be replaced is for the caller to decide. What the block leaves
    behind is removed when it raises, and the old folder is back then. A process killed between the two
    renames at the end leaves neither under its name, and both whole under those of temporaries.

    Raises:
        GscliError: it cannot be written (no permission, disk full).
    """
    target = Path(os.path.realpath(path))
    make_folder(target.parent)
    temporary, old = _temporary_beside(target), _temporary_beside(target)
    try:
        temporary.mkdir()
        try:
            yield temporary
            if target.exists():
                target.rename(old)
            temporary.rename(target)
        except BaseException:
            if old.exists() and not target.exists():
                old.rename(target)
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise unwritable(path, error) from None


def _temporary_beside(target: Path) -> Path:
    """A hidden name in the same folder, short enough where the target's is the longest possible."""
    return target.with_name(f".{_short(target.name)}.{os.urandom(4).hex()}{TEMPORARY_SUFFIX}")


def _short(name: str) -> str:
    """A file name that leaves room for more, and is still told from others that begin alike."""
    return name if len(name) <= 40 else f"{name[:31]}-{zlib.crc32(os.fsencode(name)):08x}"


def unwritable(path: str | os.PathLike[str], error: OSError) -> GscliError:
    path = display_output(path)
    folder = Path(path).parent
    if isinstance(error, FileNotFoundError):
        return GscliError(
            f"cannot be written: there is no folder {folder}", path=path, remedy="make it first"
        )
    if isinstance(error, PermissionError):
        return GscliError(
            "cannot be written: permission denied", path=path, remedy=f"check the permissions of {folder}"
        )
    remedy = "free some space" if error.errno == 28 else None
    return GscliError(f"cannot be written ({error.strerror or error})", path=path, remedy=remedy)
