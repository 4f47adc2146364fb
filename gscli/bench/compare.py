"""``gscli bench compare``: exact neighbours against ``torch.cdist``, whole processes against Open3D."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from .. import device, neighbors, scene
from . import predecessors
from .timing import Group, compare_calls, compare_processes

SUBSAMPLE = 10_000  # at most so many points of each cloud in the origin's remedy

_OPEN3D_SCRIPT = """
import sys, open3d as o3d
source, target = (o3d.io.read_point_cloud(path) for path in sys.argv[1:3])
o3d.pipelines.registration.evaluate_registration(source, target, 0.01)
"""


def bench(
    *, points: int, search_points: int, repeats: int, device_name: str, slow: bool = True
) -> list[Group]:
    """Time comparing beside its peers.

    Args:
        points: size of each of two scenes that whole processes compare.
        search_points: size of each of two clouds for the search alone.
        repeats: timed repeats after one warm-up; medians are reported.
        device_name: where the search runs; see `gscli.device.NAMES`.
        slow: whether to time ``torch.cdist`` on all points, which takes seconds and on a CPU is timed once.
    """
    where = device.resolve(device_name)
    groups = [_searches(search_points, repeats, where, slow), _duplicates(search_points * 4, repeats, where)]
    with tempfile.TemporaryDirectory(prefix="gscli-bench-") as folder:
        paths = [Path(folder) / name for name in ("a.ply", "b.ply")]
        for size in sorted({search_points, points}):
            for seed, path in enumerate(paths):
                scene.write(path, size, seed=seed, overwrite=True)
            groups.append(_processes(paths[0], paths[1], size, repeats))
    return groups


def _searches(points: int, repeats: int, where: Any, slow: bool) -> Group:
    queries, targets = (scene.make(points, sh_degree=0, seed=seed).xyz for seed in (0, 1))
    name, _ = neighbors.choose(points, points, where)
    calls: dict[str, Callable[[], object] | str] = {
        f"gscli, {name}": _search(name, queries, targets, where),
    }
    if find_spec("scipy") is None:
        calls["scipy cKDTree"] = "scipy is not installed"
    else:
        from scipy.spatial import cKDTree

        calls["scipy cKDTree"] = lambda: cKDTree(targets).query(queries, workers=-1)
    full, step = "torch.cdist, batched", -(-points // SUBSAMPLE)
    cdist = {full: 1}
    if step > 1:
        cdist[f"torch.cdist on {len(queries[::step]):,} of each (inexact)"] = step
    if find_spec("torch") is None:
        calls.update(dict.fromkeys(cdist, "torch is not installed"))
    else:
        import torch

        on = where or torch.device("cpu")
        a, b = (torch.as_tensor(np.ascontiguousarray(xyz), device=on) for xyz in (queries, targets))
        for title, stride in cdist.items():
            calls[title] = _cdist(a[::stride], b[::stride])
        if not slow:
            calls[full] = "left out by --no-slow"
    once = {full} if device.is_cpu(where) else set()
    title = f"nearest neighbours of {points:,} points among {points:,}, index included"
    return compare_calls(title, calls, repeats=repeats, on=where, once=once)


def _search(name: str, queries: Any, targets: Any, where: Any) -> Callable[[], object]:
    if where is not None:
        import torch

        queries, targets = (
            torch.as_tensor(np.ascontiguousarray(xyz), device=where) for xyz in (queries, targets)
        )
    return lambda: neighbors.ENGINES.get(name).index(targets, device=where).nearest(queries)


def _cdist(a: Any, b: Any) -> Callable[[], object]:
    return lambda: predecessors.nearest_by_cdist(a, b)


def _duplicates(points: int, repeats: int, where: Any) -> Group:
    same = np.full((points, 3), 0.25, np.float32)
    name, _ = neighbors.choose(points, points, where)
    return compare_calls(
        f"{points:,} equal points among {points:,}",
        {f"gscli, {name}": _search(name, same, same, where)},
        repeats=repeats,
        on=where,
    )


def _processes(a: Path, b: Path, points: int, repeats: int) -> Group:
    ours = [sys.executable, "-m", "gscli", "compare", str(a), str(b), "--quiet", "--threshold", "0.01"]
    open3d: list[str] | str = [sys.executable, "-c", _OPEN3D_SCRIPT, str(a), str(b)]
    if find_spec("open3d") is None:
        open3d = "Open3D is not installed"
    commands: dict[str, Any] = {
        "Open3D evaluate_registration, one way": open3d,
        "gscli compare, both ways, --no-gaussians": [*ours, "--no-gaussians"],
        "gscli compare, both ways": ours,
    }
    return compare_processes(
        f"whole process, {points:,} against {points:,} Gaussians", commands, repeats=repeats
    )
