"""What `gscli.coprune` answers: what each model had, what is left of it, and by which threshold."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import in_memory
from ..cloud import GaussianCloud
from ..in_memory import Returned
from ..progress import Timings
from ..results.documents import document, seconds
from ..results.shown import counted, shown
from .looks import Looks
from .search import Engine

SCHEMA = "gscli/coprune/1"


@shown
@dataclass(frozen=True, eq=False)
class Pruned:
    """One of the two models: what it had and what is left.

    Attributes:
        rows: (K,) int64 ascending, the rows kept.
        output: the file written; ``<memory>`` where it is `cloud` instead. index: the file of row numbers, if
            one was asked for.
    """

    path: str
    format: str
    points: int
    kept: int
    spacing: float | None
    output: str
    index: str | None
    rows: npt.NDArray[np.int64]
    returned: Returned | None = field(default=None, repr=False)

    @property
    def cloud(self) -> GaussianCloud:
        """What is left, where it is in memory: what `gscli.read` would give of its file.

        Raises:
            UsageError: it was written to a file.
        """
        return in_memory.returned(self.returned, self.output).cloud

    def _facts(self) -> dict[str, object]:
        return {"path": self.path, "points": self.points, "kept": self.kept}

    def to_dict(self) -> dict[str, Any]:
        """Its part of the JSON document, without the rows."""
        return {
            "path": self.path,
            "format": self.format,
            "points": self.points,
            "spacing": self.spacing,
            "kept": {"points": self.kept, "fraction": self.kept / self.points},
            "output": self.output,
            "index": self.index,
        }


@dataclass(frozen=True)
class Agreement:
    """How alike both models look, from cameras around the second, before they are pruned and after."""

    before: Looks
    after: Looks


@shown
@dataclass(frozen=True)
class Copruned:
    """What a run of `coprune` read, matched and wrote; `threshold` is in scene units."""

    first: Pruned
    second: Pruned
    threshold: float
    min_points: int
    engine: Engine
    device: str
    timings: Timings
    notes: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    render: Agreement | None = None

    def _facts(self) -> dict[str, object]:
        models = (self.first, self.second)
        kept = {model.path: f"{model.kept:,} of {counted(model.points, 'point')}" for model in models}
        return {**kept, "threshold": self.threshold}

    def to_dict(self) -> dict[str, Any]:
        """The JSON document."""
        return document(
            SCHEMA,
            first=self.first.to_dict(),
            second=self.second.to_dict(),
            threshold=self.threshold,
            min_points=self.min_points,
            engine=asdict(self.engine),
            render=None if self.render is None else asdict(self.render),
            device=self.device,
            options=self.options,
            notes=self.notes,
            timings_s=seconds(self.timings),
        )
