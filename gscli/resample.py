"""Thin a scene cell by cell, every field intact: what ``gscli resample`` does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from . import arguments, given, placing
from . import device as devices
from .cloud import GaussianCloud
from .errors import UsageError, naming
from .files import writing
from .given import Given
from .grids.cache import GridCache
from .grids.figures import figures
from .grids.methods import DEFAULT
from .progress import Timings, Track, silent
from .resampling import cutting
from .resampling.asked import Asked
from .resampling.drawn import Draws
from .resampling.draws import Destination, check_draws, dangling, shared_out
from .resampling.result import Compensated as Compensated
from .resampling.result import Output as Output
from .resampling.result import Resampled as Resampled

__all__ = ["Output", "Resampled", "resample"]


def resample(
    source: Given,
    output: str | os.PathLike[str] | None = None,
    *,
    out_dir: str | os.PathLike[str] | None = None,
    method: str | Sequence[str] = DEFAULT,
    ratio: tuple[float, float] | None = None,
    min_per_cell: int | None = None,
    k: int | None = None,
    target: int | str | None = None,
    pick: str | None = None,
    compensate: str | None = None,
    seed: int | None = None,
    epoch: int | None = None,
    repeat: int | None = None,
    voxel_size: float | None = None,
    points_per_cell: float | None = None,
    origin: Sequence[float] | str | None = None,
    drop_invalid: bool | str = False,
    grid_file: str | None = None,
    index: str | os.PathLike[str] | None = None,
    trust_pickle: bool = False,
    axes: str | None = None,
    quality: str | None = None,
    device: str = "cpu",
    memory_limit: int | str | None = None,
    cache: GridCache | None = None,
    render: bool = False,
    overwrite: bool = False,
    allow_lossy: bool = False,
    also_written: Sequence[str] = (),
    track: Track = silent,
) -> Resampled:
    """Read a scene, group it into cells once, and make one or more draws from it.

    Args:
        source: a scene file or folder, ``-`` for stdin, a cloud, or what `gscli.in_memory.as_cloud` makes one
            of.
        output: the file or folder to write, or ``-`` for stdout; or give `out_dir`. With neither draws are
            clouds in memory: `Resampled.cloud`, or `Output.cloud` of each of several.
        out_dir: a folder for files named ``STEM.METHOD.eEPOCH.ply``; of a scene folder, for such folders.
        method: one of `gscli.grids.methods.NAMES`, or several with `out_dir`.
        ratio, min_per_cell, k, target, pick: see `gscli.grids.methods.Method`.
        compensate: ``opacity`` raises that of rows which stand for others of their cell: where k of n stay,
            each is as opaque as n / k like it, 1 - (1 - a)^(n / k). All else stays as it is.
        seed, epoch: default 0. repeat: draws per method, at epochs epoch, epoch + 1, ...; what draws nothing
            at random is drawn once, the same for every seed.
        voxel_size, points_per_cell, origin: see `VoxelGrid.from_points`.
        drop_invalid: leave rows with NaN or infinite positions out instead of refusing them (True, or
            ``rows``); with ``gaussians``, also Gaussians of which something else is not finite, or whose
            quaternion is zero, as `gscli.info` counts them.
        grid_file: take the cells from this grid file instead of a lattice; see `gscli.grids.grid_files`. A
            scene folder that has grids is cut by its own, unless an option asks for a lattice.
        index: also write the kept row numbers of the input as .npy; with `out_dir`, a folder of them. In
            memory they are `Output.rows`.
        trust_pickle: see `gscli.formats.read`.
        axes: those of `source` if it does not say and of what is written, as of `gscli.convert`.
        quality: that of what is written; see `gscli.formats.write`.
        device: ``cpu`` (NumPy), ``torch-cpu``, ``cuda`` or ``cuda:1``; the output is the same. ``auto`` is
            the CPU, which thins a file before a GPU has started.
        memory_limit: what the process may take, in bytes or as ``2GB``. A scene that needs more is cut in
            tiles, by way of temporary files in the folder of the first output; the output is the same.
        cache: where to keep grids between runs; None keeps none. Grids in tiles are not kept.
        render: also draw the scene and every draw from 12 cameras around the scene, and compare the pictures.
        overwrite: replace existing files.
        allow_lossy: whether what the output's format cannot hold may be lost.
        also_written: paths that the caller is going to write; no output may be one of them.
        track: told how far it is; see `gscli.progress.Track`.

    Raises:
        GscliError: with the exit code that fits; no output is left half written.
    """
    arguments.require_paths(optional=True, output=output, out_dir=out_dir, grid_file=grid_file, index=index)
    arguments.require_flags(render=render, overwrite=overwrite, allow_lossy=allow_lossy)
    (scene,) = given.opened(source)
    settings = {"ratio": ratio, "min_per_cell": min_per_cell, "k": k, "target": target, "pick": pick}
    settings["compensate"] = compensate
    asked = Asked.of(method, settings, drop_invalid, voxel_size, points_per_cell, origin)
    check_draws(seed, epoch, repeat)
    asked = replace(asked, memory=_memory(memory_limit, device, render))
    place = placing.settled(device, devices.resolve(device), placing.Load(cpu=placing.ON_CPU))
    asked = replace(asked, mapped=asked.mapping(scene, grid_file))
    to = Destination(output, out_dir, index, overwrite, allow_lossy, axes, quality)
    jobs = to.plan(scene, asked.chosen, epoch or 0, repeat or 1)
    read = [] if asked.mapped is None else [asked.mapped.path]
    to.check(jobs, [*given.paths([scene]), *read], also_written)

    timings = Timings()
    with timings.stage("read", track):
        targets = [job.target for job in jobs]
        (cloud,), (name,) = given.read([scene], trust_pickle=trust_pickle, axes=axes, to=targets)
        size = scene.bytes  # before it is replaced, perhaps
    _require(cloud, name, compensate, render)
    with ExitStack() as closing:
        with naming(name):
            cut = closing.enter_context(
                cutting.cut(
                    cloud,
                    asked.pick,
                    asked.shape,
                    drop=asked.drop,
                    mapped=asked.mapped,
                    where=place.device,
                    cache=cache,
                    budget=asked.budget(cloud, jobs),
                    beside=jobs[0].target.path,
                    timings=timings,
                    track=track,
                )
            )
            for each in asked.chosen:  # whatever may be refused is, before a folder is made
                each.total(cut.grid.points)
        draws = Draws(
            cloud, name, cut, seed or 0, asked.drop, place.device, render, overwrite, timings, track
        )
        with writing.making(to.folders), track("resampling", len(jobs) * len(cloud)) as advance:
            outputs = [draws.make(job, advance) for job in jobs]
    grid = figures(cut.grid)
    thinned = [job.target for job, made in zip(jobs, outputs, strict=True) if made.points < len(cloud)]
    shared = (shared_out(each, cut.grid) for each in asked.chosen)
    return Resampled(
        path=name,
        format=cloud.header.format,
        bytes=size,
        points=len(cloud),
        dropped=len(cloud) - grid.points,
        grid=grid,
        cache=cut.cache,
        outputs=tuple(outputs),
        device=devices.describe(place.device),
        timings=timings,
        notes=(
            *(*cloud.header.notes, *place.notes, *cut.notes),
            *filter(None, shared),
            *dangling(cloud, thinned),
        ),
        invalid=cut.flaws,
        options={
            **asked.options(),
            "repeat": repeat or 1,
            "axes": axes,
            "quality": quality,
            "memory_limit": asked.memory,
        },
    )


def _memory(limit: int | str | None, device: str, render: bool) -> int | None:
    """The memory limit in bytes, refused where it has no effect."""
    memory = arguments.size(limit, "memory_limit")
    if memory is not None and device not in ("cpu", devices.AUTO):
        raise UsageError(f"`memory_limit` has no effect with `device={device!r}`", remedy="drop one")
    if render:
        from .comparing import drawn  # takes as long to import as the rest

        drawn.refuse_in_pieces(memory)
    return memory


def _require(cloud: GaussianCloud, name: str, compensate: str | None, render: bool) -> None:
    """Refuse a scene that cannot be compensated or looked at."""
    if compensate is not None:
        from .resampling import compensating

        compensating.require(cloud, "compensate", name)
    if render:
        from .comparing import drawn

        drawn.seen(cloud, name)
