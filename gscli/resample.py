"""Thin a scene cell by cell, every field intact: what ``gscli resample`` does.

One module: a run is one sequence of stages, and most of its lines are arguments that it hands on.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack

from . import arguments, flaws, formats, placing
from . import device as devices
from .errors import UsageError, naming
from .files import writing
from .formats import Source
from .grids import budget, grid_files
from .grids.cache import GridCache
from .grids.figures import figures
from .grids.lattice import DEFAULT_POINTS_PER_CELL, check_lattice_options, lattice_options
from .grids.methods import DEFAULT, methods
from .grids.picking import RANDOM
from .grids.settings import rows_wanted
from .progress import Timings, Track, silent
from .resampling import cutting
from .resampling.draws import check_draws, dangling, plan, provenance, shared_out, write_index
from .resampling.result import Compensated as Compensated
from .resampling.result import Output as Output
from .resampling.result import Resampled as Resampled

__all__ = ["Output", "Resampled", "resample"]


def resample(
    source: str | os.PathLike[str],
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
    """Read a scene, group it into cells once, and write one or more draws from it.

    Args:
        source: a scene file or folder, or ``-`` for stdin.
        output: the file or folder to write, or ``-`` for stdout; or give `out_dir`.
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
        index: also write the kept row numbers of the input as .npy; with `out_dir`, a folder of them.
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
    arguments.require_paths(source=source)
    arguments.require_paths(optional=True, output=output, out_dir=out_dir, grid_file=grid_file, index=index)
    arguments.require_flags(render=render, overwrite=overwrite, allow_lossy=allow_lossy)
    drop = flaws.to_drop(drop_invalid)
    names = arguments.several(method, "method", (str,), "a name, or several")
    if not names:
        raise UsageError("`method` names no method")
    chosen = methods(
        names,
        ratio=ratio,
        min_per_cell=min_per_cell,
        k=k,
        target=target,
        pick=pick,
        compensate=compensate,
    )
    picked = next((m.pick for m in chosen if m.picks), RANDOM)  # all that pick have the same
    check_lattice_options(voxel_size, points_per_cell, origin)
    check_draws(seed, epoch, repeat)
    memory = arguments.size(memory_limit, "memory_limit")
    if memory is not None and device not in ("cpu", devices.AUTO):
        raise UsageError(f"`memory_limit` has no effect with `device={device!r}`", remedy="drop one")
    if render:
        from .comparing import drawn  # takes as long to import as the rest

        drawn.refuse_in_pieces(memory)
    place = placing.settled(device, devices.resolve(device), placing.Load(cpu=placing.ON_CPU))
    where = place.device
    mapped = grid_files.choose_mapping(
        source,
        grid_file,
        lattice=lattice_options(voxel_size, points_per_cell, origin),
        other={"drop_invalid": bool(drop), f"pick={picked.name!r}": picked.by_place is not None},
    )
    cells = None
    if mapped is None and voxel_size is None and points_per_cell is None:
        cells = next((m.target for m in chosen if m.rule.single), None)
    read = Source.of(source)
    jobs = plan(
        read,
        output,
        out_dir,
        index,
        chosen,
        epoch or 0,
        repeat or 1,
        overwrite=overwrite,
        allow_lossy=allow_lossy,
        axes=axes,
        quality=quality,
    )
    made = [folder for folder in (out_dir, index) if folder is not None] if out_dir is not None else []
    formats.check_outputs(
        [job.target for job in jobs],
        [*also_written, *(job.index for job in jobs if job.index is not None)],
        sources=[read.path] if mapped is None else [read.path, mapped],
        overwrite=overwrite,
        will_be_made=made,
    )

    timings = Timings()
    with timings.stage("read", track):
        cloud = read.read(trust_pickle=trust_pickle, axes=axes, axes_of=[job.target.format for job in jobs])
        size = read.bytes  # before it is replaced, perhaps
    name = read.name
    if compensate is not None:
        from .resampling import compensating

        compensating.require(cloud, "compensate", name)
    if render:
        drawn.seen(cloud, name)
    with ExitStack() as closing:
        with naming(name):
            if cells is not None:
                rows_wanted(cells, len(cloud))  # by its own name, before as many cells are looked for
            allowed = None
            if memory is not None:
                allowed = budget.budget(
                    memory,
                    cloud,
                    picked,
                    cells_per_point=1.0 if voxel_size or mapped or cells else 1.0 / _aim(points_per_cell),
                    drop_invalid=bool(drop),
                    mapped=mapped is not None,
                    streamed=all(job.target.writer.streams for job in jobs),
                    weighed=compensate is not None,
                )
            cut = closing.enter_context(
                cutting.cut(
                    cloud,
                    picked,
                    {
                        "voxel_size": voxel_size,
                        "points_per_cell": points_per_cell,
                        "cells": cells,
                        "origin": origin,
                        "drop_invalid": bool(drop),
                    },
                    drop=drop,
                    mapped=None if mapped is None else cutting.Mapped(mapped, source, grid_file is None),
                    where=where,
                    cache=cache,
                    budget=allowed,
                    beside=jobs[0].target.path,
                    timings=timings,
                    track=track,
                )
            )
            for m in chosen:  # whatever may be refused is, before a folder is made
                m.total(cut.grid.points)
        outputs = []
        with writing.making(made), track("resampling", len(jobs) * len(cloud)) as advance:
            for job in jobs:
                with naming(name), timings.stage("draw"):
                    draw = cut.draw(job.method, seed=seed or 0, epoch=job.epoch)
                    kept = draw.kept
                    made_up = None if compensate is None else compensating.of(cut.grid, job.method, draw)
                    edit = None if made_up is None else made_up.edit
                look = None
                if render:
                    with timings.stage("render"):
                        own = cloud.take(kept) if edit is None else edit.of(cloud, kept)
                        pair, around = (own, cloud), (cloud, "the input")
                        look = drawn.between(pair, (job.target.path, name), around, where, track)
                with timings.stage("write"):
                    job.target.write(
                        cloud,
                        index=kept,
                        made_by=provenance(job.method, cut.grid, seed or 0, job.epoch, drop),
                        advance=advance,
                        edit=edit,
                    )
                    if job.index is not None:
                        rows = job.target.rows_of(cloud, kept, edit)
                        write_index(job.index, rows, overwrite=overwrite)
                told = None if made_up is None else made_up.found
                outputs.append(job.output(len(draw), len(cloud), draw.forced_cells, seed or 0, look, told))
                del draw, kept, made_up, edit  # before the next takes as much
    grid, notes = figures(cut.grid), [*cloud.header.notes, *place.notes, *cut.notes]
    notes += [how for m in chosen if (how := shared_out(m, cut.grid)) is not None]
    thinned = zip(jobs, outputs, strict=True)
    notes += dangling(cloud, [job.target for job, output in thinned if output.points < len(cloud)])
    return Resampled(
        path=name,
        format=cloud.header.format,
        bytes=size,
        points=len(cloud),
        dropped=len(cloud) - grid.points,
        grid=grid,
        cache=cut.cache,
        outputs=tuple(outputs),
        device=devices.describe(where),
        timings=timings,
        notes=tuple(notes),
        invalid=cut.flaws,
        options={
            "methods": [m.name for m in chosen],
            "pick": picked.name if any(m.picks for m in chosen) else None,
            "points_per_cell": None if mapped or voxel_size or cells else _aim(points_per_cell),
            "cells": cells,
            "drop_invalid": drop,
            "grid": None if mapped is None else os.fspath(mapped),
            "repeat": repeat or 1,
            "axes": axes,
            "quality": quality,
            "memory_limit": memory,
        },
    )


def _aim(points_per_cell: float | None) -> float:
    return DEFAULT_POINTS_PER_CELL if points_per_cell is None else points_per_cell
