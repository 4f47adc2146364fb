"""Many scenes thinned by `gscli batch`, by the function in a loop, and by a loop of a shell."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gscli import scene
from gscli.bench.timing import compare_processes

from .tables import GSCLI, markdown, show

FUNCTION = """
import os, sys
from gscli.resample import resample
target, *sources = sys.argv[1:]
for source in sources:
    resample(source, os.path.join(target, os.path.basename(source)), seed=0)
"""
SHELL = 'for scene; do "$PYTHON" -m gscli resample "$scene" "$OUT/${scene##*/}" --quiet --no-cache; done'


def tables(quick: bool, repeats: int) -> Iterator[str]:
    """200 scenes of 50,000 Gaussians, 2.5 GB."""
    scenes, points, few = (4, 500, 2) if quick else (200, 50_000, 40)
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "out"
        sources = [str(Path(folder) / f"{number}.ply") for number in range(scenes)]
        for number, source in enumerate(sources):
            scene.write(source, points, seed=number)
        batch = [*GSCLI, "batch", "resample", *sources, "--out-dir", str(fresh / "all"), "--quiet"]
        loop = ["env", f"PYTHON={sys.executable}", f"OUT={fresh}", "sh", "-c", SHELL, "sh", *sources[:few]]
        commands = {
            "`gscli batch resample --workers 2`": [*batch, "--workers", "2"],
            "`gscli batch resample --workers 1`": [*batch, "--workers", "1"],
            "the function in one process, nothing recorded": [
                *(sys.executable, "-c", FUNCTION, str(fresh)),
                *sources,
            ],
            f"a shell loop over `gscli resample --no-cache` (of {few})": loop,
        }
        counts = dict.fromkeys(commands, scenes) | {list(commands)[-1]: few}
        title = f"{scenes} scenes of {points:,} Gaussians each"
        group = compare_processes(title, commands, repeats=repeats, fresh=fresh)
        yield markdown(group, "a scene", counts)


if __name__ == "__main__":
    show(tables, __doc__)
