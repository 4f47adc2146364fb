"""What tasks write: files, and folders, whose paths end in a slash.

A record lists files: those that were asked for, and every file in a folder that was asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ..files import writing
from . import digests


def normal(path: str) -> str:
    """A path without detours; that of a folder still ends in a slash."""
    return os.path.normpath(path) + ("/" if path.endswith("/") else "")


def split(path: str) -> tuple[str, str]:
    """The folder that an output lies in, and its name there."""
    return os.path.split(path.rstrip("/"))


def refuse_existing(path: str, *, overwrite: bool, source: str) -> None:
    """Refuse an output, made of `source`, that would replace something without leave.

    Raises:
        WriteRefused: it would.
    """
    from ..formats import Target

    if path.endswith("/"):
        Target.of(path, overwrite=overwrite).refuse_existing([Path(source)])
    else:
        writing.refuse_existing(path, overwrite=overwrite)


def keep(paths: Sequence[str], folder: str) -> list[dict[str, Any]]:
    """See outputs safely onto the disk; returns path, size and digest of each file of them.

    Args:
        paths: of finished outputs.
        folder: what the paths in the answer are relative to.
    """
    if not paths:
        return []
    written = [file for path in paths for file in _files(path)]
    with ThreadPoolExecutor(1) as aside:  # the disk works while the processor does
        synced = aside.submit(_sync, [*written, *_folders(paths)])
        kept = [
            {
                "path": os.path.relpath(file, folder),
                "bytes": os.path.getsize(file),
                "sha256": digests.of_file(file),
            }
            for file in written
        ]
        synced.result()
    return kept


def complete(
    paths: Collection[str],
    kept: Mapping[str, Mapping[str, Any]],
    *,
    of: Callable[[str], str] | None = None,
) -> bool:
    """Whether outputs are there as they were kept.

    Args:
        paths: of the outputs.
        kept: what `keep` said of the files that they consisted of, by absolute path. What else is in a folder
            by now does not matter.
        of: gives the digest of a file, where digests are compared and not sizes alone.
    """
    wanted = set(paths)
    if {_asked_for(file, wanted) for file in kept} != wanted:
        return False
    try:
        return all(
            os.stat(file).st_size == known["bytes"] and (of is None or of(file) == known["sha256"])
            for file, known in kept.items()
        )
    except OSError:
        return False


def _asked_for(file: str, wanted: Collection[str]) -> str:
    """The output that a file is, or the folder that it lies in."""
    found, folder = file, os.path.dirname(file)
    while found not in wanted and folder.strip("/"):
        found, folder = folder + "/", os.path.dirname(folder)
    return found


def _files(path: str) -> list[str]:
    if not path.endswith("/"):
        return [path]
    return sorted(os.path.join(at, name) for at, _, names in os.walk(path) for name in names)


def _folders(paths: Sequence[str]) -> list[str]:
    """The folders whose entries name the outputs."""
    inner = {at for path in paths if path.endswith("/") for at, _, _ in os.walk(path)}
    return sorted({split(path)[0] for path in paths} | inner)


def _sync(paths: Sequence[str]) -> None:
    """Have the disk hold these files and folders before this returns."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
