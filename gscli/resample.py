"""Thin a scene cell by cell, every field intact: what ``gscli resample`` does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from . import device, files, formats, mapping
from .cache import GridCache
from .cache import key as cache_key
from .draws import Job, check_draws, plan, provenance, write_index
from .errors import GscliError
from .grid import Draw, VoxelGrid, check_lattice_options
from .methods import Method, methods, rows_wanted
from .progress import Timings, Track, silent


@dataclass(frozen=True)
class Output:
    """One file written: which draw it holds and how much was kept."""

    path: str
    points: int
    method: Method
    seed: int
    epoch: int
    fraction: float
    forced_cells: int
    index: str | None = None


@dataclass(frozen=True)
class Resampled:
    """What a run of `resample` read, drew and wrote.

    Attributes:
        points: rows of the input; dropped: rows left out for positions that are not finite.
        cache: ``hit``, ``miss`` or ``off``.
        notes: what a user should be told.
    """

    path: str
    format: str
    points: int
    dropped: int
    grid: VoxelGrid
    cache: str
    outputs: tuple[Output, ...]
    device: str
    timings: Timings
    notes: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)


def resample(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str] | None = None,
    *,
    out_dir: str | os.PathLike[str] | None = None,
    method: str | Sequence[str] = "half-density",
    ratio: tuple[float, float] | None = None,
    min_per_cell: int | None = None,
    k: int | None = None,
    total: int | str | None = None,
    pick: str | None = None,
    seed: int | None = None,
    epoch: int | None = None,
    repeat: int | None = None,
    voxel_size: float | None = None,
    points_per_cell: float | None = None,
    origin: Sequence[float] | str | None = None,
    drop_invalid: bool = False,
    grid_file: str | None = None,
    index: str | os.PathLike[str] | None = None,
    trust_pickle: bool = False,
    device_name: str = "cpu",
    cache: GridCache | None = None,
    overwrite: bool = False,
    allow_lossy: bool = False,
    also_written: Sequence[str] = (),
    track: Track = silent,
) -> Resampled:
    """Read a scene, group it into cells once, and write one or more draws from it.

    Args:
        source: a scene file or folder, or ``-`` for stdin.
        target: the file or folder to write, or ``-`` for stdout; or give `out_dir`, where files are
            named ``STEM.METHOD.eEPOCH.ply``, and draws of a scene folder are such folders.
        method: one of `gscli.methods.NAMES`, or several with `out_dir`.
        ratio, min_per_cell, k, total, pick: see `gscli.methods.Method` (total is its target).
        seed, epoch: default 0. repeat: draws per method, at epochs epoch, epoch + 1, ...
        voxel_size, points_per_cell, origin, drop_invalid: see `VoxelGrid.from_points`.
        grid_file: take the cells from this grid file instead of a lattice; see `gscli.mapping`. A scene
            folder that has grids is cut by its own, unless an option asks for a lattice.
        index: also write the kept row numbers of the input as .npy; with `out_dir`, a folder of them.
        trust_pickle: see `gscli.formats.read`.
        device_name: ``cpu`` (NumPy), ``torch-cpu`` or ``cuda``; the output is the same.
        cache: where to keep grids between runs; None keeps none.
        overwrite: replace existing files.
        also_written: paths that the caller is going to write; no output may be one of them.

    Raises:
        GscliError: with the exit code that fits; no output is left half written.
    """
    names = [method] if isinstance(method, str) else list(method)
    chosen = methods(names, ratio=ratio, min_per_cell=min_per_cell, k=k, target=total, pick=pick)
    check_lattice_options(voxel_size, points_per_cell, origin)
    check_draws(chosen, seed, epoch, repeat)
    where = device.resolve(device_name)
    mapped = mapping.choose_mapping(
        source,
        grid_file,
        lattice=lattice_options(voxel_size, points_per_cell, origin),
        other={"--drop-invalid": drop_invalid, "--pick center": pick == "center"},
    )
    jobs = plan(source, target, out_dir, index, chosen, epoch or 0, repeat or 1)
    made = [folder for folder in (out_dir, index) if folder is not None] if out_dir is not None else []
    formats.check_outputs(
        [job.path for job in jobs],
        [*also_written, *(job.index for job in jobs if job.index is not None)],
        sources=[source] if mapped is None else [source, mapped],
        like=formats.folder_format(source),
        overwrite=overwrite,
        will_be_made=made,
    )

    timings = Timings()
    with timings.stage("read"):
        cloud = formats.read(source, trust_pickle=trust_pickle)
        xyz = cloud.columns(("x", "y", "z")) if mapped is None else None
    name = files.display(source)
    notes = list(cloud.header.notes)
    try:
        with timings.stage("grid"):
            if xyz is None:
                assert mapped is not None
                grid, cached = _given_grid(mapped, source, len(cloud), grid_file is None, where), "off"
            else:
                grid, cached = _grid(xyz, voxel_size, points_per_cell, origin, drop_invalid, where, cache)
                notes += _precision_note(xyz, grid)
            device.synchronise(where)
        with timings.stage("draw"):  # whatever may be refused is, before a folder is made
            for m in chosen:
                if m.target is not None:
                    rows_wanted(m.target, grid.points)
            keys = grid.pick_keys(cloud, chosen[0].pick)  # all have the same
    except GscliError as error:
        error.path = error.path or name
        raise
    del xyz
    if out_dir is not None:
        files.make_folder(out_dir)
        if index is not None:
            files.make_folder(index)
    outputs = []
    with track("resampling", len(jobs) * len(cloud)) as advance:
        for job in jobs:
            try:
                with timings.stage("draw"):
                    draw = grid.draw(job.method, seed=seed or 0, epoch=job.epoch, keys=keys)
                    rows = draw.rows if isinstance(draw.rows, np.ndarray) else draw.rows.cpu().numpy()
            except GscliError as error:
                error.path = error.path or name
                raise
            with timings.stage("write"):
                line = provenance(job.method, grid, seed or 0, job.epoch)
                formats.write(
                    job.path,
                    cloud.with_comment(line),
                    overwrite=overwrite,
                    index=rows,
                    allow_lossy=allow_lossy,
                    advance=advance,
                )
                if job.index is not None:
                    write_index(job.index, rows, overwrite=overwrite)
            outputs.append(_output(job, draw, rows, len(cloud), seed or 0))
    return Resampled(
        path=name,
        format=cloud.header.format,
        points=len(cloud),
        dropped=len(cloud) - grid.points,
        grid=grid,
        cache=cached,
        outputs=tuple(outputs),
        device=device.describe(where),
        timings=timings,
        notes=tuple(notes),
        options={
            "methods": [m.name for m in chosen],
            "pick": chosen[0].pick,
            "points_per_cell": points_per_cell,
            "drop_invalid": drop_invalid,
            "grid": None if mapped is None else os.fspath(mapped),
            "repeat": repeat or 1,
        },
    )


def _output(job: Job, draw: Draw, rows: npt.NDArray[Any], points: int, seed: int) -> Output:
    fraction = len(rows) / points if points else 0.0
    return Output(job.path, len(rows), job.method, seed, job.epoch, fraction, draw.forced_cells, job.index)


def _grid(
    xyz: npt.NDArray[Any],
    voxel_size: float | None,
    points_per_cell: float | None,
    origin: Sequence[float] | str | None,
    drop_invalid: bool,
    where: Any,
    cache: GridCache | None,
) -> tuple[VoxelGrid, str]:
    """Load the grid of (3, N) positions from the cache, or build and keep it."""
    name = ""
    if cache is not None:
        corner = origin if origin is None or isinstance(origin, str) else tuple(float(v) for v in origin)
        name = cache_key(
            xyz,
            voxel_size=voxel_size,
            points_per_cell=points_per_cell,
            origin=corner,
            drop_invalid=drop_invalid,
        )
        found = cache.load(name, xyz.shape[1])
        if found is not None:
            return found.to(where), "hit"
    grid = VoxelGrid.from_points(
        xyz.T,
        voxel_size=voxel_size,
        points_per_cell=points_per_cell,
        origin=origin,
        drop_invalid=drop_invalid,
        device=where,
    )
    if cache is None:
        return grid, "off"
    cache.store(name, grid.to(None))
    return grid, "miss"


def _given_grid(path: Path, source: str | os.PathLike[str], rows: int, found: bool, where: Any) -> VoxelGrid:
    """The grid of a grid file; `found` says that nobody named it."""
    ids = mapping.read_mapping(path, rows, scene=source)
    why = f"as {path.name if found else path} says" + (
        ", the scene's grid of the highest rank" if found else ""
    )
    return replace(VoxelGrid.from_ids(ids, device=where), why=why)


def lattice_options(voxel_size: float | None, points_per_cell: float | None, origin: Any) -> dict[str, bool]:
    """The options that ask for a lattice, and whether they were given."""
    given = {"--voxel-size": voxel_size, "--points-per-cell": points_per_cell, "--origin": origin}
    return {option: value is not None for option, value in given.items()}


def _precision_note(xyz: npt.NDArray[Any], grid: VoxelGrid) -> list[str]:
    """Tell when float32 storage is too coarse for the cells."""
    if xyz.dtype != np.float32 or not grid.points or grid.voxel_size is None:
        return []
    some = np.abs(xyz[:, :: max(1, xyz.shape[1] // 4096)])
    some = np.where(np.isfinite(some), some, 0.0)
    # The median: a few flyaways are not what is far from zero.
    typical = np.sort(some, axis=1)[:, some.shape[1] // 2].max()
    step = float(np.spacing(np.float32(typical)))
    if step * 16 < grid.voxel_size:
        return []
    return [
        f"positions are stored in float32 and so far from zero that they come in steps of {step:g}, "
        f"against cells of {grid.voxel_size:g}: store them shifted towards zero, or as doubles"
    ]
