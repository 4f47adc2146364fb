"""Thin a scene cell by cell, every field intact: what ``gscli resample`` does."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from . import __version__, device, files, formats, grids, mapping
from .cache import GridCache
from .errors import GscliError, UsageError
from .grid import Draw, VoxelGrid, check_lattice_options, lattice_options
from .methods import NAMES, Method, methods
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


@dataclass(frozen=True)
class _Job:
    method: Method
    epoch: int
    path: str
    index: str | None


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
    jobs = _plan(source, target, out_dir, index, chosen, epoch or 0, repeat or 1)
    made = [folder for folder in (out_dir, index) if folder is not None] if out_dir is not None else []
    formats.check_outputs(
        [job.path for job in jobs],
        [*also_written, *(job.index for job in jobs if job.index is not None)],
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
                grid, cached = grids.from_file(mapped, source, len(cloud), grid_file is None, where), "off"
            else:
                grid, cached = grids.from_positions(
                    xyz, voxel_size, points_per_cell, origin, drop_invalid, where, cache
                )
                notes += grids.precision_note(xyz, grid)
            device.synchronise(where)
    except GscliError as error:
        error.path = error.path or name
        raise
    del xyz
    if out_dir is not None:
        files.make_folder(out_dir)
        if index is not None:
            files.make_folder(index)
    outputs = []
    keys = {}
    with track("resampling", len(jobs) * len(cloud)) as advance:
        for job in jobs:
            try:
                with timings.stage("draw"):
                    if job.method.pick not in keys:
                        keys[job.method.pick] = grid.pick_keys(cloud, job.method.pick)
                    draw = grid.draw(job.method, seed=seed or 0, epoch=job.epoch, keys=keys[job.method.pick])
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


def write_index(path: str | os.PathLike[str], rows: npt.NDArray[Any], *, overwrite: bool) -> None:
    """Write row numbers as an int64 ``.npy`` file."""
    with files.replacing(path, overwrite=overwrite) as stream:
        np.lib.format.write_array(stream, np.ascontiguousarray(rows, np.int64), allow_pickle=False)


def provenance(method: Method, grid: VoxelGrid, seed: int, epoch: int) -> str:
    """The comment line that tells how a file was made; the same on every device."""
    parts = [f"gscli {__version__} resample method={method.name}"]
    if method.name == "half-density":
        if method.target is not None:
            parts.append(f"target={method.target}")
        else:
            parts.append(f"ratio={method.ratio[0]!r}:{method.ratio[1]!r} min_per_cell={method.min_per_cell}")
    if method.k is not None:
        parts.append(f"k={method.k}")
    if method.name != "dense":
        parts.append(f"pick={method.pick}")
    parts.append(f"seed={seed} epoch={epoch}")
    if grid.voxel_size is not None and grid.origin is not None:
        parts.append(f"voxel_size={grid.voxel_size!r} origin=" + ",".join(repr(v) for v in grid.origin))
    return " ".join(parts)


def _output(job: _Job, draw: Draw, rows: npt.NDArray[Any], points: int, seed: int) -> Output:
    fraction = len(rows) / points if points else 0.0
    return Output(job.path, len(rows), job.method, seed, job.epoch, fraction, draw.forced_cells, job.index)


def check_draws(chosen: Sequence[Method], seed: int | None, epoch: int | None, repeat: int | None) -> None:
    """Refuse numbers of draws that make no sense, or that nothing would depend on."""
    if repeat is not None and repeat < 1:
        raise UsageError(f"--repeat must be at least 1, not {repeat}")
    if not any(m.uses_seed for m in chosen):
        for option, value in (("--seed", seed), ("--epoch", epoch), ("--repeat", repeat)):
            if value is not None:
                how = f"{chosen[0].name} with --pick {chosen[0].pick}"
                raise UsageError(f"{option} has no effect: {how} draws nothing at random")
    for option, value in (("--seed", seed), ("--epoch", epoch)):
        if value is not None and not 0 <= value + (repeat or 1) - 1 < 2**64:
            raise UsageError(f"{option} must be between 0 and 2^64 - 1, not {value}")


def _plan(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str] | None,
    out_dir: str | os.PathLike[str] | None,
    index: str | os.PathLike[str] | None,
    chosen: list[Method],
    epoch: int,
    repeat: int,
) -> list[_Job]:
    """Which draw goes to which path."""
    if (target is None) == (out_dir is None):
        raise UsageError("give either an output file or --out-dir")
    if target is not None:
        if len(chosen) * repeat > 1:
            raise UsageError(
                "several draws need --out-dir", remedy="replace the output file by --out-dir FOLDER"
            )
        formats.format_for_writing(target, formats.folder_format(source))
        return [_Job(chosen[0], epoch, os.fspath(target), None if index is None else os.fspath(index))]
    assert out_dir is not None
    stem = "stdin" if files.is_standard(source) else formats.stem(source)
    suffix = formats.suffix_like(source)
    jobs = []
    for m, e in draws(chosen, epoch, repeat):
        name = draw_name(stem, m, e)
        rows = None if index is None else os.path.join(index, name + ".npy")
        jobs.append(_Job(m, e, os.path.join(out_dir, name + suffix), rows))
    return jobs


def draws(chosen: Sequence[Method], epoch: int, repeat: int) -> list[tuple[Method, int]]:
    """Every draw that is asked for, as its method and epoch; what has no chance in it is drawn once."""
    return [(m, e) for m in chosen for e in range(epoch, epoch + (repeat if m.uses_seed else 1))]


def draw_name(stem: str, method: Method, epoch: int) -> str:
    """What the file of one draw among several is called, without its suffix."""
    return f"{stem}.{method.name}.e{epoch}"


def drawn_from(name: str) -> str:
    """The stem of the scene that a file with the stem `name` was drawn from; see `draw_name`."""
    return re.sub(rf"\.({'|'.join(NAMES)})\.e\d+$", "", name)
