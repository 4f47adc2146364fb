"""What tools are given as scenes, one or two: files to open, or clouds and arrays in memory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from . import arguments, formats
from .cloud import GaussianCloud
from .errors import UsageError
from .formats import Source
from .in_memory import Points, as_cloud

Given: TypeAlias = "str | os.PathLike[str] | Points"
Opened: TypeAlias = "Source | GaussianCloud"

ROLES = ("source", "target")  # what arguments are called, and scenes that have no file


def opened(*scenes: Given) -> tuple[Opened, ...]:
    """Files, opened, and clouds: one or two, in the order of `ROLES`.

    Raises:
        UsageError: one is neither, or both are stdin.
        InputError: there is no such file.
    """
    found = tuple(_opened(scene, role) for scene, role in zip(scenes, ROLES, strict=False))
    if sum(isinstance(scene, Source) and scene.standard for scene in found) > 1:
        raise UsageError("stdin can be one of the two scenes, not both")
    return found


def _opened(scene: Given, role: str) -> Opened:
    if isinstance(scene, arguments.PATH):
        return Source.of(scene)
    return as_cloud(scene, role, "a path, a cloud or (N, 3) numbers")


def paths(scenes: Sequence[Opened]) -> list[Path]:
    """The files that are read."""
    return [scene.path for scene in scenes if isinstance(scene, Source)]


def size(scene: Opened) -> int | None:
    """Bytes of a file; None of stdin, folders and what is in memory."""
    return scene.bytes if isinstance(scene, Source) else None


def read(
    scenes: Sequence[Opened], *, trust_pickle: bool = False, axes: str | None = None
) -> tuple[list[GaussianCloud], list[str]]:
    """Scenes, and what messages and reports call each: a file by its name, a cloud by its role.

    Args:
        trust_pickle, axes: see `gscli.formats.read`.

    Raises:
        InputError: as of `gscli.formats.read`.
        UsageError: the same, and options of files where there is none.
    """
    sources = [scene for scene in scenes if isinstance(scene, Source)]
    for option, said in (("trust_pickle", trust_pickle), ("axes", axes is not None)):
        if said and not sources:
            raise UsageError(f"`{option}` has no effect on clouds in memory")
    found = iter(formats.read_all(sources, trust_pickle=trust_pickle, axes=axes))
    clouds = [next(found) if isinstance(scene, Source) else scene for scene in scenes]
    roles = zip(scenes, ROLES, strict=False)
    return clouds, [scene.name if isinstance(scene, Source) else role for scene, role in roles]
