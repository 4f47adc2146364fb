"""A scene, or two side by side, from all around: the frames of a page that is turned by dragging."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from . import arguments, given, placing, rasterizers
from . import device as devices
from .cameras import FOV, digest, turntable, upright
from .cameras.orbit import stride
from .errors import UsageError, naming
from .files import upwards, writing
from .given import Given
from .kernels import images, parallel
from .progress import Timings, Track, silent
from .rasterizers import Picture
from .rendering import pictures
from .rendering.viewed import BRIGHTER, ViewedScene
from .rendering.viewed import Viewed as Viewed
from .rendering.views import unseen, wanted
from .splats import Splats

__all__ = ["Viewed", "view"]

TURNS = 36
RISES = (0.2, 0.55)  # sines of the elevations
SIZE = 560

Array = npt.NDArray[np.float32]


def view(
    scenes: Given | Sequence[Given],
    *,
    turns: int = TURNS,
    size: str | Sequence[int] | int | None = None,
    background: str = "black",
    up: str | None = None,
    fov: float | None = None,
    near: float | None = None,
    rasterizer: str = "auto",
    device: str = "cpu",
    trust_pickle: bool = False,
    axes: str | None = None,
    also_written: Sequence[str] = (),
    overwrite: bool = False,
    track: Track = silent,
) -> Viewed:
    """Draw a scene from all around, at two elevations; with a reference, both and their difference.

    Args:
        scenes: one or two, each a file, ``-`` for stdin, or a cloud. The second is the reference: cameras go
            around that, then.
        turns: frames to a circle, 4 to 360.
        size: pixels, as of `gscli.render.render`; default 560 x 560.
        background: of colours, see `gscli.rendering.pictures.background`; not ``transparent``.
        up, fov, near, rasterizer, device: as of `gscli.render.render`.
        trust_pickle, axes: see `gscli.formats.read`.
        also_written: paths that the caller is going to write. overwrite: whether it may replace files.
        track: told how far it is; see `gscli.progress.Track`.

    Raises:
        InputError: a scene that cannot be read or is no 3D Gaussians, or colours beside densities.
        UsageError: an option that cannot be honoured. EngineUnavailable: the engine cannot run here.
    """
    arguments.require_flags(overwrite=overwrite)
    asked = wanted(None, SIZE if size is None else size, None, None, up, fov, near)
    if not arguments.is_whole(turns) or not 4 <= turns <= 360:
        raise UsageError(f"`turns` must be a whole number from 4 to 360, not {arguments.told(turns)}")
    behind = pictures.background(background)
    if behind.color is None:
        raise UsageError("`background` of a page cannot be transparent", remedy="choose a colour")
    where = devices.resolve(device)
    engine = rasterizers.chosen(rasterizer, where)
    rasterizers.require_effect(engine, where)
    several: list[Any] = list(scenes) if isinstance(scenes, (list, tuple)) else [scenes]
    if not 1 <= len(several) <= 2:
        raise UsageError(f"a page shows one scene or two, not {len(several)}")
    files = given.opened(*several)
    writing.check_outputs(also_written, overwrite=overwrite, sources=given.paths(files))
    timings = Timings()
    with timings.stage("read", track):
        clouds, names = given.read(files, trust_pickle=trust_pickle, axes=axes)
        splats = [Splats.of(c, name).require_looks(name) for c, name in zip(clouds, names, strict=True)]
        splats[0].require_kind_of(splats[-1], (names[0], names[-1]))
        direction = upright.up(clouds[-1], asked.up or upwards.AUTO)
        assert asked.size is not None
        width, height = asked.size[0], asked.size[1] or asked.size[0]
        with naming(names[-1]):
            around = clouds[-1][stride(len(clouds[-1]))].xyz
            cameras = turntable(
                around, turns, RISES, width, height, up=direction.vector, fov=asked.fov or FOV
            )
        if asked.near is not None:
            cameras = [replace(camera, near=float(asked.near)) for camera in cameras]
        load = placing.Load(drawn=sum(map(len, splats)) * len(cameras), cpu=engine.only_cpu(rasterizer))
        place = placing.settled(device, where, load)
        engine = rasterizers.chosen(rasterizer, place.device)
        drawn = [engine.prepare(each) for each in splats]
    brightest = 1.0
    if splats[0].xray:
        brightest = max(
            float(each.draw(camera).seen.max()) for each in drawn for camera in cameras[:: turns // 4]
        )

    blind = 0

    def frames() -> Iterator[list[Array]]:
        nonlocal blind
        for camera in cameras:
            with timings.stage("draw"):
                found = [each.draw(camera) for each in drawn]
                blind += not any(np.any(picture.solid) for picture in found)
                yield [_seen(picture, behind, brightest) for picture in found]

    panels: list[list[bytes]] = [[] for _ in range(1 if len(drawn) == 1 else 3)]
    psnr: list[float | None] = []
    with track("rendering", len(cameras), "views") as advance:
        for found, decibels in parallel.in_order(_encoded, frames()):
            for panel, frame in zip(panels, found, strict=True):
                panel.append(frame)
            psnr += decibels
            advance(1)
    shown = (
        ViewedScene(name, cloud.header.format, len(cloud), file.bytes)
        for name, cloud, file in zip(names, clouds, files, strict=True)
    )
    return Viewed(
        tuple(shown),
        turns,
        RISES,
        width,
        height,
        f"{direction.way}, {direction.why}",
        engine.name,
        splats[0].xray,
        digest(cameras),
        tuple(map(tuple, panels)),
        tuple(psnr),
        notes=(
            *(note for cloud in clouds for note in cloud.header.notes),
            *place.notes,
            *unseen(blind, len(cameras)),
        ),
        timings=timings,
        options={
            "turns": turns,
            "size": [width, height],
            "background": None if splats[0].xray else behind.name,
            "up": direction.way,
            "fov": asked.fov or FOV,
            "near": near,
            "rasterizer": rasterizer,
            "axes": axes,
        },
    )


def _seen(picture: Picture, behind: pictures.Background, brightest: float) -> Array:
    """What a frame shows, 0 to 1."""
    if picture.xray is not None:
        gray: Array = (picture.xray / np.float32(brightest or 1)).clip(0, 1)
        return gray
    assert behind.color is not None
    color: Array = picture.over(behind.color).clip(0, 1)
    return color


def _encoded(found: list[Array]) -> tuple[list[bytes], list[float | None]]:
    """The frames of a view and, of two scenes, their difference; and how far these are apart."""
    shown = found
    decibels: list[float | None] = []
    if len(found) == 2:
        apart = np.abs(found[0] - found[1])
        shown = [*found, (apart * BRIGHTER).clip(0, 1)]
        decibels.append(images.psnr(float(np.mean(apart.astype(np.float64) ** 2)), 1.0))
    return [pictures.encoded(frame, "rgb", ".webp") for frame in shown], decibels
