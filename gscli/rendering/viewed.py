"""What `gscli.view` answers: the frames of a page, and what they are of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..progress import Timings
from ..results.documents import document, seconds
from ..results.shown import shown

SCHEMA = "gscli/view/1"
BRIGHTER = 4  # how many times a difference is


@dataclass(frozen=True)
class ViewedScene:
    """One of the scenes of a page.

    Attributes:
        bytes: of its file; None where there is none, or a folder.
    """

    path: str
    format: str
    points: int
    bytes: int | None


@shown
@dataclass(frozen=True)
class Viewed:
    """Frames of one scene, or of a scene and its reference.

    Attributes:
        scenes: the scene; then the reference, where there is one.
        turns: frames to a circle; rises: the sine of each circle's elevation, from the lowest.
        up: which way is up, and how that is known.
        frames: for each scene and then for their difference, the pictures as WebP: the lowest circle first.
        psnr: of each frame against the reference's; None where they are equal. Empty for one scene.
        brighter: how many times the difference is.
    """

    scenes: tuple[ViewedScene, ...]
    turns: int
    rises: tuple[float, ...]
    width: int
    height: int
    up: str
    engine: str
    xray: bool
    cameras_sha256: str
    frames: tuple[tuple[bytes, ...], ...] = field(repr=False)
    psnr: tuple[float | None, ...] = ()
    brighter: int = BRIGHTER
    notes: tuple[str, ...] = ()
    timings: Timings = field(default_factory=Timings)
    options: dict[str, Any] = field(default_factory=dict)

    def _facts(self) -> dict[str, object]:
        return {"scenes": ", ".join(each.path for each in self.scenes), "frames": len(self.frames[0])}

    def to_dict(self) -> dict[str, Any]:
        """The JSON document, without the pictures."""
        return document(
            SCHEMA,
            scenes=[vars(each) for each in self.scenes],
            turns=self.turns,
            rises=self.rises,
            width=self.width,
            height=self.height,
            up=self.up,
            engine=self.engine,
            xray=self.xray,
            cameras_sha256=self.cameras_sha256,
            psnr=self.psnr,
            bytes=sum(len(frame) for panel in self.frames for frame in panel),
            options=self.options,
            notes=self.notes,
            timings_s=seconds(self.timings),
        )
