"""How a simplified scene looks beside what it was, from other cameras than it was looked at from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..cameras import Camera, digest
from ..cloud import GaussianCloud
from ..kernels import structured
from ..progress import Timings, Track
from ..rasterizers import Chosen, Drawable, Picture
from ..rendering.metrics import Alike, Likeness, Psnr
from ..rendering.views import Views, find, wanted
from ..runtime import memory
from . import look

VIEWS, SIDE = 8, 480  # pixels of a picture, or of a square that has as many


@dataclass(frozen=True)
class Judged:
    """How alike the pictures of both are.

    Attributes:
        views: how many. around: where the cameras are, and which way is up.
        cameras_sha256: of what decides pixels.
        psnr: on black, on_white: on white, each in dB.
        worst: the foreground of the view that is least alike, on black; None where none differs.
        alpha_mae: mean absolute difference of opacity over all pixels.
    """

    views: int
    around: str
    cameras_sha256: str
    psnr: Psnr
    on_white: Psnr
    worst: float | None
    alpha_mae: float | None


def from_where(cloud: GaussianCloud, name: str, given: Sequence[Camera] | None) -> Views:
    """The cameras of an orbit, or some of those given."""
    if given is None:
        found = find(wanted(VIEWS, SIDE), cloud, name)
        structured.release_pages(cloud.rows)
        memory.give_back()  # what told which way is up
        return found
    some = tuple(look.small(given, VIEWS, SIDE * SIDE))
    return Views(some, digest(some), None, wanted())


class Judge:
    """Draws scenes beside one that they are to look like.

    Args:
        cloud: that one. name: what messages call it. views: from where. engine: what draws.
        several: whether several are judged: the pictures of the one are kept then, 4 MB each, and what
            they are drawn in is let go of.
    """

    def __init__(
        self, cloud: GaussianCloud, name: str, views: Views, engine: Chosen, *, several: bool = False
    ) -> None:
        self.views, self._name, self._engine = views, name, engine
        self._scene: Drawable | None = look.drawn(cloud, name, engine)
        self._several = several
        self._kept: tuple[Picture, ...] = ()

    def of(self, simplified: GaussianCloud, advance: Callable[[int], Any]) -> Judged:
        """Draw both from all views, and say how alike they look."""
        one = look.drawn(simplified, self._name, self._engine)
        black, white = Likeness(ssim=False), Likeness(ssim=False)
        for camera, there in zip(self.views.cameras, self._pictures(), strict=True):
            here = one.draw(camera)
            black.add_drawn(camera.name, here, there, look.BLACK)
            white.add_drawn(camera.name, here, there, look.WHITE)
            advance(1)
        return _judged(black.alike(), white.alike(), self.views)

    def _pictures(self) -> Iterator[Picture]:
        """Those of the one, view by view."""
        if self._scene is None:
            yield from self._kept
            return
        kept = []
        for camera in self.views.cameras:
            picture = self._scene.draw(camera)
            if self._several:
                kept.append(picture)
            yield picture
        if self._several:
            self._scene, self._kept = None, tuple(kept)

    def stage(self, simplified: GaussianCloud, timings: Timings, track: Track) -> Judged:
        """`of`, as a stage of its own."""
        with timings.stage("judge"), track("comparing", len(self.views.cameras), "views") as advance:
            return self.of(simplified, advance)


def _judged(black: Alike, white: Alike, views: Views) -> Judged:
    each = [view.foreground for view in black.views if view.foreground is not None]
    around = "from the cameras of the file" if views.up is None else f"around it; {views.told}"
    return Judged(
        len(views.cameras),
        around,
        views.sha256,
        black.psnr,
        white.psnr,
        min(each, default=None),
        black.alpha_mae,
    )
