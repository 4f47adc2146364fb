"""A scene in other formats and back, by whole processes; ours also measure what was lost.

Beside them splat-transform, where it is installed.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gscli import scene
from gscli.bench.timing import compare_processes

from .tables import GSCLI, markdown, show

SUFFIXES = (".spz", ".compressed.ply", ".splat", ".glb", ".safetensors", ".pcd")
THEIRS = "splat-transform"
SHARED = (".spz", ".compressed.ply")  # suffixes that it reads and writes too


def tables(quick: bool, repeats: int) -> Iterator[str]:
    """1M Gaussians, 248 MB: from PLY, and to PLY."""
    points = 2_000 if quick else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        source, fresh = Path(folder) / "scene.ply", Path(folder) / "out"
        scene.write(source, points)
        size = f"{points:,} Gaussians of 62 floats ({source.stat().st_size / 1e6:,.1f} MB)"
        copy: dict[str, list[str] | str] = {
            "a copy of the file (`cp`)": ["cp", str(source), str(fresh / "scene.ply")]
        }
        writing: dict[str, list[str] | str] = {
            f"`gscli convert scene.ply scene{suffix}`": _convert(source, fresh / f"scene{suffix}")
            for suffix in SUFFIXES
        }
        compact = _convert(source, fresh / "scene.spz", "--quality", "compact")
        writing["`gscli convert scene.ply scene.spz --quality compact`"] = compact
        writing |= {
            f"`{THEIRS} scene.ply scene{suffix}`": _theirs(source, fresh / f"scene{suffix}")
            for suffix in SHARED
        }
        yield markdown(compare_processes(f"{size} from PLY", copy | writing, repeats=repeats, fresh=fresh))
        coded = [Path(folder) / f"scene{suffix}" for suffix in SUFFIXES]
        for path in coded:
            subprocess.run(_convert(source, path), check=True)
        reading: dict[str, list[str] | str] = {
            f"`gscli convert {path.name} scene.ply` ({path.stat().st_size / 1e6:,.1f} MB)": _convert(
                path, fresh / "scene.ply"
            )
            for path in coded
        }
        reading |= {
            f"`{THEIRS} scene{suffix} scene.ply`": _theirs(source.with_suffix(suffix), fresh / "scene.ply")
            for suffix in SHARED
        }
        yield markdown(compare_processes(f"{size} to PLY", copy | reading, repeats=repeats, fresh=fresh))


def _convert(source: Path, target: Path, *more: str) -> list[str]:
    return [*GSCLI, "convert", str(source), str(target), "--allow-lossy", "--quiet", *more]


def _theirs(source: Path, target: Path) -> list[str] | str:
    found = shutil.which(THEIRS)
    return f"{THEIRS} is not installed" if found is None else [found, str(source), str(target)]


if __name__ == "__main__":
    show(tables, __doc__)
