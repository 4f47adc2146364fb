"""What tools are given as scenes: files to open, or clouds and arrays in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, cast

from . import arguments, formats
from .cloud import GaussianCloud
from .errors import UsageError
from .formats import Memory, Source, Target
from .in_memory import Points, as_cloud
from .scratch import Scratch

Given: TypeAlias = "str | os.PathLike[str] | Points"

ROLES = ("source", "target")  # what arguments are called, and scenes that have no file


@dataclass(frozen=True)
class Held:
    """A scene in memory, which says of itself what a `Source` does.

    Attributes:
        name: what messages and reports call it: the argument that it was given for.
    """

    name: str
    cloud: GaussianCloud
    path: None = None
    standard: bool = False
    folder_format: None = None
    bytes: None = None
    suffix: str = ".ply"

    @property
    def stem(self) -> str:
        """What files of it are called, without their suffix."""
        return self.name


Opened: TypeAlias = "Source | Held"


def opened(*scenes: Given, roles: Sequence[str] = ROLES) -> tuple[Opened, ...]:
    """Files, opened, and clouds, in the order of `roles`, which are the arguments that they were given for.

    Raises:
        UsageError: one is neither, or more than one is stdin.
        InputError: there is no such file.
    """
    found = tuple(_opened(scene, role) for scene, role in zip(scenes, roles, strict=False))
    if sum(scene.standard for scene in found) > 1:
        raise UsageError("stdin can be one of the two scenes, not both")
    return found


def several(scenes: Given | Iterable[Given]) -> list[Given]:
    """What was given as one scene or several, as several; an array or a table is one."""
    one = isinstance(scenes, (*arguments.PATH, GaussianCloud, Mapping)) or not isinstance(scenes, Iterable)
    whole = one or hasattr(scenes, "shape") or hasattr(scenes, "columns")
    return [cast("Given", scenes)] if whole else [*cast("Iterable[Given]", scenes)]


def _opened(scene: Given, role: str) -> Opened:
    if isinstance(scene, arguments.PATH):
        if scene == "":
            raise UsageError(f"`{role}` must be a path, not an empty text")
        return Source.of(scene)
    return Held(role, as_cloud(scene, role, "a path, a cloud or (N, 3) numbers"))


def paths(scenes: Sequence[Opened]) -> list[Path]:
    """The files that are read."""
    return [scene.path for scene in scenes if isinstance(scene, Source)]


def read(
    scenes: Sequence[Opened],
    *,
    trust_pickle: bool = False,
    axes: str | None = None,
    to: Sequence[Target | Memory] = (),
    room: Callable[[], Scratch] | None = None,
) -> tuple[list[GaussianCloud], list[str]]:
    """Scenes, and what messages and reports call each: a file by its name, a cloud by its role.

    Args:
        trust_pickle, axes: see `gscli.formats.read`.
        to: what is going to be written, perhaps in these axes.
        room: where rows go that have to be decoded; None for into memory.

    Raises:
        InputError: as of `gscli.formats.read`.
        UsageError: the same, and options of files where there is none.
    """
    sources = [scene for scene in scenes if isinstance(scene, Source)]
    written = [target.format for target in to if isinstance(target, Target)]
    framed = any(form.framed for form in written)
    for option, said in (("trust_pickle", trust_pickle), ("axes", axes is not None and not framed)):
        if said and not sources:
            raise UsageError(f"`{option}` has no effect on clouds in memory")
    found = iter(formats.read_all(sources, trust_pickle=trust_pickle, axes=axes, axes_of=written, room=room))
    clouds = [next(found) if isinstance(scene, Source) else scene.cloud for scene in scenes]
    return clouds, [scene.name for scene in scenes]
