"""Where pictures go: one to a file or stdout, several into a folder, called after their cameras."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import files
from ..cameras import Camera
from ..errors import UsageError
from . import pictures

LONGEST = 100  # bytes of a name: disks take 255


@dataclass(frozen=True)
class Target:
    """Where pictures go: one to a path, or several into a folder."""

    path: str
    suffix: str
    folder: bool

    @classmethod
    def of(cls, output: str | os.PathLike[str], file_type: str | None, *, transparent: bool) -> Target:
        path, suffix = os.fspath(output), Path(output).suffix
        stream = files.descriptor(path) is not None
        folder = not stream and (path.endswith("/") or Path(path).is_dir() or not suffix)
        if file_type is not None and not folder:
            raise UsageError("`file_type` has no effect on one picture, whose name says it", remedy="drop it")
        if folder or stream:
            suffix = f".{(file_type or 'png').removeprefix('.')}"
        return cls(path, pictures.require_suffix(suffix, transparent=transparent), folder)

    @property
    def name(self) -> str:
        return files.display_output(self.path)

    def paths(self, cameras: Sequence[Camera], of: str) -> list[str]:
        """The path of each camera's picture."""
        if self.folder:
            return [os.path.join(self.path, f"{stem}{self.suffix}") for stem in stems(cameras)]
        if len(cameras) != 1:
            raise UsageError(
                f"has {len(cameras):,} cameras, and {self.name} is one picture",
                path=of,
                remedy="name a folder, or one of them with `camera`",
            )
        return [self.path]


def stems(cameras: Sequence[Camera]) -> list[str]:
    """File names after those of cameras, each another."""
    found: dict[str, str] = {}  # by what a disk that takes A for a makes of it
    tried: dict[str, int] = {}
    for camera in cameras:
        base = re.sub(r"\.(?:png|jpe?g|webp|tiff?|exr)$", "", camera.name, flags=re.IGNORECASE)
        last = base.replace("\\", "/").rpartition("/")[2]
        stem = _cut(re.sub(r"[^\w.-]+", "_", last).strip(".")) or "view"
        name = stem
        while name.casefold() in found:
            tried[stem] = tried.get(stem, 1) + 1
            name = f"{stem}_{tried[stem]}"
        found[name.casefold()] = name
    return list(found.values())


def _cut(name: str) -> str:
    """As many letters as fit into `LONGEST` bytes."""
    return name.encode()[:LONGEST].decode(errors="ignore")
