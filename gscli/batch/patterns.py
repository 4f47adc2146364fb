"""The inputs that patterns match, and the folder that the outputs of each are laid out by."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import InputError, UsageError
from ..formats import PART, Source, identify
from . import globs
from .records import is_record


@dataclass(frozen=True)
class Pattern:
    """A path or a glob (``*``, ``?``, ``[...]``, and ``**`` for any depth), relative to `root`.

    Matches are files, but not pipes, devices and the records of a batch; a pattern that ends in a slash
    matches folders, but not those that are no scenes and hold folders; one that ends in ``::NAME`` takes
    that model of each file. A `listed` one is a path of a list, and stands for itself.
    """

    text: str
    root: str = "."
    listed: bool = False

    @property
    def base(self) -> str:
        """The longest folder without wildcards, absolute: outputs are laid out relative to it.

        Of a listed path, the folder that the list is relative to.
        """
        if self.listed:
            return os.path.abspath(self.root)
        folder = os.path.dirname(os.fspath(Source.of(self.text).path).rstrip("/"))
        while not self.literal and glob.has_magic(folder):
            folder = os.path.dirname(folder)
        return os.path.abspath(os.path.join(self.root, folder))

    @property
    def literal(self) -> bool:
        """Whether it names one path, wildcards or not: a file may be called ``scene[1].ply``."""
        path = os.path.join(self.root, self.text)
        return self.listed or os.path.lexists(path) or not glob.has_magic(self.text)

    def paths(self) -> list[str]:
        """Every match, absolute and sorted.

        Raises:
            InputError: nothing matches, or a folder was named that is no scene.
        """
        if self.literal:
            path = os.path.abspath(os.path.join(self.root, self.text))
            if os.path.isdir(path) and not self.listed and not _is_scene(path):
                raise InputError(
                    "is a folder, but no scene",
                    path=self.text or "''",
                    remedy=f"give a pattern such as '{os.path.join(self.text, '*.ply')}'",
                )
            return [path]
        source = Source.of(self.text)
        found = globs.matches(os.fspath(source.path) if source.part else self.text, self.root)
        matches = sorted(os.path.abspath(os.path.join(self.root, match)) for match in found)
        if self.text.endswith("/"):
            matches = [match for match in matches if not _holds_folders(match) or _is_scene(match)]
        else:
            # what leads nowhere is left to its task, which says so
            matches = [match for match in matches if os.path.isfile(match) or not os.path.exists(match)]
        matches = [match for match in matches if not is_record(match)]
        if not matches:
            raise InputError("matches no file", path=self.text, remedy="check it with ls, and quote it")
        return [match + PART + source.part for match in matches] if source.part else matches


def listed(text: bytes) -> list[Pattern]:
    """The paths of a list, one a line or, as ``find -print0`` writes them, with a zero byte after each.

    Raises:
        InputError: there are none.
    """
    separator = b"\0" if b"\0" in text else b"\n"
    lines = [line for line in text.split(separator) if line.strip()]
    if not lines:
        raise InputError("lists no paths", path="<stdin>", remedy="check the command that makes the list")
    return [Pattern(os.fsdecode(line), listed=True) for line in lines]


@dataclass(frozen=True)
class Found:
    """An input, and its path below the folder that outputs are laid out by."""

    path: str
    relative: str

    @property
    def folder(self) -> str:
        """The folder of its file, relative; empty for the top."""
        return os.path.dirname(Source.of(self.relative).path)

    @property
    def key(self) -> str:
        """The relative path without suffix and part: what a pair of scenes has in common."""
        return os.path.join(self.folder, replace(Source.of(self.path), part=None).stem)


def find(
    patterns: Iterable[Pattern], *, relative_to: str | None = None, outside: str | None = None
) -> list[Found]:
    """The inputs that patterns match, each once, in the order of the patterns.

    Args:
        relative_to: lay out relative to this folder instead of each pattern's own base.
        outside: leave out what a wildcard matches below this folder, such as the outputs of a run before.
            Where inputs and outputs share a folder, nothing is.

    Raises:
        InputError: a pattern matches nothing, or nothing but what is left out.
        UsageError: an input is not below `relative_to`.
    """
    found: dict[str, Found] = {}
    left_out = None
    for pattern in patterns:
        base = pattern.base if relative_to is None else os.path.abspath(relative_to)
        apart = outside is not None and os.path.abspath(outside) != base and _below(outside, base)
        for path in pattern.paths():
            if outside is not None and apart and not pattern.literal and _below(path, outside):
                left_out = path
                continue
            if not _below(path, base):
                raise UsageError(f"is not below {base}", path=path, remedy="choose another `relative_to`")
            found.setdefault(path, Found(path, os.path.relpath(path, base)))
    if left_out is not None and not found:
        raise InputError(
            "like all that matches, is below `out_dir`", path=left_out, remedy="choose another `out_dir`"
        )
    return list(found.values())


def _below(path: str, folder: str) -> bool:
    folder = os.path.abspath(folder)
    return os.path.commonpath([os.path.abspath(path), folder]) == folder


def _holds_folders(path: str) -> bool:
    try:
        with os.scandir(path) as entries:
            return any(entry.is_dir() for entry in entries)
    except OSError:  # its task will say why
        return False


def _is_scene(path: str) -> bool:
    try:
        identify(Path(path))
    except InputError:
        return False
    return True
