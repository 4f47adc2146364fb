"""`gscli compare` of scenes too big for a limit on memory: what tiles cost."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from gscli import scene
from gscli.bench.timing import compare_processes

from .tables import GSCLI, markdown, show


def tables(quick: bool, repeats: int) -> Iterator[str]:
    """5M against 5M, whole and within two limits."""
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


if __name__ == "__main__":
    show(tables, __doc__)
