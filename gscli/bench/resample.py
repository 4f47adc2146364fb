"""``gscli bench resample``: draws against the predecessor's samplers, grids, and whole processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import device as devices
from .. import formats, scene
from ..errors import UsageError
from ..files import temporaries
from ..grids.cache import GridCache, key
from ..grids.methods import method
from ..grids.voxel_grid import VoxelGrid
from ..runtime import libraries, processes
from . import predecessors
from .timing import Group, compare_calls, compare_processes

if TYPE_CHECKING:
    import torch

FEATURES = 16  # per point, as the predecessor's training carries along


def bench(*, points: int, cells: int, repeats: int, device: str, slow: bool = True) -> list[Group]:
    """Time gscli's resampling beside the samplers that it replaces.

    Args:
        points, cells: size of the generated scene; the cell size follows.
        repeats: timed repeats after one warm-up; medians are reported.
        device: where draws are made; see `gscli.device.NAMES`.
        slow: whether to time the predecessor's per-cell Python loops, which take seconds and on a CPU are
            timed once.

    Raises:
        UsageError: more cells than points, of which each cell holds at least one.
    """
    if cells > points:
        raise UsageError(f"{points:,} points cannot fill {cells:,} cells", remedy="ask for fewer cells")
    devices.require_named(device)
    where = devices.resolve(device)
    cloud = scene.make(points)
    groups = in_process(cloud.xyz, cells, repeats=repeats, where=where, slow=slow)
    with temporaries.folder("gscli-bench") as folder:
        path = folder / "scene.ply"
        formats.write(path, cloud)
        del cloud
        groups.append(_processes(path, repeats))
    return groups


def in_process(
    xyz: Any, cells: int, *, repeats: int, where: torch.device | None = None, slow: bool = True
) -> list[Group]:
    """Draws from a ready grid, the scenarios of a training iteration, and grids.

    Args:
        xyz: (N, 3) positions.
        cells: about how many cells to cut them into.
        where: what `gscli.device.resolve` returned.
    """
    grid = VoxelGrid.from_points(xyz, points_per_cell=len(xyz) / cells)
    return [
        _draws(xyz, grid.to(where), where, repeats),
        _scenarios(xyz, grid, where, repeats, slow),
        _grids(xyz, grid, repeats),
    ]


def _draws(xyz: Any, grid: VoxelGrid, where: torch.device | None, repeats: int) -> Group:
    title = f"one draw from a ready grid: {len(xyz):,} points in {len(grid):,} cells"
    calls: dict[str, Callable[[], object] | str] = {
        "half-density": lambda: grid.draw("half-density"),
        "half-density --target 25%": lambda: grid.draw(method("half-density", target="25%")),
        "k-per-grid -k 8": lambda: grid.draw(method("k-per-grid", k=8)),
        "one-per-grid": lambda: grid.draw("one-per-grid"),
    }
    return compare_calls(title, calls, repeats=repeats, on=where)


def _scenarios(xyz: Any, grid: VoxelGrid, where: torch.device | None, repeats: int, slow: bool) -> Group:
    title = "three scenarios (dense, half, single) of one training iteration"
    host_order, counts = grid.order, np.diff(grid.offsets)
    ids = np.empty(len(xyz), np.int64)
    ids[host_order] = np.repeat(np.arange(len(grid)), counts)
    features = np.random.default_rng(0).random((len(xyz), FEATURES), np.float32)
    ready = grid.to(where)
    carried: list[Any] = [np.ascontiguousarray(xyz), features]
    calls: dict[str, Callable[[], object] | str] = {}
    epoch = iter(range(1 << 40))
    names = (
        "GridSampler.scenarios: draw all three",
        "GridSampler.scenarios, collate: draw and gather all three",
        "GridSampler.from_points first: the grid as well, as where crops change the rows",
        "predecessor, vectorised and cached",
        "predecessor, vectorised",
        "predecessor, loops",
    )
    trouble = libraries.trouble("torch")
    if trouble is not None:
        missing = f"torch {trouble.what}"
        peers: dict[str, Callable[[], object] | str] = dict.fromkeys(names, missing)
    else:
        import torch

        from ..training import GridSampler, collate

        on = where or torch.device("cpu")
        sampler = GridSampler(ready)
        t_ids, t_xyz, t_features = (torch.as_tensor(a, device=on) for a in (ids, *carried))
        cells = predecessors.group(t_ids)
        runs: tuple[Callable[[], object] | str, ...] = (
            sampler.scenarios,
            lambda: collate(sampler.scenarios(), coord=t_xyz, feat=t_features),
            lambda: collate(
                GridSampler.from_points(t_xyz, voxel_size=grid.voxel_size).scenarios(epoch=next(epoch)),
                coord=t_xyz,
                feat=t_features,
            ),
            lambda: predecessors.scenarios(t_ids, t_xyz, t_features, cells=cells),
            lambda: predecessors.scenarios(t_ids, t_xyz, t_features),
            (lambda: predecessors.scenarios(t_ids, t_xyz, t_features, loop=True))
            if slow
            else "left out by --no-slow",
        )
        peers = dict(zip(names, runs, strict=True))
        if where is not None:
            carried = [t_xyz, t_features]

    def ours() -> list[Any]:
        now = next(epoch)
        drawn = [ready.draw(name, epoch=now).rows for name in ("half-density", "one-per-grid")]
        return [[_take(array, rows) for array in carried] for rows in drawn]

    calls["gscli, ready grid: draw and gather half, single"] = ours
    once = {names[-1]} if devices.is_cpu(where) else set()
    return compare_calls(title, {**calls, **peers}, repeats=repeats, on=where, once=once)


def _take(array: Any, rows: Any) -> Any:
    return array.index_select(0, rows) if devices.is_torch(array) else array.take(rows, axis=0)


def _grids(xyz: Any, grid: VoxelGrid, repeats: int) -> Group:
    columns = np.ascontiguousarray(xyz.T)
    with temporaries.folder("gscli-bench") as folder:
        cache = GridCache(folder)
        cache.store(key(columns), grid)
        calls: dict[str, Callable[[], object] | str] = {
            "load it from a warm disk cache": lambda: cache.load(key(columns), columns.shape[1]),
            "build, cell size given": lambda: VoxelGrid.from_points(columns.T, voxel_size=grid.voxel_size),
            "build, cell size chosen": lambda: VoxelGrid.from_points(columns.T),
        }
        return compare_calls("the grid of a scene", calls, repeats=repeats)


def _processes(path: Path, repeats: int) -> Group:
    size = path.stat().st_size / 1e6
    fresh = path.with_name("out")
    ours = processes.command("gscli.cli:run", "resample", str(path), str(fresh / "out.ply"), "--quiet")
    commands: dict[str, Any] = {
        "gscli resample --no-cache": [*ours, "--no-cache"],
        "gscli resample, cold cache": ["env", f"GSCLI_CACHE_DIR={fresh}/cache", *ours],
    }
    return compare_processes(
        f"whole process, a PLY of {size:.0f} MB, half-density", commands, repeats=repeats, fresh=fresh
    )
