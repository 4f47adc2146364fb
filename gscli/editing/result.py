"""What `gscli.edit` answers: what was read, what each action did, and what was written."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from .. import in_memory
from ..cloud import GaussianCloud
from ..in_memory import Returned
from ..progress import Timings
from ..results.documents import document, seconds
from ..results.shown import shown
from .state import Done

SCHEMA = "gscli/edit/1"


@shown
@dataclass(frozen=True)
class Edited:
    """What a run of `edit` read, did and wrote.

    Attributes:
        path, format, bytes, points: of what was read; bytes are None of stdin and folders.
        output: the file written; ``<memory>`` where it is `cloud` instead. kept: its rows.
        actions: what each did, in their order.
    """

    path: str
    format: str
    bytes: int | None
    points: int
    output: str
    kept: int
    actions: tuple[Done, ...]
    timings: Timings
    notes: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    returned: Returned | None = field(default=None, repr=False, compare=False)

    @property
    def cloud(self) -> GaussianCloud:
        """What came of it, where it is in memory: what `gscli.read` would give of its file.

        Raises:
            UsageError: it was written to a file.
        """
        return in_memory.returned(self.returned, self.output).cloud

    def _facts(self) -> dict[str, object]:
        return {"input": self.path, "points": self.points, "actions": len(self.actions), "kept": self.kept}

    def to_dict(self) -> dict[str, Any]:
        """The JSON document."""
        return document(
            SCHEMA,
            input={"path": self.path, "format": self.format, "bytes": self.bytes, "points": self.points},
            options=self.options,
            actions=[asdict(done) for done in self.actions],
            output={
                "path": self.output,
                "points": self.kept,
                "fraction": self.kept / self.points if self.points else None,
            },
            notes=self.notes,
            timings_s=seconds(self.timings),
        )
