"""Outputs appear whole or not at all, and replace nothing without leave."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from .. import files
from ..errors import GscliError, UsageError, WriteRefused
from . import changes, temporaries


def refuse_existing(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Refuse to replace a regular file unless `overwrite`, and a folder always."""
    if files.descriptor(path) is not None:
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
    read = {os.path.realpath(path) for path in sources if not files.is_standard(path)}
    made = {os.path.realpath(folder) for folder in will_be_made}
    for path in paths:
        number = files.descriptor(path)
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


def make_folder(path: str | os.PathLike[str], *, mode: int = 0o777) -> None:
    """Make a folder, with permissions less the umask, and those above it, unless it is there."""
    try:
        Path(path).mkdir(mode, parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from None


@contextmanager
def making(folders: Iterable[str | os.PathLike[str]]) -> Iterator[None]:
    """Make folders; where the block raises, those among them that stayed empty are taken away again."""
    new: list[Path] = []
    try:
        for folder in map(Path, folders):
            new += [path for path in (folder, *folder.parents) if not path.exists()]
            make_folder(folder)
        yield
    except BaseException:
        for path in new:
            with suppress(OSError):  # of others, or not empty
                path.rmdir()
        raise


@contextmanager
def replacing(
    path: str | os.PathLike[str], *, overwrite: bool, sync: bool = False, sweep: bool = True
) -> Iterator[BinaryIO]:
    """Open a file that takes its name only once it is complete.

    The bytes go to a temporary file in the same folder (see `gscli.files.temporaries`), which takes the name
    `path` when the block ends and is removed when it raises. A symbolic link keeps its place and its target
    is replaced. A file that is replaced passes on its permissions, and its owner where the system lets it.
    Open files (see `files.descriptor`), pipes and devices are written straight.

    Args:
        path: the file, or ``-`` for stdout.
        overwrite: whether an existing file may be replaced.
        sync: flush the file to the disk before it takes its name.
        sweep: look in the folder for what killed writes of this file left; folders of very many files are
            swept once for all.

    Raises:
        WriteRefused: the file exists and `overwrite` is false; also one that came after this was called.
        InputError: a file that is read changed meanwhile (see `gscli.files.changes`).
        GscliError: it cannot be written (no such folder, no permission, disk full).
    """
    number, target = files.descriptor(path), Path(os.path.realpath(path))
    if sweep and number is None:
        temporaries.sweep(target.parent, [target.name])
    refuse_existing(path, overwrite=overwrite)
    try:
        if number == 1:
            files.require_stdout()
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
            return
        if number is not None or (os.path.exists(path) and not target.is_file()):
            with open(path if number is None else os.dup(number), "wb") as stream:
                yield stream
            return
        mode = 0o600 if target.exists() else 0o666  # what is replaced may be secret
        with temporaries.file_beside(target, mode) as (temporary, number):
            with os.fdopen(number, "w+b", buffering=1 << 16) as stream:
                yield stream
                stream.flush()
                if overwrite:
                    temporaries.pass_on_access(target, number)
                if sync:
                    os.fsync(number)
            changes.refuse()
            if overwrite:
                temporary.replace(target)
            else:
                with newcomer_refused(path):
                    temporaries.take_free_name(temporary, target)
    except BrokenPipeError:
        raise
    except OSError as error:
        changes.refuse()  # what is written straight from a map ends where its file was cut short
        raise unwritable(path, error) from None


@contextmanager
def newcomer_refused(path: str | os.PathLike[str]) -> Iterator[None]:
    """Say of a name that something has taken that it did so after it was looked at."""
    try:
        yield
    except FileExistsError:
        raise WriteRefused(
            "appeared while it was made", path=path, remedy="add `overwrite=True` to replace it"
        ) from None


def unwritable(path: str | os.PathLike[str], error: OSError) -> GscliError:
    folder = Path(os.path.realpath(path) if os.path.islink(path) else path).parent
    stream = files.descriptor(path) is not None or (os.path.exists(path) and not os.path.isfile(path))
    path = files.display_output(path)
    if isinstance(error, FileNotFoundError) and not folder.is_dir():
        return GscliError(
            f"cannot be written: there is no folder {folder}", path=path, remedy="make it first"
        )
    if isinstance(error, PermissionError):
        return GscliError(
            "cannot be written: permission denied", path=path, remedy=f"check the permissions of {folder}"
        )
    remedy = files.LACKING.get(error.errno or 0)
    if error.errno == errno.ENOSPC:
        remedy = "free some space"
        if folder.is_dir() and not stream:
            with suppress(OSError):
                free = shutil.disk_usage(folder).free  # what was written so far is gone again
                remedy += f" in {folder}, where {free / 1e6:,.1f} MB did not suffice"
    return GscliError(f"cannot be written ({error.strerror or error})", path=path, remedy=remedy)
