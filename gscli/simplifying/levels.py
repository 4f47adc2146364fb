"""What `gscli.lod` answers: which levels of detail there are, and how each looks."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from ..progress import Timings
from ..results.documents import document, seconds
from ..results.shown import shown
from .judging import Judged
from .result import Looked

SCHEMA = "gscli/lod/1"


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
