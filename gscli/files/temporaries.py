"""Hidden files and folders, beside their place, in which outputs are made until they are whole.

Whoever makes one holds a lock on it (flock) until its process ends, however that ends. What nobody holds was
left by a process that was killed, and goes when the same output is written next. A lock tells this where
process numbers cannot: across containers that share files, and across machines where the file system
passes locks on, as NFS does. Where it has none, what has not changed for a day counts as left.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import sys
import tempfile
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from . import room

if sys.platform != "win32":
    import fcntl

SUFFIX = ".gscli-tmp"
DAY = 86_400.0  # seconds
_NAME = re.compile(rf"\.(.+)\.[0-9a-f]{{8}}{re.escape(SUFFIX)}", re.DOTALL)
_LOCK, _OLD, _NEW = "lock", "old", "new"  # what a temporary folder holds
_ours: dict[Path, Path] = {}  # what this process is making, and for which target
_OPEN = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@contextmanager
def file_beside(target: Path, mode: int) -> Iterator[tuple[Path, int]]:
    """Make an empty file in the folder of `target`; removed at the end, unless it was given another name.

    Yields its path and a descriptor to write through and close. The lock outlives that descriptor: network
    file systems tell of errors when a file is closed, which is to be before it takes its name.
    """
    while True:
        path = beside(target)
        number = os.open(path, _OPEN | os.O_CREAT | os.O_EXCL, mode)
        held = _lock(number)
        if held is not False and os.fstat(number).st_nlink:
            break
        os.close(number)  # swept between its birth and its lock
    _ours[path] = target
    lock = os.dup(number) if held else None
    try:
        yield path, number
    finally:
        with suppress(OSError):
            path.unlink()
        _ours.pop(path, None)
        if lock is not None:
            os.close(lock)


@contextmanager
def folder_beside(target: Path, mode: int = 0o777) -> Iterator[tuple[Path, Path]]:
    """Make a folder in the folder of `target`, gone at the end with what is in it then.

    Yields the paths of two folders in it: a new one, and one that is not there, for what is at `target`
    to be moved to. If the process dies before anything takes its place, a sweep moves it back.
    """
    while True:
        path = beside(target)
        path.mkdir(mode)
        try:
            number = os.open(path / _LOCK, _OPEN | os.O_CREAT, 0o666)
        except FileNotFoundError:  # swept
            continue
        if _lock(number) is not False and os.fstat(number).st_nlink:
            break
        os.close(number)
    _ours[path] = target
    try:
        (path / _NEW).mkdir()
        yield path / _NEW, path / _OLD
    finally:
        shutil.rmtree(path, ignore_errors=True)
        _ours.pop(path, None)
        os.close(number)


def take_free_name(temporary: Path, target: Path) -> None:
    """Give a file a name that nothing has; the name it had may stay.

    Where the file system has no links, an empty file holds the name until the file is moved there.

    Raises:
        FileExistsError: something has the name.
    """
    try:
        os.link(temporary, target)
    except FileExistsError:
        if not os.path.samefile(
            temporary, target
        ):  # over a network, an answer got lost and it was asked twice
            raise
    except OSError:
        holder = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            temporary.replace(target)
        except OSError:
            if os.path.samestat(os.fstat(holder), target.lstat()):
                target.unlink()
            raise
        finally:
            os.close(holder)


def take_free_place(new: Path, target: Path) -> None:
    """Move a folder to where nothing is but an empty folder, perhaps.

    Raises:
        FileExistsError: something else is there.
    """
    try:
        new.rename(target)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            raise FileExistsError from None
        raise


def pass_on_access(old: Path, number: int) -> None:
    """Give an open file or folder the permissions of one that it replaces, and the owner if that may be.

    What makes a program run as its owner is not passed on.
    """
    try:
        was, now = old.stat(), os.fstat(number)
    except FileNotFoundError:
        return
    if sys.platform == "win32":
        return
    for owner, group in ((was.st_uid, -1), (-1, was.st_gid)):
        with suppress(OSError):  # not permitted, or of a user whom a container does not know
            os.fchown(number, owner, group)
    os.fchmod(number, stat.S_IMODE(now.st_mode) & ~0o777 | was.st_mode & 0o777)


def pass_on_accesses(old: Path, new: Path) -> None:
    """The same for a folder and the files in it."""
    for name in (".", *os.listdir(new)):
        number = os.open(new / name, os.O_RDONLY)
        try:
            pass_on_access(old / name, number)
        finally:
            os.close(number)


@contextmanager
def folder(name: str) -> Iterator[Path]:
    """Make a folder among the system's temporary files, for this user alone; gone at the end.

    What killed processes left of this name goes first.

    Raises:
        GscliError: no room there.
    """
    with ExitStack() as stack:
        with room.sought("cannot make a folder in"):
            place = Path(tempfile.gettempdir(), name)
            sweep(place.parent, [place.name])
            new, _ = stack.enter_context(folder_beside(place, 0o700))
        yield new


def sweep(folder: str | os.PathLike[str], names: Iterable[str]) -> int:
    """Remove what killed processes left in a folder of outputs of these names; returns how many leftovers.

    What may not be removed stays.
    """
    ours = {_short(name): name for name in names}
    count = 0
    with suppress(OSError):
        for entry in os.listdir(folder):
            match = _NAME.fullmatch(entry)
            if match is not None and match[1] in ours:
                count += remove_leftover(Path(folder, entry), Path(folder, ours[match[1]]))
    return count


def remove_leftover(path: Path, target: Path) -> bool:
    """Remove a temporary of `target` unless a process holds it; returns whether it is gone."""
    try:
        kind = path.lstat().st_mode
        if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
            return False
        folder = stat.S_ISDIR(kind)
        number = os.open(path / _LOCK, _OPEN | os.O_CREAT, 0o666) if folder else os.open(path, _OPEN)
        try:
            held = _lock(number)
            if held is False or (held is None and time.time() - os.fstat(number).st_mtime < DAY):
                return False
            _remove(path, target, folder=folder)
        finally:
            os.close(number)
    except OSError:
        return False
    return True


def remove_ours() -> None:
    """Remove what this process is making, in the middle of it: for one that ends without unwinding."""
    for path, target in [*_ours.items()]:
        with suppress(OSError):
            _remove(path, target, folder=path.is_dir())


def _remove(path: Path, target: Path, *, folder: bool) -> None:
    """Remove a temporary; a folder that was moved away from `target`, with nothing there now, moves back."""
    if not folder:
        path.unlink()
        return
    if (path / _OLD).is_dir() and not os.path.lexists(target):
        (path / _OLD).rename(target)
    shutil.rmtree(path)


def _lock(number: int) -> bool | None:
    """Hold a file; False if another does, None where there are no locks."""
    if sys.platform == "win32":
        return None
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def beside(target: Path, suffix: str = SUFFIX) -> Path:
    """A hidden name of its own in the folder of `target`."""
    return target.with_name(f".{_short(target.name)}.{os.urandom(4).hex()}{suffix}")


def _short(name: str) -> str:
    """A file name that leaves room for more, and is still told from others that begin alike."""
    return name if len(name) <= 40 else f"{name[:31]}-{zlib.crc32(os.fsencode(name)):08x}"
