"""What `gscli.lod` answers and leaves behind: levels of detail, how each looks, and their folder."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..errors import WriteRefused
from ..progress import Timings
from ..results.documents import document, seconds
from ..results.shown import shown
from .judging import Judged
from .result import Looked

SCHEMA = "gscli/lod/1"
INDEX = "lod.json"
OURS = re.compile(r"\d+(\.[a-z]+)+|\d+_\d+|lod(-meta)?\.json")  # what a folder of levels holds


@dataclass(frozen=True)
class Level:
    """One level of detail.

    Attributes:
        level: its number; 0 is the scene itself. points: its Gaussians.
        files: where they are, within the folder.
        growth: the power by which those grew that are to hold more than they can; None where none did.
        looks: how it looks beside the scene; None of the scene itself, and where nothing was rendered.
    """

    level: int
    points: int
    files: tuple[str, ...]
    growth: float | None
    looks: Judged | None


@dataclass(frozen=True)
class Short:
    """The first level that looked less alike than was asked for, and was not written.

    Attributes:
        points: its Gaussians. psnr: what it came to, in dB.
    """

    points: int
    psnr: float


@shown
@dataclass(frozen=True)
class Levels:
    """What a run of `lod` read and wrote.

    Attributes:
        path, format, bytes, points: of what was read; bytes are None of stdin and folders.
        output: the folder. to: the format of its files.
        levels: the finest first.
        averaged, chosen: see `gscli.simplify.Simplified`.
        looked: from where; None where nothing was rendered.
        short: the level that ended them, where there was a limit and one fell short of it.
    """

    path: str
    format: str
    bytes: int | None
    points: int
    output: str
    to: str
    levels: tuple[Level, ...]
    averaged: tuple[str, ...]
    chosen: tuple[str, ...]
    looked: Looked | None
    short: Short | None
    timings: Timings
    notes: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)

    def _facts(self) -> dict[str, object]:
        return {"input": self.path, "points": self.points, "levels": [each.points for each in self.levels]}

    def index(self) -> dict[str, Any]:
        """What lod.json holds: the document without seconds, so that it is the same every time."""
        return document(
            SCHEMA,
            input={"path": self.path, "format": self.format, "bytes": self.bytes, "points": self.points},
            options=self.options,
            format=self.to,
            levels=[
                {
                    "level": each.level,
                    "points": each.points,
                    "fraction": each.points / self.points,
                    "files": each.files,
                    "growth": each.growth,
                    "render": None if each.looks is None else asdict(each.looks),
                }
                for each in self.levels
            ],
            short=None if self.short is None else asdict(self.short),
            averaged=self.averaged,
            of_the_weightiest=self.chosen,
            look=None if self.looked is None else asdict(self.looked),
            notes=self.notes,
        )

    def to_dict(self) -> dict[str, Any]:
        """The JSON document."""
        return {**self.index(), "output": self.output, "timings_s": seconds(self.timings)}


def refuse_existing(folder: Path, *, overwrite: bool, called: str | None = None) -> None:
    """Refuse to replace anything but levels, and those without leave."""
    path = os.fspath(folder) if called is None else called
    if folder.exists() and not folder.is_dir():
        raise WriteRefused("is a file", path=path, remedy="name a folder")
    if not folder.is_dir() or not (names := sorted(os.listdir(folder))):
        return
    if not _is_index(folder / INDEX):
        raise WriteRefused("is a folder, but none of levels: it is not replaced", path=path)
    if not overwrite:
        raise WriteRefused("exists already", path=path, remedy="add `overwrite=True` to replace it")
    if others := [name for name in names if not OURS.fullmatch(name)]:
        more = f" and {len(others) - 3:,} more" * (len(others) > 3)
        raise WriteRefused(
            f"holds more than levels, which would be deleted: {', '.join(others[:3])}{more}",
            path=path,
            remedy="move that away, or write to another folder",
        )


def _is_index(path: Path) -> bool:
    """Whether a file is what `lod` writes beside its levels."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.get("schema") == SCHEMA
