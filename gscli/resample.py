"""Thin a scene cell by cell, every field intact: what ``gscli resample`` does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from . import device, files, formats, grids, mapping
from .cache import GridCache
from .cloud import GaussianCloud
from .draws import Job, check_draws, plan, provenance, write_index
from .errors import GscliError
from .grid import Draw, VoxelGrid
from .lattice import DEFAULT_POINTS_PER_CELL, check_lattice_options, lattice_options
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
        bytes: size of the input; None for stdin and folders.
        points: rows of the input; dropped: rows left out for positions that are not finite.
        cache: ``hit``, ``miss`` or ``off``.
        notes: what a user should be told.
    """

    path: str
    format: str
    bytes: int | None
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
        size = files.size_of(formats.locate(source)[0])  # before it is replaced, perhaps
        xyz = cloud.columns(("x", "y", "z")) if mapped is None else None
    name = files.display(source)
    notes = list(cloud.header.notes)
    try:
        with timings.stage("grid"):
            if xyz is None:
                assert mapped is not None
                grid, cached = grids.from_file(mapped, source, len(cloud), grid_file is None, where), "off"
            else:
                grid, cached = grids.from_positions(
                    xyz, voxel_size, points_per_cell, origin, drop_invalid, where, cache
                )
                notes += grids.precision_note(xyz, grid)
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
    notes += _dangling_note(cloud, outputs)
    return Resampled(
        path=name,
        format=cloud.header.format,
        bytes=size,
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
            "pick": None if all(m.name == "dense" for m in chosen) else chosen[0].pick,
            "points_per_cell": _aim(points_per_cell) if mapped is None and voxel_size is None else None,
            "drop_invalid": drop_invalid,
            "grid": None if mapped is None else os.fspath(mapped),
            "repeat": repeat or 1,
        },
    )


def _aim(points_per_cell: float | None) -> float:
    return DEFAULT_POINTS_PER_CELL if points_per_cell is None else points_per_cell


def _output(job: Job, draw: Draw, rows: npt.NDArray[Any], points: int, seed: int) -> Output:
    fraction = len(rows) / points if points else 0.0
    return Output(job.path, len(rows), job.method, seed, job.epoch, fraction, draw.forced_cells, job.index)


def _dangling_note(cloud: GaussianCloud, outputs: Sequence[Output]) -> list[str]:
    """Tell what was copied as it is and numbers rows that are no longer where they were."""
    stale: dict[str, None] = {}
    for output in outputs:
        name = formats.format_for_writing(output.path, cloud.header.format)
        references = getattr(formats.module(name), "references_rows", None)
        if references is not None and name == cloud.header.format and output.points < len(cloud):
            stale.update(dict.fromkeys(references(cloud)))
    if not stale:
        return []
    return [f"{', '.join(stale)} are copied as they are, and still number rows of the input"]
