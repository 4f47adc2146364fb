"""``gscli bench compare``: exact neighbours against ``torch.cdist``, and whole processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import device as devices
from .. import neighbors, scene
from ..files import temporaries
from ..runtime import libraries, processes
from . import predecessors
from .timing import Group, compare_calls, compare_processes

if TYPE_CHECKING:
    import torch

Call = Callable[[], object]
Peers = Callable[[Any, Any], dict[str, Call | str]]  # a string says why there is nothing to call

SUBSAMPLE = 10_000  # at most so many points of each cloud in the predecessor's remedy


def bench(*, points: int, search_points: int, repeats: int, device: str, slow: bool = True) -> list[Group]:
    """Time comparing beside ``torch.cdist``.

    Args:
        points: size of each of two scenes that whole processes compare.
        search_points: size of each of two clouds for the search alone.
        repeats: timed repeats after one warm-up; medians are reported.
        device: where the search runs; see `gscli.device.NAMES`.
        slow: whether to time ``torch.cdist`` on all points, which takes seconds and on a CPU is timed once.
    """
    devices.require_named(device)
    where = devices.resolve(device)
    groups = [
        searches(search_points, repeats=repeats, where=where, slow=slow),
        duplicates(search_points * 4, repeats=repeats, where=where),
    ]
    with temporaries.folder("gscli-bench") as folder:
        paths = [folder / name for name in ("a.ply", "b.ply")]
        for size in sorted({search_points, points}):
            for seed, path in enumerate(paths):
                scene.write(path, size, seed=seed, overwrite=True)
            groups.append(_processes(paths[0], paths[1], size, repeats))
    return groups


def searches(
    points: int,
    *,
    repeats: int,
    where: torch.device | None = None,
    slow: bool = True,
    peers: Peers | None = None,
) -> Group:
    """The nearest neighbours of one cloud in another, by gscli, by ``torch.cdist`` and by peers.

    Args:
        where: what `gscli.device.resolve` returned.
        slow: whether to time ``torch.cdist`` on all points.
        peers: makes further calls, by name, of the (N, 3) queries and targets.
    """
    queries, targets = (scene.make(points, sh_degree=0, seed=seed).xyz for seed in (0, 1))
    name, _ = neighbors.choose(points, points, where)
    calls: dict[str, Call | str] = {
        f"gscli, {name}": _search(name, queries, targets, where),
    }
    full, step = "torch.cdist, batched", -(-points // SUBSAMPLE)
    cdist = {full: 1}
    if step > 1:
        cdist[f"torch.cdist on {len(queries[::step]):,} of each (inexact)"] = step
    trouble = libraries.trouble("torch")
    if trouble is not None:
        calls.update(dict.fromkeys(cdist, f"torch {trouble.what}"))
    else:
        import torch

        on = where or torch.device("cpu")
        a, b = (torch.as_tensor(np.ascontiguousarray(xyz), device=on) for xyz in (queries, targets))
        for title, stride in cdist.items():
            calls[title] = _cdist(a[::stride], b[::stride])
        if not slow:
            calls[full] = "left out by --no-slow"
    if peers is not None:
        calls.update(peers(queries, targets))
    once = {full} if devices.is_cpu(where) else set()
    title = f"nearest neighbours of {points:,} points among {points:,}, index included"
    return compare_calls(title, calls, repeats=repeats, on=where, once=once)


def _search(name: str, queries: Any, targets: Any, where: torch.device | None) -> Call:
    if where is not None:
        import torch

        queries, targets = (
            torch.as_tensor(np.ascontiguousarray(xyz), device=where) for xyz in (queries, targets)
        )
    return lambda: neighbors.ENGINES.get(name).index(targets, device=where).nearest(queries)


def _cdist(a: Any, b: Any) -> Call:
    return lambda: predecessors.nearest_by_cdist(a, b)


def duplicates(points: int, *, repeats: int, where: torch.device | None = None) -> Group:
    """The nearest neighbours among points that are all the same, which trees cannot split."""
    same = np.full((points, 3), 0.25, np.float32)
    name, _ = neighbors.choose(points, points, where)
    return compare_calls(
        f"{points:,} equal points among {points:,}",
        {f"gscli, {name}": _search(name, same, same, where)},
        repeats=repeats,
        on=where,
    )


def _processes(a: Path, b: Path, points: int, repeats: int) -> Group:
    ours = processes.command("gscli.cli:run", "compare", str(a), str(b), "--quiet", "--threshold", "0.01")
    commands: dict[str, Any] = {
        "gscli compare, both ways, --no-gaussians": [*ours, "--no-gaussians"],
        "gscli compare, both ways": ours,
    }
    return compare_processes(
        f"whole process, {points:,} against {points:,} Gaussians", commands, repeats=repeats
    )
