"""What a GPU takes beside the CPU's cores, once each answer is found equal; without one, torch on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch

from gscli import VoxelGrid, device, neighbors, rasterizers, scene
from gscli.bench.timing import compare_calls
from gscli.cameras import orbit
from gscli.splats import Splats
from gscli.training import GridSampler

from .tables import markdown, show

WHERE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def tables(quick: bool, repeats: int) -> Iterator[str]:
    """Neighbours, grids and draws of 50,000 to 4M points; on a GPU renders, too."""
    for points in (3_000,) if quick else (50_000, 1_000_000, 4_000_000):
        ours, theirs = (np.ascontiguousarray(scene.make(points, sh_degree=0, seed=s).xyz) for s in (0, 1))
        yield from searches(ours, theirs, repeats)
        yield from grids(ours, repeats)
    if WHERE.type == "cuda":
        for points, size in ((100_000, (800, 800)), (1_000_000, (800, 800)), (1_000_000, (1920, 1080))):
            yield renders(points, size, repeats)


def renders(points: int, size: tuple[int, int], repeats: int) -> str:
    """A view in colour and an X-ray, each once it is found to be the CPU's but for rounding."""
    made = scene.make(points)
    (camera,) = orbit(made.xyz, 1, *size, up=(0, 0, 1))
    calls: dict[str, Callable[[], object]] = {}
    for xray in (False, True):
        splats = Splats.of(made, xray=xray)
        on_cpu, on_gpu = (rasterizers.chosen("auto", where).prepare(splats) for where in (None, WHERE))
        found, expected = (drawn.draw(camera) for drawn in (on_gpu, on_cpu))
        what = "X-ray" if xray else "colours"
        near(*(each.xray if xray else each.color for each in (found, expected)))
        calls |= {
            f"{what}, on the CPU": partial(on_cpu.draw, camera),
            f"{what}, on {WHERE}": partial(on_gpu.draw, camera),
        }
    return timed(f"a view of {points:,} Gaussians of SH degree 3, {size[0]} x {size[1]}", repeats, calls)


def searches(targets: Any, queries: Any, repeats: int) -> Iterator[str]:
    """One way, tree and search; then a ready tree; then the three nearest others of each."""
    chosen, _ = neighbors.choose(len(queries), len(targets), WHERE)
    on_cpu, engine = (neighbors.ENGINES.get(name).index for name in ("kdtree", chosen))
    trees = on_cpu(targets), engine(on(targets))
    for half in (np.float32, np.float64):
        found, expected = trees[1].nearest(on(queries.astype(half))), trees[0].nearest(queries.astype(half))
        same(found.distances, expected.distances)
        same(found.rows, expected.rows)
    same(neighbors.mean_squared_distance(on(targets)), neighbors.mean_squared_distance(targets))
    here, there, wide = on(targets), on(queries), (on(targets).double(), on(queries).double())
    yield timed(
        f"the nearest of {len(targets):,} points, one way",
        repeats,
        {
            "kdtree": lambda: on_cpu(targets).nearest(queries),
            chosen: lambda: engine(here).nearest(there),
            f"{chosen}, float64": lambda: engine(wide[0]).nearest(wide[1]),
            f"{chosen}, the tree ready": lambda: trees[1].nearest(there),
        },
    )
    yield timed(
        f"mean squared distance to 3 others, {len(targets):,} points",
        repeats,
        {
            "on the CPU": lambda: neighbors.mean_squared_distance(targets),
            f"on {WHERE}": lambda: neighbors.mean_squared_distance(here),
        },
    )


def grids(xyz: Any, repeats: int) -> Iterator[str]:
    """A grid of a chosen and of a given size, and scenarios drawn from it, 18 points in a cell."""
    there = on(xyz)
    grid, tensors = (VoxelGrid.from_points(points, points_per_cell=18) for points in (xyz, there))
    assert grid.voxel_size == tensors.voxel_size
    for name in ("order", "offsets", "cells"):
        same(getattr(tensors, name), getattr(grid, name))
    samplers = GridSampler(grid), GridSampler(tensors)
    for found, expected in zip(*(s.scenarios(epoch=3).values() for s in samplers[::-1]), strict=True):
        same(found.rows, expected.rows)
        same(found.cells, expected.cells)
    count = f"{len(xyz):,} points in {len(grid):,} cells"

    def build(points: Any, size: float | None = None) -> VoxelGrid:
        aim = 18 if size is None else None
        return VoxelGrid.from_points(points, voxel_size=size, points_per_cell=aim)

    for title, make in (
        ("a grid whose cell size is chosen", build),
        ("a grid of a given cell size", lambda points: build(points, grid.voxel_size)),
        ("a sampler of a ready grid", lambda points: GridSampler(grid if points is xyz else tensors)),
        (
            "three scenarios",
            lambda points: samplers[points is there].scenarios(("dense", "half", "single")),
        ),
    ):
        calls = {"on the CPU": partial(make, xyz), f"on {WHERE}": partial(make, there)}
        yield timed(f"{title}, {count}", repeats, calls)


def timed(title: str, repeats: int, calls: dict[str, Callable[[], object]]) -> str:
    """A table; a GPU is named in it."""
    name = f" ({device.describe(WHERE)})" if WHERE.type == "cuda" else ""
    return markdown(compare_calls(title + name, calls, repeats=repeats, on=WHERE))


def on(array: Any) -> torch.Tensor:
    """An array on the device that is measured."""
    return torch.from_numpy(array).to(WHERE)


def same(found: Any, expected: Any) -> None:
    """Stop where an answer is not the CPU's, to the last bit."""
    np.testing.assert_array_equal(device.to_numpy(found), device.to_numpy(expected))


def near(found: Any, expected: Any) -> None:
    """Stop where a picture is not the CPU's to 90 dB."""
    error = np.mean(np.square(found.astype(np.float64) - expected)) / expected.max() ** 2
    assert error < 1e-9, f"{-10 * np.log10(error):.1f} dB"


if __name__ == "__main__":
    show(tables, __doc__)
