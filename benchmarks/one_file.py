"""Half of a scene's Gaussians by whole processes: gscli, a plyfile script, and what bounds them both."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gscli import scene
from gscli.bench.timing import compare_processes

from .tables import GSCLI, markdown, script, set_aside, show

PLYFILE = """
import sys, plyfile
ply = plyfile.PlyData.read(sys.argv[1])
vertex = plyfile.PlyElement.describe(ply["vertex"].data[::2].copy(), "vertex")
plyfile.PlyData([vertex], byte_order="<").write(sys.argv[2])
"""


def tables(quick: bool, repeats: int) -> Iterator[str]:
    """1M Gaussians, 248 MB."""
    points = 2_000 if quick else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        source, fresh = Path(folder) / "scene.ply", Path(folder) / "out"
        scene.write(source, points)
        target = str(fresh / "out.ply")
        ours = [*GSCLI, "resample", str(source), target, "--quiet"]
        commands = {
            "a plyfile script that reads, slices `[::2]` and writes": script(
                PLYFILE, source, target, needs="plyfile"
            ),
            "`gscli resample --no-cache`": [*ours, "--no-cache"],
            "`gscli resample`, nothing cached yet": set_aside("GSCLI_CACHE_DIR", fresh / "cache", *ours),
            "a copy of the file (`cp`)": ["cp", str(source), target],
            "the start of Python and NumPy": [sys.executable, "-c", "import numpy"],
        }
        size = source.stat().st_size / 1e6
        title = f"{points:,} Gaussians of 62 floats ({size:,.1f} MB), half-density"
        yield markdown(compare_processes(title, commands, repeats=repeats, fresh=fresh))


if __name__ == "__main__":
    show(tables, __doc__)
