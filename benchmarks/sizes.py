"""`gscli resample` of ever larger files, and of the largest within a limit on memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from gscli import scene
from gscli.bench.timing import compare_processes

from .tables import GSCLI, markdown, show

LIMIT = "250MB"


def tables(quick: bool, repeats: int) -> Iterator[str]:
    """1M, 5M and 20M Gaussians; the files take 6.5 GB of disk."""
    sizes = (1_000, 3_000) if quick else (1_000_000, 5_000_000, 20_000_000)  # 20 million take 5 GB of disk
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "out"
        commands: dict[str, list[str] | str] = {}
        for points in sizes:
            source = Path(folder) / f"{points}.ply"
            scene.write(source, points)
            ours = [*GSCLI, "resample", str(source), str(fresh / "out.ply"), "--quiet", "--no-cache"]
            name = f"{points:,}, {source.stat().st_size / 1e9:.2f} GB"
            commands[name] = ours
        commands[f"{name}, `--memory-limit {LIMIT}`"] = [*ours, "--memory-limit", LIMIT]
        yield markdown(compare_processes("Gaussians", commands, repeats=repeats, fresh=fresh))


if __name__ == "__main__":
    show(tables, __doc__)
