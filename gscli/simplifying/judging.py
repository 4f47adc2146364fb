"""How a simplified scene looks beside what it was, from other cameras than it was looked at from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..cameras import Camera, digest
from ..cloud import GaussianCloud
from ..rendering.metrics import Alike, Likeness, Psnr
from ..rendering.views import Views, find, wanted
from . import look

VIEWS, SIDE = 12, 480  # pixels of a picture, or of a square that has as many


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
        return find(wanted(VIEWS, SIDE), cloud, name)
    some = tuple(look.small(given, VIEWS, SIDE * SIDE))
    return Views(some, digest(some), None, wanted())


def judge(
    simplified: GaussianCloud, cloud: GaussianCloud, name: str, views: Views, advance: Callable[[int], Any]
) -> Judged:
    """Draw both from all views, and say how alike they look."""
    one, other = look.drawn(simplified, name), look.drawn(cloud, name)
    black, white = Likeness(ssim=False), Likeness(ssim=False)
    for camera in views.cameras:
        here, there = one.draw(camera), other.draw(camera)
        assert here.color is not None
        assert there.color is not None
        black.add(camera.name, here.color, here.alpha, there.color, there.alpha)
        on_white = here.over(look.WHITE), there.over(look.WHITE)
        white.add(camera.name, on_white[0], here.alpha, on_white[1], there.alpha)
        advance(1)
    found: Alike = black.alike()
    each = [view.foreground for view in found.views if view.foreground is not None]
    around = "from the cameras of the file" if views.up is None else f"around it; {views.told}"
    return Judged(
        len(views.cameras),
        around,
        views.sha256,
        found.psnr,
        white.alike().psnr,
        min(each, default=None),
        found.alpha_mae,
    )
