"""`gscli compare` by whole processes, beside Open3D's registration metrics, which go one way."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from gscli import scene
from gscli.bench.timing import compare_processes

from .tables import GSCLI, markdown, script, show

OPEN3D = """
import sys, open3d as o3d
source, target = (o3d.io.read_point_cloud(path) for path in sys.argv[1:3])
o3d.pipelines.registration.evaluate_registration(source, target, 0.01)
"""


def tables(quick: bool, repeats: int) -> Iterator[str]:
    """50,000 and 1M against as many."""
    with tempfile.TemporaryDirectory() as folder:
        a, b = (Path(folder) / name for name in ("a.ply", "b.ply"))
        for points in (500,) if quick else (50_000, 1_000_000):
            for seed, path in enumerate((a, b)):
                scene.write(path, points, seed=seed, overwrite=True)
            ours = [*GSCLI, "compare", str(a), str(b), "--quiet", "--threshold", "0.01"]
            commands = {
                "Open3D `evaluate_registration`, one way": script(OPEN3D, a, b, needs="open3d"),
                "`gscli compare`, both ways, centres alone": [*ours, "--no-gaussians"],
                "`gscli compare`, both ways, with Gaussians": ours,
            }
            title = f"{points:,} against {points:,} Gaussians, whole process"
            yield markdown(compare_processes(title, commands, repeats=repeats))


if __name__ == "__main__":
    show(tables, __doc__)
