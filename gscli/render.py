"""Pictures of a scene of Gaussians, from anywhere, without a GPU or on one: what ``gscli render`` does."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from . import arguments, files, given, placing, rasterizers
from . import device as devices
from .cameras import Camera
from .cloud import GaussianCloud
from .errors import UsageError, did_you_mean
from .files import temporaries, writing
from .given import Given
from .kernels import parallel
from .progress import Timings, Track, silent
from .rendering import MODES, pictures
from .rendering.result import Rendered as Rendered
from .rendering.result import Shot as Shot
from .rendering.targets import Target
from .rendering.views import find, unseen, wanted
from .splats import DENSITY, Splats

__all__ = ["Rendered", "Shot", "render"]


def render(
    source: Given,
    output: str | os.PathLike[str],
    *,
    views: int | None = None,
    size: str | Sequence[int] | int | None = None,
    cameras: str | os.PathLike[str] | None = None,
    camera: str | int | None = None,
    mode: str | None = None,
    background: str | None = None,
    up: str | None = None,
    fov: float | None = None,
    near: float | None = None,
    file_type: str | None = None,
    rasterizer: str = "auto",
    device: str = "cpu",
    overwrite: bool = False,
    trust_pickle: bool = False,
    axes: str | None = None,
    also_written: Sequence[str] = (),
    track: Track = silent,
) -> Rendered:
    """Draw a scene as its trainer would, one picture or one from each of several cameras.

    Args:
        source: a file, ``-`` for stdin, a cloud, or what `gscli.in_memory.as_cloud` makes one of.
        output: a picture (``.png``, ``.webp``, ``.jpg``, or ``.npy`` for float32), ``-`` for a PNG to stdout,
            or a folder for one of each camera, called by its name.
        views: how many cameras on an orbit around the scene; default one for a picture and 12 for a folder.
        size: pixels, ``(1280, 720)`` or ``1280x720``; of an orbit 800 x 800, of a camera file as it says. A
            width alone makes squares of the one and keeps the proportions of the other.
        cameras: a file of cameras instead of an orbit; see `gscli.cameras.files`. camera: one of them, by its
            name or its number from 0 on.
        mode: ``rgb``; ``alpha``, how opaque; ``depth``, how far what is seen lies; or ``xray``, what rays
            lose on their way. The default is what the scene holds, colours or densities.
        background: of colours; see `gscli.rendering.pictures.background`. The default is black.
        up: which way is up; see `gscli.cameras.upright`. fov: degrees that the narrower side sees; default
            50. near: what is no farther is not drawn, in scene units; default 2 % of an orbit's distance, of
            camera files .2.
        file_type: of the pictures in a folder, as ``png``, which is the default.
        rasterizer: how to draw, one of `gscli.rasterizers.RASTERIZERS`, or ``auto``. device: where.
        overwrite: whether files may be replaced. also_written: paths that the caller is going to write.
        trust_pickle, axes: see `gscli.formats.read`. track: told how far it is; see `gscli.progress.Track`.

    Raises:
        InputError: a scene or cameras that cannot be read, or a scene that is no 3D Gaussians.
        UsageError: an option that cannot be honoured or has no effect.
        EngineUnavailable: what the engine needs is missing.
    """
    arguments.require_paths(output=output)
    arguments.require_flags(overwrite=overwrite)
    asked = wanted(views, size, cameras, camera, up, fov, near)
    if mode is not None and mode not in MODES:
        raise UsageError(f"`mode` {mode!r} is none there is", remedy=did_you_mean(str(mode), MODES))
    if background is not None and mode not in (None, "rgb"):
        raise UsageError(f"`background` has no effect with `mode={mode!r}`", remedy="drop one")
    behind = pictures.background(background or "black")
    target = Target.of(output, file_type, transparent=behind.color is None)
    if not target.folder and (views or 1) > 1:
        what = f"`views` asks for {views:,} pictures, and {target.name} is one"
        raise UsageError(what, remedy="name a folder")
    where = devices.resolve(device)
    engine = rasterizers.chosen(rasterizer, where)
    rasterizers.require_effect(engine, where)
    scenes = given.opened(source)
    read = given.paths(scenes)
    read += [Path(path) for path in (cameras,) if path is not None]
    if not target.folder:
        writing.check_outputs([target.path, *also_written], overwrite=overwrite, sources=read)
    timings = Timings()
    with timings.stage("read", track):
        (cloud,), (name,) = given.read(scenes, trust_pickle=trust_pickle, axes=axes)
        splats, mode = _splats(cloud, name, mode)
        if background is not None and mode != "rgb":
            raise UsageError(
                f"`background` has no effect on X-rays, which {name} is seen by", remedy="drop it"
            )
        found = find(asked, cloud, name, single=not target.folder)
        found.require_for(splats)
        load = placing.Load(drawn=len(splats) * len(found.cameras), cpu=engine.only_cpu(rasterizer))
        place = placing.settled(device, where, load)
        engine = rasterizers.chosen(rasterizer, place.device)
        scene = engine.prepare(splats)
    paths = target.paths(found.cameras, asked.path or name)
    if target.folder:
        writing.check_outputs(
            [*paths, *also_written], overwrite=overwrite, will_be_made=[target.path], sources=read
        )
    shots = []

    def drawn() -> Iterator[tuple[Camera, str, npt.NDArray[Any], float]]:
        for shot_of, path in zip(found.cameras, paths, strict=True):
            with timings.stage("draw"):
                picture = scene.draw(shot_of, depth=mode == "depth")
                seen = float(np.count_nonzero(picture.solid) / picture.solid.size)
                values = pictures.shown(picture, mode, behind)
            yield shot_of, path, values, seen

    def save(made: tuple[Camera, str, npt.NDArray[Any], float]) -> Shot:
        shot_of, path, values, seen = made
        data = pictures.encoded(values, mode, target.suffix)
        with writing.replacing(path, overwrite=overwrite, sweep=not target.folder) as stream:
            stream.write(data)
        size = (shot_of.width, shot_of.height)
        return Shot(files.display_output(path), shot_of.name, *size, pictures.span(values, mode), seen)

    start = time.perf_counter()
    with (
        writing.making([target.path] if target.folder else []),
        track("rendering", len(paths), "views") as advance,
    ):
        if target.folder:
            temporaries.sweep(Path(target.path), [os.path.basename(path) for path in paths])
        for shot in parallel.in_order(save, drawn()):  # one is written while the next is drawn
            shots.append(shot)
            advance(1)
    timings["write"] = time.perf_counter() - start - timings["draw"]
    return Rendered(
        name,
        cloud.header.format,
        len(cloud),
        mode,
        behind.name,
        engine.name,
        found.sha256,
        None if found.up is None else f"{found.up.way}, {found.up.why}",
        tuple(shots),
        notes=(*cloud.header.notes, *place.notes, *_notes(shots, mode, target.suffix)),
        timings=timings,
        options={
            "mode": mode,
            "background": behind.name if mode == "rgb" else None,
            **found.to_dict(),
            "rasterizer": rasterizer,
            "axes": axes,
        },
    )


def _splats(cloud: GaussianCloud, name: str, mode: str | None) -> tuple[Splats, str]:
    """What is drawn of a scene, and the mode that is."""
    splats = Splats.of(cloud, name, xray=None if mode is None else mode == "xray")
    found = mode or ("xray" if splats.xray else "rgb")
    if found == "rgb" or not len(splats):
        other = "xray" if DENSITY in cloud.fields else "alpha"
        splats.require_looks(name, remedy=f"render it with `mode={other!r}`")
    return splats, found


def _notes(shots: Sequence[Shot], mode: str, suffix: str) -> Iterator[str]:
    yield from unseen(sum(not shot.seen for shot in shots), len(shots))
    if mode in ("xray", "depth") and suffix != pictures.NUMBERS and len(shots) > 1:
        yield "each picture has a scale of its own, which the JSON gives as span; .npy keeps the numbers"
