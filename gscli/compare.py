"""How far two scenes disagree, exactly, and how alike they look: what ``gscli compare`` does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy.typing as npt

from . import arguments, given, placing
from . import device as devices
from .aligning.judged import laid_on
from .comparing import drawn, gates, options, paint, pairing
from .comparing import m3c2_options as along_normals
from .comparing.asked import Asked, thresholds
from .comparing.clouds import with_clouds, write_distances
from .comparing.measured import measured
from .comparing.result import Compared as Compared
from .comparing.result import Evidence, Input
from .comparing.two import Two
from .files import writing
from .formats import Target
from .given import Given
from .kernels import registration
from .motions.transform import Transform
from .progress import Timings, Track, silent
from .rendering.views import VIEWS, Views, wanted

__all__ = ["Compared", "Evidence", "Input", "compare"]


def compare(
    source: Given,
    target: Given,
    *,
    threshold: float | str | Sequence[float | str] | None = None,
    pair: str | None = None,
    gaussians: bool = True,
    transform: str | os.PathLike[str] | npt.ArrayLike | None = None,
    align: bool | str = False,
    max_queries: int | None = None,
    m3c2: str | Sequence[float | str] | None = None,
    m3c2_depth: float | str | None = None,
    registration_error: float | None = None,
    orientation: Sequence[float] | None = None,
    seed: int = 0,
    engine: str = "auto",
    memory_limit: int | str | None = None,
    device: str = "cpu",
    render: bool = False,
    views: int | None = None,
    size: str | Sequence[int] | int | None = None,
    cameras: str | os.PathLike[str] | None = None,
    up: str | None = None,
    fov: float | None = None,
    near: float | None = None,
    rasterizer: str = "auto",
    data_range: float | None = None,
    min_fitness: float | None = None,
    max_rmse: float | None = None,
    min_psnr: float | None = None,
    require: str | Sequence[str] = (),
    distances: str | os.PathLike[str] | None = None,
    colors: bool = False,
    overwrite: bool = False,
    allow_lossy: bool = False,
    trust_pickle: bool = False,
    axes: str | None = None,
    also_written: Sequence[str] = (),
    track: Track = silent,
) -> Compared:
    """Compare two scenes: their centres and, where both have them, their Gaussians.

    Args:
        source: the scene to judge; target: the reference. Each a file, ``-`` for stdin as one of them, a
            cloud, or what `gscli.in_memory.as_cloud` makes one of.
        threshold: how near counts as a match, or several such distances: scene units, or the target's
            ``2spacing``, which is the default.
        pair: which Gaussians to hold against each other: ``nearest`` (the default: each of the source
            with its nearest of the target), ``rows`` or ``index:FILE``; see `gscli.comparing.pairing`.
        gaussians: false compares centres alone.
        transform: a (4, 4) matrix to apply to the source first, or a JSON file of one.
        max_queries: ask at most so many points of each scene. The target is never thinned.
        m3c2: also measure along normals of the source: the radius around a point in which its normal is
            fitted, or several, and last that of the cylinder; lengths as of `threshold`, or ``0.5,0.25``;
            ``own,0.25`` takes normals of its columns, or else the shortest axes of Gaussians. Points asked
            are core points. m3c2_depth: how far the cylinder reaches to either side; default 5 of its radii.
            registration_error: a standard deviation, in scene units; default 0. orientation: what normals
            point along; default (0, 0, 1). See `gscli.comparing.m3c2.M3C2`.
        align: first find where the source has to be moved to lie on the target, from `transform` on if there
            is one: True, or ``scaled`` if lengths may change too; see `gscli.align`.
        seed: of every sample. engine: one of `gscli.neighbors.ENGINES`, or ``auto``.
        memory_limit: what the process may take, in bytes or as ``2GB``; a large cloud is cut, with the
            same result.
        device: see `gscli.device.NAMES`, ``cuda:1`` for one of several GPUs.
        render: also draw both from the same cameras and compare the pictures. views, size, cameras, up, fov,
            near: from where, as of `gscli.render.render`; an orbit goes around the target. rasterizer: how to
            draw, one of `gscli.rasterizers.RASTERIZERS`, or ``auto``. data_range: what X-rays span; default
            the largest value of the target's.
        min_fitness, max_rmse: gates on the first threshold. min_psnr: on the mean PSNR of renders, in dB.
            require: another or several, as in `gscli.comparing.gates`.
        distances: also write the source, every field as stored, with a column ``distance``, and with what
            M3C2 found, if asked for.
        colors: paint it by distance, up to `color_top`; see `gscli.comparing.paint`.
        overwrite, allow_lossy: about `distances`; see `gscli.formats.write`. track: told how far it is.
        trust_pickle, axes: see `gscli.formats.read`. also_written: paths that the caller is going to write.

    Raises:
        InputError: a file that cannot be read, an empty scene, or coordinates that are not finite.
        UsageError: an option that cannot be honoured or has no effect.
        EngineUnavailable: the engine's library or device is missing.
    """
    arguments.require_paths(optional=True, distances=distances)
    arguments.require_flags(gaussians=gaussians, colors=colors, overwrite=overwrite, allow_lossy=allow_lossy)
    arguments.require_flags(render=render)
    seen_from = wanted(views, size, cameras, None, up, fov, near)
    scenes = given.opened(source, target)
    output = None if distances is None else Target.of(distances, overwrite=overwrite, allow_lossy=allow_lossy)
    paint.check_options(
        output,
        colors=colors,
        allow_lossy=allow_lossy,
        sampled=max_queries is not None,
        in_pieces=memory_limit is not None,
    )
    index = None if pair is None else pairing.parse(pair).path
    read = given.paths(scenes)
    read += [Path(path) for path in (transform, index, cameras) if isinstance(path, (str, os.PathLike))]
    written = [*also_written, *([] if output is None else [output.path])]
    writing.check_outputs(written, overwrite=overwrite, sources=read)
    moved = None if transform is None else Transform.of(transform)
    where = devices.resolve(device)
    distinct = thresholds(threshold)
    memory = arguments.size(memory_limit, "memory_limit")
    asked = Asked(distinct, pair, gaussians, max_queries, seed, engine, memory, axes)
    options.check_align(align, memory)
    required = arguments.several(require, "require", (str,), "a limit, or several")
    limits = gates.limits(min_fitness, max_rmse, required, min_psnr)
    asked.check(limits)
    along = along_normals.asked(
        m3c2,
        m3c2_depth,
        registration_error,
        orientation,
        in_pieces=memory is not None,
        required=[limit.metric for limit in limits],
    )
    options.check_render(render, seen_from, rasterizer, data_range, limits, memory)
    asked.require_tiles(where)
    timings = Timings()
    with timings.stage("read", track):
        (a, b), (name, other) = given.read(scenes, trust_pickle=trust_pickle, axes=axes)
        two = Two((a, b), (name, other), (scenes[0].bytes, scenes[1].bytes), moved)
        along_normals.require_normals(along, a, name)
        drawings = (seen_from.count or VIEWS) * (len(a) + len(b)) if render else 0
        load = placing.Load(len(a) + len(b), drawings, (source, target), options.only_cpu(memory, engine))
        place = placing.settled(device, where, load)
    if align:
        with timings.stage("align"):
            two = _aligned(two, align == options.SCALED, seed, track)
    ready = None
    with timings.stage("read", track):
        if render:
            ready = drawn.prepare(
                two.clouds,
                two.names,
                seen_from,
                rasterizer,
                two.moved,
                data_range=data_range,
                where=place.device,
            )
    result = measured(two, asked, where=place.device, timings=timings, track=track)
    result = replace(result, notes=(*result.notes, *place.notes))
    result.options.update(align=align, m3c2=None, render=None)
    if memory is None:
        result = with_clouds(result, along, track)
    if ready is not None:
        result.options.update(render=_drawn_by(ready.views, rasterizer, data_range))
        result = _with_looks(result, ready, track)
    if align and two.moved is not None:
        told = f"aligned: the source is {registration.told(two.moved.matrix)}"
        result = replace(result, notes=(*result.notes, told))
    found = result.numbers()
    result = replace(result, gates=tuple(gates.check(limit, found) for limit in limits))
    if output is not None:
        with timings.stage("write", track):
            write_distances(output, a, result, colors)
    return result


def _aligned(two: Two, scaled: bool, seed: int, track: Track) -> Two:
    """The same scenes, the source moved onto the target, from where it is."""
    start = None if two.moved is None else two.moved.matrix
    found = laid_on(*two.clouds, two.names, scaled=scaled, start=start, seed=seed, track=track)
    return replace(two, moved=Transform(found.motion.matrix))


def _with_looks(result: Compared, ready: drawn.Ready, track: Track) -> Compared:
    """A result with how alike both scenes look."""
    assert result.evidence is not None
    names = result.source.path, result.target.path
    with (
        result.timings.stage("render"),
        track("rendering", len(ready.views.cameras), "views") as advance,
    ):
        seen, worst = drawn.measure(ready, names, advance)
    return replace(result, render=seen, evidence=replace(result.evidence, pictures=worst))


def _drawn_by(views: Views, rasterizer: str, data_range: float | None) -> dict[str, Any]:
    """The options of renders, as reports hold them."""
    told = {name: value for name, value in views.to_dict().items() if name != "camera"}
    return {**told, "rasterizer": rasterizer, "data_range": data_range}
