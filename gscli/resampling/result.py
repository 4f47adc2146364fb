"""What `gscli.resample` answers: what was read, drawn and written."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import in_memory
from ..cloud import GaussianCloud
from ..errors import UsageError
from ..flaws import Flaws
from ..grids.figures import GridFigures
from ..grids.methods import Method
from ..in_memory import Returned
from ..progress import Timings
from ..results.documents import document, seconds
from ..results.shown import shown

if TYPE_CHECKING:
    from ..comparing.looks import Looks

SCHEMA = "gscli/resample/1"


@dataclass(frozen=True)
class Compensated:
    """What rows of a draw stand for whose method compensates for the others.

    Attributes:
        raised: rows that stand for others of their cell too.
        unrepresented: rows of the scene that none stands for: of their cell nothing stays.
    """

    raised: int
    unrepresented: int


@dataclass(frozen=True)
class Output:
    """One draw: where it was written, and how much was kept.

    Attributes:
        path: the file; ``<memory>`` where the draw is in memory, as `cloud`.
        compensated: what its rows stand for; None where nothing is made up for.
        render: how alike the draw and the input look; None where they were not rendered.
    """

    path: str
    points: int
    method: Method
    seed: int
    epoch: int
    fraction: float
    forced_cells: int
    index: str | None = None
    render: Looks | None = None
    compensated: Compensated | None = None
    returned: Returned | None = field(default=None, repr=False, compare=False)

    @property
    def cloud(self) -> GaussianCloud:
        """The draw, where it is in memory: what `gscli.read` would give of its file.

        Raises:
            UsageError: it was written to a file.
        """
        return in_memory.returned(self.returned, self.path).cloud

    @property
    def rows(self) -> npt.NDArray[np.int64]:
        """(K,) the rows of the input that were kept, ascending, where the draw is in memory.

        Raises:
            UsageError: it was written to a file.
        """
        rows = in_memory.returned(self.returned, self.path).rows
        assert rows is not None
        return rows

    @property
    def kept(self) -> dict[str, Any]:
        """How much was kept, as the JSON document has it."""
        return {"points": self.points, "fraction": self.fraction, "forced_cells": self.forced_cells}

    def to_dict(self) -> dict[str, Any]:
        """Its part of the JSON document; null is what had no effect."""
        how = self.method
        settings = how.settings()
        settings.setdefault("pick", None)
        return {
            "path": self.path,
            "points": self.points,
            "method": how.name,
            **settings,
            "seed": self.seed if how.uses_seed else None,
            "epoch": self.epoch if how.uses_seed else None,
            "kept": self.kept,
            **({} if self.compensated is None else {"compensated": asdict(self.compensated)}),
            "index": self.index,
            "render": None if self.render is None else asdict(self.render),
        }


@shown
@dataclass(frozen=True)
class Resampled:
    """What a run of `resample` read, drew and wrote.

    Attributes:
        bytes: size of the input; None for stdin and folders.
        points: rows of the input; dropped: rows left out for their flaws, or because they are in no cell of a
            given mapping.
        grid: what it was cut by, in numbers.
        cache: ``hit``, ``miss`` or ``off``.
        notes: what a user should be told.
        invalid: how many rows had which flaw; None with a given mapping, for which they are not looked at.
    """

    path: str
    format: str
    bytes: int | None
    points: int
    dropped: int
    grid: GridFigures
    cache: str
    outputs: tuple[Output, ...]
    device: str
    timings: Timings
    notes: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    invalid: Flaws | None = None

    def _facts(self) -> dict[str, object]:
        told: dict[str, object] = {"input": self.path, "points": self.points, "cells": self.grid.cells}
        if self.grid.voxel_size is not None:
            told["cell size"] = self.grid.voxel_size
        if len(self.outputs) == 1:
            return {**told, "kept": self.outputs[0].points}
        return {**told, "outputs": len(self.outputs)}

    @property
    def cloud(self) -> GaussianCloud:
        """The one draw, where it is in memory; see `Output.cloud`.

        Raises:
            UsageError: it was written to a file, or there are several.
        """
        if len(self.outputs) != 1:
            raise UsageError(f"there are {len(self.outputs)} draws", remedy="take outputs[0].cloud, ...")
        return self.outputs[0].cloud

    def to_dict(self) -> dict[str, Any]:
        """The JSON document; `kept` is there when there is one output."""
        return document(
            SCHEMA,
            input={
                "path": self.path,
                "format": self.format,
                "bytes": self.bytes,
                "points": self.points,
                "dropped": self.dropped,
                "invalid": None if self.invalid is None else self.invalid.to_dict(),
            },
            options=self.options,
            outputs=[output.to_dict() for output in self.outputs],
            grid={**self.grid.to_dict(), "cache": self.cache, "tiles": self.grid.tiles},
            **({"kept": self.outputs[0].kept} if len(self.outputs) == 1 else {}),
            device=self.device,
            notes=self.notes,
            timings_s=seconds(self.timings),
        )
