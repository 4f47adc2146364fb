"""Globs whose ``**`` comes to an end where links lead in circles."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from itertools import pairwise


def matches(pattern: str, root: str) -> list[str]:
    """What a glob matches, each once: as `glob.glob` with ``recursive=True``, but for circles.

    `glob.glob` follows a link to a folder above it 40 times, and two of them in 2^40 ways. Here ``**``
    follows links too, but into no folder that it is in already. One at the end stands for ``**/*``.

    Args:
        root: what a relative pattern, and its matches, are relative to.
    """
    parts = [
        part for part, next_part in pairwise([*pattern.split("/"), ""]) if (part, next_part) != ("**", "**")
    ]
    if "**" not in parts:
        return glob.glob(pattern, root_dir=root)
    at = parts.index("**")
    head, tail = "/".join([*parts[:at], ""]), "/".join(parts[at + 1 :] or ["*"])
    found = []
    for folder in glob.glob(head, root_dir=root) if head else [""]:
        for below in _folders(os.path.join(root, folder), frozenset()):
            inside = os.path.join(folder, below)
            rest = matches(tail, os.path.join(root, inside)) if tail else [""]
            found += [os.path.join(inside, match) for match in rest]
    return [match for match in dict.fromkeys(found) if match]


def _folders(top: str, inside: frozenset[tuple[int, int]]) -> Iterator[str]:
    """A folder, as an empty text, and those below it that are not hidden, relative to it, each with a slash.

    Args:
        inside: device and inode of the folders that it is in.
    """
    try:
        about = os.stat(top)
    except OSError:
        return
    me = (about.st_dev, about.st_ino)
    if me in inside:
        return
    yield ""
    try:
        with os.scandir(top) as entries:
            names = sorted(one.name for one in entries if not one.name.startswith(".") and _leads_on(one))
    except OSError:  # not to be listed
        return
    for name in names:
        for below in _folders(os.path.join(top, name), inside | {me}):
            yield os.path.join(name, below)


def _leads_on(entry: os.DirEntry[str]) -> bool:
    return os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir()
