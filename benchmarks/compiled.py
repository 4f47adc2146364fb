"""What compiled kernels save: the same work without them and with them, in one run."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import numpy as np

from gscli import VoxelGrid, _core, scene
from gscli.bench.timing import compare_calls, compare_processes
from gscli.kernels import images
from gscli.neighbors import ENGINES

from .tables import GSCLI, markdown, set_aside, show


def tables(quick: bool, repeats: int) -> Iterator[str]:
    """Calls, two pictures and whole processes on 1M Gaussians, each without and with."""
    points, cells = (3_000, 200) if quick else (1_000_000, 50_000)
    cloud = scene.make(points)
    xyz = np.ascontiguousarray(cloud.xyz)
    moved = (xyz + np.random.default_rng(0).normal(0, 0.01, xyz.shape)).astype(np.float32)
    grid = VoxelGrid.from_points(xyz, points_per_cell=points / cells)
    engine = ENGINES.get("kdtree").index

    calls: dict[str, Callable[[], object]] = {
        "a half-density draw from a ready grid": lambda: grid.draw("half-density"),
        "a grid of a given cell size": lambda: VoxelGrid.from_points(xyz, voxel_size=grid.voxel_size),
        "a grid whose cell size is chosen": lambda: VoxelGrid.from_points(
            xyz, points_per_cell=points / cells
        ),
        "the nearest of each point, one way": lambda: engine(xyz).nearest(moved),
    }
    for name, call in calls.items():
        both = {"NumPy and pykdtree": without(call), "compiled": call}
        yield markdown(compare_calls(f"{name}, {points:,} points", both, repeats=repeats))
    size = 80 if quick else 800
    a, b = np.random.default_rng(0).random((2, size, size, 3), dtype=np.float32)
    both = {"NumPy": without(lambda: images.ssim(a, b)), "compiled": lambda: images.ssim(a, b)}
    yield markdown(compare_calls(f"SSIM of two pictures of {size} x {size}", both, repeats=repeats))
    with tempfile.TemporaryDirectory() as folder:
        a, b, out = (str(Path(folder) / name) for name in ("a.ply", "b.ply", "out.ply"))
        for seed, path in enumerate((a, b)):
            scene.write(path, points, seed=seed)
        commands = {
            "gscli resample": ["resample", a, out, "--no-cache", "--overwrite", "--quiet"],
            "gscli compare, centres alone": ["compare", a, b, "--no-gaussians", "--quiet"],
            "gscli compare": ["compare", a, b, "--quiet"],
        }
        for name, words in commands.items():
            both = {
                title: set_aside("GSCLI_CORE", value, *GSCLI, *words)
                for title, value in (("NumPy and pykdtree", "0"), ("compiled", "1"))
            }
            title = f"`{name}`, {points:,} Gaussians, whole process"
            yield markdown(compare_processes(title, both, repeats=repeats))


def without(call: Callable[[], object]) -> Callable[[], object]:
    """The same call where there are no compiled kernels."""

    def run() -> object:
        with mock.patch.object(_core, "available", return_value=False):
            return call()

    return run


if __name__ == "__main__":
    os.environ.pop("GSCLI_CORE", None)
    show(tables, __doc__)
