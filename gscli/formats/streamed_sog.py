"""Streamed SOG of PlayCanvas: a scene in levels of detail, each of one or more SOG folders; read only.

``lod-meta.json`` names the folders and has a tree of boxes; a leaf says of each level which rows of which
folder lie in its box. A level is all rows that leaves name of it, folder by folder; level 0 is the finest.
What surrounds a scene (``environment``) is no part of a level. `gscli.lod` writes such scenes.
"""

from __future__ import annotations

import re
import reprlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..cloud import GaussianCloud
from ..containers.bytes import MAX_JSON, malformed, parsed, read_small
from ..errors import InputError, UsageError
from . import sog
from ._format import FOLDER_HEAD, Format

META = "lod-meta.json"
MOST_LEVELS = 64
_FOLDER = re.compile(r"[^./\\:][^/\\:]*/meta\.json|[^./\\:][^/\\:]*\.sog")  # what a file may be called


@dataclass(frozen=True)
class _Part:
    """Rows of a file that lie in one box."""

    file: int
    offset: int
    count: int


def sniff(head: bytes) -> bool:
    if head.startswith(FOLDER_HEAD):
        return META.encode() in head[len(FOLDER_HEAD) :].split(b"\n")
    return head[:1] == b"{" and b'"lodLevels"' in head and b'"filenames"' in head


def read(path: Path, *, part: str | None = None) -> GaussianCloud:
    """Read one level of a streamed SOG: its lod-meta.json or the folder that holds it.

    Args:
        path: the file or folder.
        part: which level; the finest by default.

    Raises:
        InputError: damaged, or a folder of the level is missing.
        UsageError: it has no such level.
    """
    meta_path = path / META if path.is_dir() else path
    with malformed(path, "streamed SOG"):
        meta = parsed(read_small(meta_path, MAX_JSON))
        names, levels = _files(path, meta), _levels(path, meta)
        level = _chosen(path, part, len(levels))
        held = _by_file(path, levels[level], names)
        if not held:
            raise InputError(f"has nothing in level {level}", path=path)
        if absent := [names[file] for file in held if not (meta_path.parent / names[file]).exists()]:
            raise _missing(path, level, absent, names, levels, meta_path.parent)
    clouds = [_taken(path, meta_path.parent / names[file], parts) for file, parts in held.items()]
    if any(cloud.fields != clouds[0].fields for cloud in clouds):
        raise InputError(f"has folders of different SH degrees in level {level}", path=path)
    rows = clouds[0].rows if len(clouds) == 1 else np.concatenate([cloud.rows for cloud in clouds])
    counts = ", ".join(f"{sum(each.count for each in parts):,}" for parts in levels)
    note = f"level {level} of {len(levels)}, which have {counts} Gaussians; any other is FILE::LEVEL"
    notes = (
        note,
        *([f"its environment is left out: {meta['environment']}"] if meta.get("environment") else []),
    )
    return GaussianCloud(rows, replace(clouds[0].header, format="streamed_sog", notes=notes))


def _files(path: Path, meta: dict[str, Any]) -> list[str]:
    if meta.get("version", 1) != 1:
        raise InputError(f"is streamed SOG version {reprlib.repr(meta['version'])}; 1 is read", path=path)
    names = meta["filenames"]
    if not isinstance(names, list):
        raise ValueError("filenames that are no list")
    for name in names:
        if not isinstance(name, str) or not _FOLDER.fullmatch(name):
            raise InputError(
                f"names a file that is not in a folder beside it: {reprlib.repr(name)}", path=path
            )
    if len(set(names)) < len(names):
        raise InputError("names a file twice", path=path, remedy="it is damaged")
    return names


def _levels(path: Path, meta: dict[str, Any]) -> list[list[_Part]]:
    """What lies in the leaves, level by level."""
    count = meta["lodLevels"]
    if type(count) is not int or not 0 < count <= MOST_LEVELS:
        raise InputError(f"claims {reprlib.repr(count)} levels", path=path, remedy="it is damaged")
    levels: list[list[_Part]] = [[] for _ in range(count)]
    todo = [meta["tree"]]
    while todo:
        node = todo.pop()
        for key, held in node.get("lods", {}).items():
            found = _Part(held["file"], held["offset"], held["count"])
            numbers = (int(key), found.file, found.offset, found.count)
            if any(type(number) is not int or number < 0 for number in numbers):
                raise ValueError("a leaf whose rows are no numbers")
            levels[int(key)].append(found)
        todo += reversed(node.get("children", []))
    return levels


def _chosen(path: Path, part: str | None, count: int) -> int:
    """The number of a level, by its name."""
    if part is None:
        return 0
    if not re.fullmatch(r"[0-9]{1,4}", part) or int(part) >= count:
        there = "one level, 0" if count == 1 else f"levels 0 to {count - 1}"
        raise UsageError(f"has {there}, not {reprlib.repr(part)}", path=path)
    return int(part)


def _by_file(path: Path, parts: list[_Part], names: list[str]) -> dict[int, list[_Part]]:
    """The parts of a level by file, as they lie in it."""
    found: dict[int, list[_Part]] = {}
    for part in sorted(parts, key=lambda part: (part.file, part.offset)):
        if part.file >= len(names):
            raise InputError(f"refers to file {part.file} of {len(names)}", path=path, remedy="it is damaged")
        if part.count:
            found.setdefault(part.file, []).append(part)
    return found


def _taken(path: Path, file: Path, parts: list[_Part]) -> GaussianCloud:
    """The rows of a file that a level has."""
    whole = sog.read(file)
    at, selected = 0, []
    for part in parts:
        if part.offset < at or part.offset + part.count > len(whole):
            raise InputError(
                f"refers to rows of {file.parent.name}/{file.name} twice, or beyond its {len(whole):,}",
                path=path,
                remedy="it is damaged",
            )
        at = part.offset + part.count
        selected.append(np.arange(part.offset, at))
    rows: npt.NDArray[np.int64] = np.concatenate(selected)
    return whole if len(rows) == len(whole) else whole.take(rows)


def _missing(
    path: Path, level: int, absent: list[str], names: list[str], levels: list[list[_Part]], folder: Path
) -> InputError:
    """What to say of a level some files of which are not there."""
    whole = [
        number
        for number, parts in enumerate(levels)
        if parts and all(part.file < len(names) and (folder / names[part.file]).exists() for part in parts)
    ]
    more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
    remedy = "get the folders it names"
    if whole:
        remedy = f"level {' or '.join(map(str, whole))} is complete: name it as in {path.name}::{whole[0]}"
    return InputError(f"lacks {absent[0]}{more}, of level {level}", path=path, remedy=remedy)


FORMAT = Format(
    "streamed_sog",
    "streamed SOG (PlayCanvas): lod-meta.json and its levels of detail, one as FILE::2",
    ("/lod-meta.json",),
    sniff,
    read,
    takes=frozenset({"part"}),
    requires=("PIL",),
)
