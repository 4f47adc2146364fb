"""A scene at a glance, for its page: a few small pictures from around it, and how its columns are spread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import colors, fields, rasterizers
from ..cameras import Camera, turntable, upright
from ..cameras.orbit import FRONT, stride
from ..cameras.upright import Up
from ..cloud import GaussianCloud
from ..errors import EngineUnavailable, InputError, UsageError
from ..files import upwards
from ..kernels import colormap, raster, structured
from ..kernels.distributions import Distribution
from ..progress import Track, silent
from ..results.shown import shown
from ..splats import Splats
from . import pictures

__all__ = ["Glance"]

Array = npt.NDArray[Any]

TURNS = 3  # pictures, a circle
PIXELS, SMALL = 576, 72  # edges of a picture, and of the small one; one divides the other
MOST = 8_000_000  # rows that are drawn: 70 bytes each, beside what is read


@shown
@dataclass(frozen=True)
class Glance:
    """What a page shows of a scene beside its numbers.

    Attributes:
        columns: of each column that holds one number a row, the name and how its values are spread.
        pictures: on black from `TURNS` sides, a little above the horizon, as WebP; the first is from
            the side that ``gscli render`` draws. Empty where there is nothing to look at.
        thumbnail: the first of them in small, as PNG; None where there is none.
        up: which way is up; None without pictures.
        drawn: what is seen: ``Gaussians``, ``X-rays`` or ``points``.
        why: why it is points, or why there are no pictures; empty where Gaussians are drawn.
        every: one row in so many is drawn.
    """

    columns: tuple[tuple[str, Distribution], ...]
    pictures: tuple[bytes, ...] = field(default=(), repr=False)
    thumbnail: bytes | None = field(default=None, repr=False)
    up: Up | None = None
    drawn: str = "points"
    why: str = ""
    every: int = 1

    def _facts(self) -> dict[str, object]:
        return {"pictures": len(self.pictures), "of": self.drawn}


def refuse_up(up: str | None, *, asked: bool) -> None:
    """Refuse a direction that is none, or that has no effect as no pictures are `asked` for.

    Raises:
        UsageError: see above.
    """
    if up is not None and not asked:
        raise UsageError("`up` has no effect where no page is written", remedy="drop it")
    if up is not None:
        upwards.require(up)


def at(
    cloud: GaussianCloud,
    columns: tuple[tuple[str, Distribution], ...],
    *,
    up: str | None = None,
    track: Track = silent,
) -> Glance:
    """Look at a scene: at its Gaussians as its trainer draws them, or else at its points.

    Args:
        columns: as of `Glance`. up: one of `gscli.files.upwards.NAMES`. track: told of each picture.
    """
    way = upright.up(cloud, up or upwards.AUTO)
    around = cloud[stride(len(cloud))].xyz
    try:
        cameras = turntable(around, TURNS, FRONT[1:], PIXELS, PIXELS, up=way.vector)
    except InputError as error:
        return Glance(columns, why=error.what)
    step = -(-len(cloud) // MOST)
    some = cloud if step == 1 else replace(cloud, rows=structured.every(cloud.rows, step))
    try:
        draw, drawn, why = _of_gaussians(some), "Gaussians", ""
    except (InputError, EngineUnavailable) as refused:
        draw, drawn, why = _of_points(some), "points", refused.what
    images = []
    with track("rendering", len(cameras), "views") as advance:
        for camera in cameras:
            images.append(draw(camera))
            advance(1)
    structured.release_pages(cloud.rows)
    if images[0].ndim == 2:
        drawn, brightest = "X-rays", max(float(image.max()) for image in images)
        images = [image / np.float32(brightest or 1.0) for image in images]
    cells = (SMALL, PIXELS // SMALL, SMALL, PIXELS // SMALL)
    small = images[0].clip(0, 1).reshape(*cells, -1).mean((1, 3)).squeeze()
    return Glance(
        columns,
        tuple(pictures.encoded(image, "rgb", ".webp") for image in images),
        pictures.encoded(small, "rgb", ".png"),
        way,
        drawn,
        why,
        step,
    )


def _of_gaussians(cloud: GaussianCloud) -> Callable[[Camera], Array]:
    """What gives the picture of a camera, as `_of_points` does, or (H, W) what rays lose.

    Raises:
        InputError: no 3D Gaussians with colours or densities. EngineUnavailable: nothing draws them here.
    """
    scene = rasterizers.chosen(rasterizers.ON_CPU).prepare(Splats.of(cloud).require_looks(""))
    return lambda camera: scene.draw(camera).seen


def _of_points(cloud: GaussianCloud) -> Callable[[Camera], Array]:
    """What gives the picture of a camera, (H, W, 3) on black, 0 to 1: of each pixel the nearest point."""
    xyz = cloud.columns(fields.POSITION).astype(np.float64)
    colours = colors.of_rows(cloud)

    def draw(camera: Camera) -> Array:
        pose = camera.world_to_camera[:3]
        with np.errstate(all="ignore"):
            x, y, depth = ((a * xyz[0] + b * xyz[1]) + c * xyz[2] + shift for a, b, c, shift in pose)
            depth[~(depth > camera.near)] = np.nan
            across, down = camera.fx * x / depth + camera.cx, camera.fy * y / depth + camera.cy
        size = (camera.width, camera.height)
        seen = raster.nearest(across, down, depth, size, raster.dot(len(cloud)))
        image = np.zeros((*seen.shape, 3), np.float32)
        there = seen >= 0
        rows = seen[there]
        image[there] = _shaded(depth, rows) if colours is None else colours(rows)
        return image

    return draw


def _shaded(depth: Array, rows: Array) -> Array:
    """(K, 3) the calm colours of pages: what is near is light."""
    found = depth[rows]
    near, far = np.quantile(found, [pictures.STRAY, 1 - pictures.STRAY]) if len(found) else (0.0, 1.0)
    levels = ((found - near) / ((far - near) or 1.0)).clip(0, 1) * (colormap.CALM - 1)
    palette: Array = colormap.judging_palette()[levels.astype(int)] / 255
    return palette
