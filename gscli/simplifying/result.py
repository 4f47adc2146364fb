"""What `gscli.simplify` answers: what was read, how many rows became one, and how it looks."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import in_memory
from ..cameras import digest
from ..cloud import GaussianCloud
from ..grids.figures import GridFigures
from ..in_memory import Returned
from ..progress import Timings
from ..results.documents import document, seconds
from ..results.shown import shown
from .judging import Judged
from .look import Look

SCHEMA = "gscli/simplify/1"


@dataclass(frozen=True)
class Looked:
    """From where it was seen how much of each Gaussian shows.

    Attributes:
        views: how many. around: where the cameras are. cameras_sha256: of what decides pixels.
        growth: the power by which those Gaussians grew that are to hold more than they can; None where none
            is merged.
        rasterizer: what drew, one of `gscli.rasterizers.RASTERIZERS`.
    """

    views: int
    around: str
    cameras_sha256: str
    growth: float | None
    rasterizer: str

    @classmethod
    def of(cls, seen: Look, cameras: str | os.PathLike[str] | None, growth: float | None) -> Looked:
        """What is said of a look.

        Args:
            seen: the look. cameras: the file that its cameras are of; None for all around.
            growth: see above.
        """
        around = "from all around" if cameras is None else f"from {os.fspath(cameras)}"
        return cls(len(seen.cameras), around, digest(seen.cameras), growth, seen.engine.name)


@dataclass(frozen=True)
class Searched:
    """How the fewest rows were found that look as much like the scene as was asked for.

    PSNR is that of the pixels that show anything, the less of that on black and that on white, in dB.

    Attributes:
        wanted: the PSNR that was asked for. reached: that which they have; None where nothing differs.
        tried: how many counts were judged.
        short: the largest of them that fell short. short_of: its PSNR. None where none did.
    """

    wanted: float
    reached: float | None
    tried: int
    short: int | None
    short_of: float | None


@shown
@dataclass(frozen=True)
class Simplified:
    """What a run of `simplify` read, merged and wrote.

    Attributes:
        path, format, bytes, points: of what was read; bytes are None of stdin and folders.
        output: the file written; ``<memory>`` where it is `cloud` instead. kept: its rows.
        merged: how many of them are of more than one row; sources: of how many.
        cells: those that rows were merged by; None where pairs were.
        averaged: the columns beside those of Gaussians that are weighted means in merged rows; chosen: those
            that cannot be averaged, of which the row that weighs most gives its own.
        searched: how the count was found; None where it was given.
        looked: None where nothing was rendered. looks: how the output looks beside the source; None likewise.
        index: the file of the new row of each row, if one was asked for.
    """

    path: str
    format: str
    bytes: int | None
    points: int
    output: str
    kept: int
    merged: int
    sources: int
    cells: GridFigures | None
    averaged: tuple[str, ...]
    chosen: tuple[str, ...]
    searched: Searched | None
    looked: Looked | None
    looks: Judged | None
    index: str | None
    timings: Timings
    notes: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    returned: Returned | None = field(default=None, repr=False, compare=False)

    @property
    def cloud(self) -> GaussianCloud:
        """What is left, where it is in memory: what `gscli.read` would give of its file.

        Raises:
            UsageError: it was written to a file.
        """
        return in_memory.returned(self.returned, self.output).cloud

    @property
    def rows(self) -> npt.NDArray[np.int64]:
        """(points,) the row of `cloud` that each row of the source became part of.

        Raises:
            UsageError: it was written to a file.
        """
        rows = in_memory.returned(self.returned, self.output).rows
        assert rows is not None
        return rows

    def _facts(self) -> dict[str, object]:
        told: dict[str, object] = {"input": self.path, "points": self.points, "kept": self.kept}
        if self.looks is not None and self.looks.psnr.mean is not None:
            told["psnr"] = self.looks.psnr.mean
        return told

    def to_dict(self) -> dict[str, Any]:
        """The JSON document."""
        return document(
            SCHEMA,
            input={"path": self.path, "format": self.format, "bytes": self.bytes, "points": self.points},
            options=self.options,
            output={
                "path": self.output,
                "points": self.kept,
                "fraction": self.kept / self.points,
                "index": self.index,
            },
            merged={
                "points": self.merged,
                "of": self.sources,
                "untouched": self.kept - self.merged,
                "averaged": self.averaged,
                "of_the_weightiest": self.chosen,
            },
            cells=None if self.cells is None else self.cells.to_dict(),
            search=None if self.searched is None else asdict(self.searched),
            look=None if self.looked is None else asdict(self.looked),
            render=None if self.looks is None else asdict(self.looks),
            notes=self.notes,
            timings_s=seconds(self.timings),
        )
