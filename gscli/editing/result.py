"""What `gscli.edit` answers: what was read, what each action did, and what was written."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

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
        output: the file written. kept: its rows.
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
