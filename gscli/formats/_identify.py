"""What a file holds: content decides, then its name."""

from __future__ import annotations

import os
from codecs import BOM_UTF8
from pathlib import Path

from .. import files
from ..errors import InputError
from ._format import FOLDER_HEAD, FORMATS, PART, Format, bare, by_suffix, called_like, head_of


def identify(path: Path) -> Format:
    """The format that a file or folder holds: content decides, then the suffix.

    Raises:
        InputError: missing, unreadable, empty, or no format that gscli reads.
    """
    return of_head(head_of(path), os.fspath(path))


def of_head(head: bytes, path: str) -> Format:
    """The format of what starts like this, as of `identify`.

    Args:
        head: the first `gscli.formats.HEAD_BYTES`.
        path: what it is called.

    Raises:
        InputError: empty, or no format that gscli reads.
    """
    if not head:
        raise InputError("is empty", path=path, remedy="check that its writer finished")
    form = claiming(head, path)
    if form is not None:
        return form
    name = os.path.basename(path)
    found = by_suffix(f"/{name}")  # a suffix may be a whole name
    if found is not None and not head.startswith(FOLDER_HEAD):
        return found[1]
    shown = path.removeprefix(f"{os.path.dirname(path.partition(PART)[0])}/")
    if path.startswith("/dev/"):  # of a pipe
        shown = files.STANDARD if path == "/dev/stdin" else path
    remedy = "`gscli formats` lists what can be read"
    if name.lower().endswith(".bin"):
        remedy = f"if it is a scan, name its format: {shown}{PART}kitti or {shown}{PART}nuscenes"
    elif not head.startswith(FOLDER_HEAD):
        remedy += f"; a .splat is known by its name alone, or as {shown}{PART}splat"
    raise InputError("is of no format that gscli reads", path=path, remedy=remedy)


def told(head: bytes, path: str, part: str | None) -> Format | None:
    """The format that ``FILE::FORMAT`` tells; None where the file does, or has a part of that name.

    Args:
        head, path: see `of_head`. part: what follows its name.
    """
    form = bare(part)
    owner = None if form is None else claiming(head, path)
    return None if owner is not None and owner.names_parts else form


def claiming(head: bytes, path: str) -> Format | None:
    """The format that knows what starts like this as its own, whatever it is called; None if none does.

    Args:
        head: its first bytes.
        path: what it is called: no two formats claim one file, and those called like its ending are asked
            first, which spares the others' import.
    """
    head = head.removeprefix(BOM_UTF8)
    likely = called_like(path)
    names = [*likely, *(name for name in FORMATS.names() if name not in likely)]
    return next((FORMATS.get(name) for name in names if FORMATS.get(name).sniff(head)), None)
