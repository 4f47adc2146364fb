"""The two scenes of a comparison: files that are opened, or clouds and arrays in memory."""

from __future__ import annotations

import os
from typing import TypeAlias

from .. import arguments, formats
from ..cloud import GaussianCloud, Points, as_cloud
from ..errors import UsageError
from ..formats import Source

Scene: TypeAlias = "str | os.PathLike[str] | Points"  # a file, or a cloud or array in memory


def scene(given: Scene, name: str) -> Source | GaussianCloud:
    if isinstance(given, arguments.PATH):
        return Source.of(given)
    try:
        return as_cloud(given)
    except UsageError:
        what = f"`{name}` must be a path, a cloud or (N, 3) numbers, not {arguments.told(given)}"
        raise UsageError(what) from None


def size(scene: Source | GaussianCloud) -> int | None:
    """Bytes of a file; None of stdin, folders and what is in memory."""
    return scene.bytes if isinstance(scene, Source) else None


def read_one(
    given: Source | GaussianCloud, role: str, trust_pickle: bool, axes: str | None
) -> tuple[GaussianCloud, str]:
    """One scene, and what messages and the report call it: a cloud in memory by its part, `role`."""
    if isinstance(given, Source):
        return given.read(trust_pickle=trust_pickle, axes=axes), given.name
    for name, value in (("trust_pickle", trust_pickle), ("axes", axes is not None)):
        if value:
            raise UsageError(f"`{name}` has no effect on clouds in memory")
    return given, role


def read(
    scenes: tuple[Source | GaussianCloud, Source | GaussianCloud], trust_pickle: bool, axes: str | None
) -> tuple[tuple[GaussianCloud, GaussianCloud], tuple[str, str]]:
    """Both scenes, and what messages and the report call them: clouds in memory by their part in it."""
    sources = [scene for scene in scenes if isinstance(scene, Source)]
    for name, given in (("trust_pickle", trust_pickle), ("axes", axes is not None)):
        if given and not sources:
            raise UsageError(f"`{name}` has no effect on clouds in memory")
    opened = iter(formats.read_all(sources, trust_pickle=trust_pickle, axes=axes))
    a, b = (next(opened) if isinstance(scene, Source) else scene for scene in scenes)
    roles = zip(scenes, ("source", "target"), strict=True)
    name, other = (scene.name if isinstance(scene, Source) else role for scene, role in roles)
    return (a, b), (name, other)
