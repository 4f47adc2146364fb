"""`gscli compare` and `gscli simplify` of scenes too big for a limit on memory: what tiles and boxes cost."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from gscli import _core, scene
from gscli.bench.timing import compare_processes

from .tables import GSCLI, markdown, show


def tables(quick: bool, repeats: int) -> Iterator[str]:
    """5M against 5M, whole and within two limits; 1M and 10M to a quarter, whole and within one."""
    points, limits = (2_000, ("100MB",)) if quick else (5_000_000, ("500MB", "400MB"))
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("a.ply", "b.ply")]
        for seed, path in enumerate(paths):
            scene.write(path, points, seed=seed)
        ours = [*GSCLI, "compare", *map(str, paths), "--quiet"]
        commands = {"whole": ours}
        commands |= {f"`--memory-limit {limit}`": [*ours, "--memory-limit", limit] for limit in limits}
        title = f"`gscli compare`, {points:,} against {points:,} with Gaussians"
        yield markdown(compare_processes(title, commands, repeats=repeats))
    if not _core.available():
        return
    for points, limit in ((2_000, "200MB"),) if quick else ((1_000_000, "450MB"), (10_000_000, "3GB")):
        with tempfile.TemporaryDirectory() as folder:
            source, fresh = Path(folder) / "scene.ply", Path(folder) / "out"
            scene.write(source, points)
            ours = [*GSCLI, "simplify", str(source), str(fresh / "out.ply"), "--target", "25%", "--quiet"]
            commands = {"whole": ours, f"`--memory-limit {limit}`": [*ours, "--memory-limit", limit]}
            title = f"`gscli simplify`, {points:,} Gaussians to a quarter"
            yield markdown(compare_processes(title, commands, repeats=repeats, fresh=fresh))


if __name__ == "__main__":
    show(tables, __doc__)
