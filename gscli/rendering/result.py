"""What `gscli.render` answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from ..progress import Timings
from ..results.documents import document, seconds
from ..results.shown import shown

SCHEMA = "gscli/render/1"


@dataclass(frozen=True)
class Shot:
    """A picture that was written.

    Attributes:
        path: ``<stdout>`` for stdout.
        camera: the name of its camera. width, height: pixels.
        span: the depths or sums that are black and white in it; None where these are fixed.
        seen: the share of its pixels in which anything is.
    """

    path: str
    camera: str
    width: int
    height: int
    span: tuple[float, float] | None
    seen: float


@shown
@dataclass(frozen=True)
class Rendered:
    """What was drawn.

    Attributes:
        source: the path read. points: Gaussians in it. mode: one of `gscli.rendering.MODES`.
        engine: one of `gscli.rasterizers.RASTERIZERS`. cameras_sha256: of everything that decides pixels.
        up: which way is up and how that is known; None where a file said where cameras are.
        shots: the pictures, in the order of the cameras.
    """

    source: str
    format: str
    points: int
    mode: str
    background: str
    engine: str
    cameras_sha256: str
    up: str | None
    shots: tuple[Shot, ...]
    notes: tuple[str, ...] = ()
    timings: Timings = field(default_factory=Timings)
    options: dict[str, Any] = field(default_factory=dict)

    def _facts(self) -> dict[str, object]:
        return {"source": self.source, "mode": self.mode, "engine": self.engine, "pictures": len(self.shots)}

    def to_dict(self) -> dict[str, Any]:
        """The JSON document."""
        return document(
            SCHEMA,
            input={"path": self.source, "format": self.format, "points": self.points},
            options=self.options,
            engine=self.engine,
            cameras_sha256=self.cameras_sha256,
            up=self.up,
            outputs=[asdict(shot) for shot in self.shots],
            notes=self.notes,
            timings_s=seconds(self.timings),
        )
