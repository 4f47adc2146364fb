"""A look at a scene: small pictures from a few cameras, and how much of each Gaussian they show.

From some of the cameras there are halves of larger pictures too: how large merged Gaussians had best be does
not show in small ones, in which every edge is blurred.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cameras import Camera, around
from ..cameras.orbit import stride
from ..cloud import GaussianCloud
from ..kernels import images
from ..progress import Timings, Track
from ..rasterizers import Chosen, Drawable, Picture
from ..runtime import memory
from ..splats import Splats

Array = npt.NDArray[Any]

SIDE = 160  # pixels: of a picture, or of a square that has as many
VIEWS, FEW = 10, 8  # how many, where less than `PART` of the rows stay, and where more do
PART = 0.4
FROM_FILE = 24  # how many of the cameras of a file
LARGE, LARGE_SIDE = 4, 400  # how many larger pictures, and the pixels of which half of them are
DAMPING = 2.0  # pixels that a row is taken to fill beside those it does
BOLDEST = 0.5  # change of a colour
BACKGROUNDS = BLACK, WHITE = 0.0, 1.0  # greys


@dataclass(frozen=True)
class Look:
    """Pictures of a scene.

    Attributes:
        cloud: the scene. name: what messages call it.
        cameras: where they are from. pictures: what they show.
        seen: (N,) pixels that each Gaussian fills in all of them, by its weight.
        engine: what drew them, which draws whatever is held to them.
    """

    cloud: GaussianCloud
    name: str
    cameras: tuple[Camera, ...]
    pictures: tuple[Picture, ...]
    seen: Array
    engine: Chosen

    @cached_property
    def large(self) -> tuple[tuple[Camera, Picture], ...]:
        """Some of the cameras with halves of larger pictures, and what these show: drawn when asked for."""
        scene = drawn(self.cloud, self.name, self.engine)
        return tuple((camera, scene.draw(camera)) for camera in enlarged(self.cameras))

    @classmethod
    def at(
        cls,
        cloud: GaussianCloud,
        name: str,
        cameras: Sequence[Camera],
        engine: Chosen,
        advance: Callable[[int], object],
    ) -> Look:
        """Look at a scene."""
        scene, seen, pictures = drawn(cloud, name, engine), np.zeros(len(cloud)), []
        for camera in cameras:
            picture, weights = scene.weigh(camera)
            seen += weights
            pictures.append(picture)
            advance(1)
        return cls(cloud, name, tuple(cameras), tuple(pictures), seen, engine)

    def error(self, scene: Drawable) -> float:
        """How far another scene looks from this: the squared differences of the large pictures.

        Summed up on black and on white.
        """
        total = 0.0
        for camera, wanted in self.large:
            found = scene.draw(camera)
            assert found.color is not None
            assert wanted.color is not None
            pair = found.color, wanted.color, found.alpha, wanted.alpha
            total += sum(images.errors(*pair, behind=behind).squares for behind in BACKGROUNDS)
        return total

    def corrections(self, scene: Drawable, count: int) -> Array:
        """(N, 3) by how much the colours of a scene of `count` rows are to change to look more like this.

        One step of least squares, each row for itself as if the others followed: the mean of what is missing
        in its pixels, by its weight there.
        """
        sums = np.zeros((count, 4))
        for camera, wanted in zip(self.cameras, self.pictures, strict=True):
            sums += scene.share(camera, lambda found, wanted=wanted: _missing(found, wanted))[1]  # type: ignore[misc]
        change: Array = np.clip(sums[:, :3] / (sums[:, 3:] + DAMPING), -BOLDEST, BOLDEST)
        return change / fields.SH_C0


def drawn(cloud: GaussianCloud, name: str, engine: Chosen) -> Drawable:
    """A scene that is ready to be drawn, from several cameras."""
    scene = engine.prepare(Splats.of(cloud, name))
    scene.keep_room()
    return scene


def taken(
    cloud: GaussianCloud,
    name: str,
    cameras: Sequence[Camera],
    engine: Chosen,
    timings: Timings,
    track: Track,
) -> Look | None:
    """A look at a scene from the cameras of `from_where`; None from none."""
    if not cameras:
        return None
    with timings.stage("look"), track("looking", len(cameras), "views") as advance:
        found = Look.at(cloud, name, cameras, engine, advance)
        memory.give_back()  # what views were drawn in
        return found


def from_where(
    cloud: GaussianCloud, given: Sequence[Camera] | None, views: int | None, count: int
) -> list[Camera]:
    """The cameras of a look at a scene of which `count` rows are to stay.

    Args:
        given: those of a file; None for all around. views: how many; None for as many as it takes.
    """
    if views == 0:
        return []
    if given is not None:
        return small(given, views or FROM_FILE, SIDE * SIDE)
    few = count >= PART * len(cloud)
    return around(cloud[stride(len(cloud))].xyz, views or (FEW if few else VIEWS), SIDE)


def small(cameras: Sequence[Camera], views: int, pixels: int) -> list[Camera]:
    """Some of these cameras, evenly spread, with pictures of so many pixels at most."""
    return [
        camera.resized(*_sides(camera, min(pixels, camera.width * camera.height)))
        for camera in _spread(cameras, views)
    ]


def enlarged(cameras: Sequence[Camera]) -> list[Camera]:
    """Some of the cameras of a look, with larger pictures: the right half, the left, the lower, the upper."""
    large = [camera.resized(*_sides(camera, LARGE_SIDE * LARGE_SIDE)) for camera in _spread(cameras, LARGE)]
    return [half(camera, place % 4) for place, camera in enumerate(large)]


def half(camera: Camera, which: int) -> Camera:
    """The right half of a picture, the left, the lower or the upper; of odd sides they share a line."""
    wide, tall = camera.width, camera.height
    if which < 2:
        return replace(camera, width=wide - wide // 2, cx=camera.cx - (1 - which) * (wide // 2))
    return replace(camera, height=tall - tall // 2, cy=camera.cy - (3 - which) * (tall // 2))


def _spread(cameras: Sequence[Camera], views: int) -> list[Camera]:
    """So many cameras at most, evenly spread."""
    count = min(views, len(cameras))
    return [cameras[(2 * i + 1) * len(cameras) // (2 * count)] for i in range(count)]


def _sides(camera: Camera, pixels: int) -> tuple[int, int]:
    """Width and height of so many pixels, in the proportions of a camera's."""
    part = (pixels / (camera.width * camera.height)) ** 0.5
    return max(1, round(camera.width * part)), max(1, round(camera.height * part))


def _missing(found: Picture, wanted: Picture) -> Array:
    """What is missing in a picture, and how much of each pixel is filled."""
    assert found.alpha is not None
    return np.concatenate([_black(wanted) - _black(found), found.alpha[..., None]], axis=2)


def _black(picture: Picture) -> Array:
    assert picture.color is not None
    return picture.color.clip(0, 1)
