"""File formats. The directory is the registry: ``formats/ply.py`` *is* the PLY format.

A format module defines

* ``DESCRIPTION``: one line for people;
* ``SUFFIXES``: the file name endings it is written under, first the usual one;
* ``sniff(head) -> bool``: whether the first bytes of a file are its (see `head_of`);
* ``read(path) -> GaussianCloud``;

and, where it can be written,

* ``write(path, cloud, *, overwrite, index=None, advance=nothing)``: atomically; `index` selects rows
  in order, `advance` is told of rows done;
* ``unsupported(cloud) -> list[str]``: what writing that cloud would lose.

Modules import their libraries inside the functions that need them.
"""

from __future__ import annotations

import os
import pkgutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy.typing as npt

from .. import files
from ..cloud import GaussianCloud
from ..errors import GscliError, InputError, UsageError, WriteRefused
from ..progress import nothing

HEAD_BYTES = 1 << 16
FOLDER_HEAD = b"\0folder\n"  # what the head of a folder starts with


def names() -> list[str]:
    """Names of all formats, found in the directory without importing any."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def module(name: str) -> ModuleType:
    return import_module(f"{__name__}.{name}")


def head_of(path: Path) -> bytes:
    """The first 64 KiB of a file; of a folder, `FOLDER_HEAD` and its entries' names, one a line."""
    files.require_readable(path)
    if path.is_dir():
        return FOLDER_HEAD + "\n".join(sorted(os.listdir(path))).encode()
    with path.open("rb") as stream:
        return stream.read(HEAD_BYTES)


def identify(path: Path) -> str:
    """The name of the format that `path` holds: content decides, then the suffix.

    Raises:
        InputError: missing, unreadable, empty, or no format that gscli reads.
    """
    head = head_of(path)
    if not head:
        raise InputError("is empty", path=path, remedy="check that its writer finished")
    for name in names():
        if module(name).sniff(head):
            return name
    for name in names():
        if path.name.lower().endswith(tuple(module(name).SUFFIXES)):
            return name
    raise InputError(
        "is of no format that gscli reads", path=path, remedy="`gscli formats` lists what can be read"
    )


def read(path: str | os.PathLike[str]) -> GaussianCloud:
    """Read a scene of any known format; ``-`` is stdin.

    Raises:
        InputError: missing, unreadable, malformed, or of no known format.
    """
    if files.is_standard(path):
        with files.spooled_stdin() as spool:
            try:
                return module(identify(spool)).read(spool)  # type: ignore[no-any-return]
            except GscliError as error:
                error.path = "<stdin>"
                raise
    source = Path(path)
    return module(identify(source)).read(source)  # type: ignore[no-any-return]


def stem(path: str | os.PathLike[str]) -> str:
    """A scene's name without folder and suffix: ``scene`` of ``in/scene.compressed.ply``."""
    name = Path(path).name
    suffixes = [s for n in names() for s in module(n).SUFFIXES if name.lower().endswith(s)]
    return name[: -max(map(len, suffixes))] or name if suffixes else Path(path).stem


def format_for_writing(path: str | os.PathLike[str]) -> str:
    """The format that an output's suffix asks for; ``-`` is PLY."""
    if files.is_standard(path):
        return "ply"
    lower = os.fspath(path).lower()
    matches = [
        (len(suffix), name)
        for name in names()
        if hasattr(module(name), "write")
        for suffix in module(name).SUFFIXES
        if lower.endswith(suffix)
    ]
    if not matches:
        if Path(path).exists() and not Path(path).is_file():  # /dev/stdout, a pipe
            return "ply"
        raise UsageError("has no suffix of a format that gscli writes", path=path, remedy="end it in .ply")
    return max(matches)[1]


def write(
    path: str | os.PathLike[str],
    cloud: GaussianCloud,
    *,
    overwrite: bool = False,
    index: npt.NDArray[Any] | None = None,
    allow_lossy: bool = False,
    advance: Callable[[int], object] = nothing,
) -> None:
    """Write a cloud, or its rows at `index`, in the format of the path's suffix; ``-`` is stdout.

    Raises:
        WriteRefused: the file exists and `overwrite` is false, or the format would lose something
            and `allow_lossy` is false.
    """
    writer = module(format_for_writing(path))
    lost = writer.unsupported(cloud)
    if lost and not allow_lossy:
        raise WriteRefused(
            f"would lose {'; '.join(lost)}", path=path, remedy="add --allow-lossy, or write .ply"
        )
    writer.write(path, cloud, overwrite=overwrite, index=index, advance=advance)
