"""Files that another program changes while they are read here: told of, before anything is made of them.

A file that is cut short leaves nothing under a memory map of its end, and whoever looks there is killed by a
bus error. In a process that called `guard` there are zeros instead, and its file counts as changed.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import stat
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, NamedTuple

from ..errors import GscliError, InputError

_FIXED = 0x10  # MAP_FIXED, which Python does not name, on Linux and macOS
_PATIENCE = 8  # bus errors of which no file is the cause


class _Map(NamedTuple):
    path: str
    address: int
    size: int


_maps: weakref.WeakKeyDictionary[mmap.mmap, _Map] = weakref.WeakKeyDictionary()
_Seen = dict[str, os.stat_result]  # files as they were when they were mapped
_seen: ContextVar[_Seen | None] = ContextVar("seen", default=None)  # threads may read different scenes
_torn: set[str] = set()  # files of which zeros were read
_handlers: list[Any] = []  # kept, for C calls them


def changed(before: os.stat_result, path: str | os.PathLike[str]) -> bool:
    """Whether a file was written to since; one in whose place there is another, or none, was not."""
    try:
        now = os.stat(path)
    except OSError:
        return False
    if not os.path.samestat(before, now):
        return False
    return (before.st_size, before.st_mtime_ns) != (now.st_size, now.st_mtime_ns)


def error(path: str | os.PathLike[str]) -> InputError:
    """What to raise about a file that changed."""
    return InputError("changed while it was read", path=path, remedy="try again once its writer is done")


@contextmanager
def held_still(path: str | os.PathLike[str]) -> Iterator[None]:
    """Refuse what a block read from a file, or say why it failed, if that was written to meanwhile.

    Of a folder that means the files that were mapped, and another folder in its place; files that are put
    there do not matter.

    Raises:
        InputError: it was.
    """
    try:
        before = os.stat(path)
    except (OSError, ValueError):  # whoever opens it tells
        yield
        return
    moved = _another_in_place_of if stat.S_ISDIR(before.st_mode) else changed
    with _noticed_too() if stat.S_ISDIR(before.st_mode) else nullcontext():
        try:
            yield
        except GscliError:
            if moved(before, path):
                raise error(path) from None
            raise
        if moved(before, path):
            raise error(path)


def _another_in_place_of(before: os.stat_result, path: str | os.PathLike[str]) -> bool:
    """Whether a folder has been replaced, so that some files may be of the one and some of the other."""
    try:
        return not os.path.samestat(before, os.stat(path))
    except OSError:
        return False


@contextmanager
def _noticed_too() -> Iterator[None]:
    """What is mapped in a block has not changed by its end, and is noticed by the block around it as well."""
    outer = _seen.get()
    with noticed():
        yield
        refuse()
        if outer is not None:
            outer |= (_seen.get() or {}) | outer


@contextmanager
def noticed() -> Iterator[None]:
    """Remember the files that are mapped in a block, for `refuse`, which is why it fails if it does."""
    outer = _seen.set({})
    try:
        yield
    except GscliError:
        refuse()
        raise
    finally:
        _seen.reset(outer)


def refuse() -> None:
    """Refuse to go on with what was read from files that were written to since.

    Raises:
        InputError: one of those that were mapped in the block of `noticed` that this is called in was.
    """
    for path, before in [*(_seen.get() or {}).items()]:
        if path in _torn or changed(before, path):
            _torn.discard(path)
            raise error(path)


def note(mapping: mmap.mmap, address: int, path: str | os.PathLike[str], number: int) -> None:
    """Remember a memory map of a whole file.

    Args:
        address: where it lies. number: a descriptor of the file.
    """
    path = os.fspath(path)
    _maps[mapping] = _Map(path, address, len(mapping))
    seen, about = _seen.get(), os.fstat(number)
    if seen is not None and about.st_nlink:  # a temporary file is ours, and the next may have its number
        seen.setdefault(path, about)


def guard() -> None:
    """From now on outlive the bus errors of files that are cut short; for a process that is gscli's alone."""
    if not hasattr(signal, "SIGBUS") or _handlers:
        return
    library = ctypes.CDLL(None)
    kind = ctypes.CFUNCTYPE(None, ctypes.c_int)
    library.signal.argtypes, library.signal.restype = (ctypes.c_int, kind), ctypes.c_void_p
    words: list[Any] = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    library.mmap.argtypes, library.mmap.restype = words, ctypes.c_void_p
    misses = 0

    # C calls it in the middle of whatever reads from a map. Nothing is half done there but that reading.
    def meet(number: int) -> None:
        nonlocal misses
        if not _zero(library):
            misses += 1  # the file may have grown again meanwhile
        if misses > _PATIENCE:
            library.signal(number, kind())

    _handlers.append(kind(meet))
    library.signal(int(signal.SIGBUS), _handlers[0])


def _zero(library: ctypes.CDLL) -> bool:
    """Put zeros in the place of what maps have lost; returns whether there was anything."""
    found = False
    for mapping, (path, address, size) in [*_maps.items()]:
        try:
            there = -(-mapping.size() // mmap.PAGESIZE) * mmap.PAGESIZE
        except (OSError, ValueError):  # closed
            continue
        if there < size:
            how = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _FIXED
            put = library.mmap(address + there, size - there, mmap.PROT_READ, how, -1, 0)
            _torn.add(path)
            found |= put == address + there  # or else there is no room for another map
    return found
