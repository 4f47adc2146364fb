"""Thin a scene by merging Gaussians where it shows least: what ``gscli simplify`` does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from . import arguments, files, formats, given
from . import device as devices
from .cameras import files as camera_files
from .cloud import GaussianCloud
from .errors import UsageError, naming
from .formats import Memory, Target
from .given import Given
from .grids.figures import figures
from .grids.settings import rows_wanted
from .grids.voxel_grid import VoxelGrid
from .in_memory import Returned
from .progress import Timings, Track, silent
from .rasterizers import ON_CPU
from .resampling.draws import dangling, write_index
from .simplifying import budget, cells, drawing, judging, look, searching
from .simplifying.asked import require_sense
from .simplifying.gaussians import Gaussians
from .simplifying.making import Made, Maker
from .simplifying.merged import BLIND
from .simplifying.methods import CELLS, PAIRS
from .simplifying.result import Looked as Looked
from .simplifying.result import Searched as Searched
from .simplifying.result import Simplified as Simplified
from .version import __version__

__all__ = ["Looked", "Searched", "Simplified", "simplify"]


def simplify(
    source: Given,
    output: str | os.PathLike[str] | None = None,
    *,
    target: int | str | None = None,
    min_psnr: float | None = None,
    method: str = PAIRS,
    voxel_size: float | None = None,
    points_per_cell: float | None = None,
    origin: Sequence[float] | str | None = None,
    views: int | None = None,
    cameras: str | os.PathLike[str] | None = None,
    index: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    allow_lossy: bool = False,
    trust_pickle: bool = False,
    axes: str | None = None,
    quality: str | None = None,
    device: str = "cpu",
    memory_limit: int | str | None = None,
    also_written: Sequence[str] = (),
    track: Track = silent,
) -> Simplified:
    """Merge Gaussians of a scene, those first where it shows least, until so many are left.

    Rows that nothing is merged with stay as they are, byte for byte and in their order. A merged row stands
    where the row that weighs most in it stood, by what is seen of each, and has its labels and ids; all
    else are weighted means. The scene is drawn from a few cameras to see how much of each Gaussian shows.

    Args:
        source: a scene of 3D Gaussians with colours, ``-`` for stdin, a cloud, or what
            `gscli.in_memory.as_cloud` makes one of.
        output: the file or folder to write, or ``-`` for stdout; without one what is left is
            `Simplified.cloud`.
        target: exactly how many Gaussians are to be left: a number, or a percentage as ``25%``.
        min_psnr: or the fewest, within a hundredth, with which it looks so much like the scene: PSNR in dB of
            pixels that show anything, on black and on white. Counts are tried by bisection, all of one
            sequence of merges.
        method: ``pairs``, or ``one-per-grid``: all Gaussians of a cell become one, however many they are.
            With `target` they are cells of the round size of which there are so many, or as few more as can
            be; of what they become, pairs are merged down to it.
        voxel_size, points_per_cell, origin: of cells, see `gscli.VoxelGrid.from_points`.
        views: from how many cameras to look; by default 10, or 8 where `target` is 40 % at least, and of a
            file 24. With 0 nothing is rendered: Gaussians count by their size and opacity, and what comes out
            looks less alike.
        cameras: look from those of a file, see `gscli.cameras.files`, instead of from all around.
        index: also write the new row of each row of the source, as .npy; in memory they are
            `Simplified.rows`.
        overwrite, allow_lossy, quality: see `gscli.formats.write`.
        trust_pickle, axes: see `gscli.formats.read`.
        device: where scenes are drawn, see `gscli.device.NAMES`; they are merged on the CPU. By a GPU's
            pictures, which are not the CPU's to the last bit, other pairs may be merged.
        memory_limit: what the process may take, in bytes or as ``2GB``; of pairs alone, and written as PLY.
            The output is the same.
        also_written: paths that the caller is going to write. track: see `gscli.progress.Track`.

    Raises:
        InputError: points alone, flat splats, X-rays or Gaussians that cannot be drawn.
        UsageError: a target that there is not, options that make no sense, or too little memory.
        GateMissed: with any fewer Gaussians it looks less alike than `min_psnr`.
        EngineUnavailable: nothing can be rendered here, or not on that device.
    """
    arguments.require_paths(optional=True, output=output, cameras=cameras, index=index)
    arguments.require_flags(overwrite=overwrite, allow_lossy=allow_lossy)
    require_sense(target, min_psnr, views, cameras, method, voxel_size, points_per_cell, origin)
    memory = arguments.size(memory_limit, "memory_limit")
    budget.refuse_cells(method, memory)
    drawing.require(device, views, memory, judged=min_psnr is not None)
    where = devices.resolve(device)
    (scene,) = given.opened(source)
    idle = {"index": index, "allow_lossy": allow_lossy, "quality": quality}
    to = formats.destination(
        output,
        idle={**idle, "overwrite": overwrite and not also_written},
        like=scene.folder_format,
        overwrite=overwrite,
        allow_lossy=allow_lossy,
        axes=axes,
        quality=quality,
    )
    others = [*also_written, *([] if index is None else [os.fspath(index)])]
    sources = [*given.paths([scene]), *([] if cameras is None else [Path(cameras)])]
    if isinstance(to, Target):
        budget.refuse_in_memory(to.format, memory)
    formats.check_outputs([to], others, sources=sources, overwrite=overwrite)
    asked = None if cameras is None else camera_files.read(cameras)

    timings = Timings()
    with timings.stage("read", track):
        (cloud,), (name,) = given.read([scene], trust_pickle=trust_pickle, axes=axes, to=[to])
        size = scene.bytes  # before it is replaced, perhaps
    with naming(name):
        count = 1 if target is None else rows_wanted(str(target), len(cloud))
        gaussians = Gaussians.of(cloud, name)
        most = count if min_psnr is None else len(cloud)
        several = min_psnr is not None
        sparing = budget.sparing(memory, cloud, most, views=views, held=2 if several else 1, several=several)
    if count < 1:
        raise UsageError(f"`target` {target} leaves nothing of {len(cloud):,}", remedy="ask for 1 at least")
    grid = None
    if method == CELLS:
        with naming(name), timings.stage("grid", track):
            lattice = cells.CellsAsked(voxel_size, points_per_cell, origin)
            grid = lattice.grid(cloud, None if target is None else count)
        count = len(grid) if target is None else count
    looked_from = look.from_where(cloud, asked, views, count)  # a search begins as for few
    engine, placed = drawing.settled(device, where, cloud, looked_from, memory)
    seen = look.taken(cloud, name, looked_from, engine, timings, track)
    maker = Maker.of(gaussians, seen, name, sparing=sparing)
    with timings.stage("merge", track):
        roots = maker.hierarchy(count).roots if grid is None else partial(cells.roots, maker, grid)

    def merged(left: int) -> Made:
        with timings.stage("merge", track):
            found = roots(left)
        return maker.made(found, timings, track)

    def make(left: int) -> tuple[Made, judging.Judged]:
        made = merged(left)
        return made, judge.stage(made.cloud, timings, track)

    judged = searched = None
    if seen is None:
        made = merged(count)
    else:
        judged_from = judging.from_where(cloud, name, asked)
        with timings.stage("judge"):
            judge = judging.Judge(cloud, name, judged_from, engine, several=several)
        if min_psnr is None:
            made, judged = make(count)
        else:
            made, judged, searched = searching.fewest(len(cloud), min_psnr, make, name)
    left = made.cloud
    with timings.stage("write"), track("writing", len(left)) as advance:
        made_by = provenance(aim(target, min_psnr, grid), seen, cameras, made.growth)
        held = to.write(left, made_by=made_by, advance=advance)
        if index is not None:
            write_index(index, _written(to, left, made.clusters.new), overwrite=overwrite)
    return Simplified(
        path=name,
        format=cloud.header.format,
        bytes=size,
        points=len(cloud),
        output=files.display_output(to.path),
        kept=len(left),
        merged=len(made.clusters.merged),
        sources=len(made.clusters.members),
        cells=None if grid is None else figures(grid),
        averaged=tuple(maker.averaged),
        chosen=tuple(maker.chosen),
        searched=searched,
        looked=None if seen is None else Looked.of(seen, cameras, made.growth),
        looks=judged,
        index=None if index is None else os.fspath(index),
        timings=timings,
        notes=(*cloud.header.notes, *dangling(cloud, [to]), *placed),
        options={
            "target": None if target is None else str(target),
            "min_psnr": min_psnr,
            "method": method,
            "voxel_size": voxel_size,
            "points_per_cell": points_per_cell,
            "origin": origin if origin is None or isinstance(origin, str) else [float(v) for v in origin],
            "views": views,
            "cameras": None if cameras is None else os.fspath(cameras),
            "axes": axes,
            "quality": quality,
            "device": device,
            "memory_limit": memory,
        },
        returned=None if held is None else Returned(held, made.clusters.new),
    )


def aim(target: int | str | None, min_psnr: float | None, grid: VoxelGrid | None) -> str:
    """What was asked for, as the comment line tells it."""
    wanted = [] if target is None else [f"target={target}"]
    if grid is None:
        return " ".join(wanted or [f"min_psnr={min_psnr!r}"])
    assert grid.origin is not None
    corner = ",".join(map(repr, grid.origin))
    return " ".join([f"method={CELLS} voxel_size={grid.voxel_size!r} origin={corner}", *wanted])


def provenance(
    aim: str,
    seen: look.Look | None,
    cameras: str | os.PathLike[str] | None,
    growth: float | None,
) -> str:
    """The comment line that tells how a file was made."""
    words = [f"gscli {__version__} simplify {aim} views={0 if seen is None else len(seen.cameras)}"]
    if cameras is not None:
        words.append(f"cameras={Path(cameras).name!a}")
    if seen is not None and seen.engine.name != ON_CPU:
        words.append(f"rasterizer={seen.engine.name}")
    return " ".join([*words, f"growth={BLIND if growth is None else growth!r}"])


def _written(to: Target | Memory, cloud: GaussianCloud, new: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The rows as the file has them, which some formats sort."""
    rows = np.arange(len(cloud))
    place = np.empty_like(rows)
    place[to.rows_of(cloud, rows)] = rows
    return place[new]
