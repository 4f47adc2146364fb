"""What `benchmarks.gpu` asks of a GPU, part by part, once each answer is found to be the CPU's."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gscli import VoxelGrid, compare, device, neighbors, rasterizers, resample, scene
from gscli.cameras import orbit
from gscli.errors import EngineUnavailable
from gscli.simplifying import look
from gscli.splats import Splats
from gscli.training import GridSampler

from .measured import Table, measure, processes
from .tables import GSCLI

ROOT = Path(__file__).parents[1]
MINUTES = 8
DIFFER = ("device", "engine", "timings_s", "options", "notes")  # in two reports of one comparison


class Run:
    """Where it runs, at what sizes, and until when."""

    def __init__(self, dry: bool, repeats: int) -> None:
        self.dry, self.repeats = dry, repeats
        self.where = torch.device("cpu" if dry else "cuda")
        self.name = "torch-cpu" if dry else "cuda"  # as commands call it
        self.ends = time.monotonic() + 60 * MINUTES - 20
        self.measure = partial(measure, where=self.where, repeats=repeats)

    def sizes(self, *real: int) -> tuple[int, ...]:
        return (2_000,) if self.dry else real

    def on(self, array: Any) -> torch.Tensor:
        return torch.from_numpy(array).to(self.where)

    def both(self, title: str, cpu: Callable[[], object], gpu: Callable[[], object], points: int) -> Table:
        return self.measure(title, {"on the CPU": cpu}, {f"on {self.where}": gpu}, points=points)

    def left(self) -> float:
        """Seconds until everything has to be over; at least 1."""
        return max(1.0, self.ends - time.monotonic())


Found = Iterator[Table | dict[str, Any]]


def tested(run: Run) -> Found:
    """The tests marked gpu, in a process of their own."""
    files = [
        str(p) for p in sorted((ROOT / "tests").rglob("test_*.py")) if "mark.gpu" in p.read_text("utf-8")
    ]
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", *files]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=min(180, run.left()), check=False
    )
    last = (done.stdout.strip().splitlines() or [done.stderr.strip()])[-1]
    failed = re.findall(r"^(?:FAILED|ERROR) (.*)", done.stdout, re.MULTILINE)
    yield {name: int(count) for count, name in re.findall(r"(\d+) (passed|failed|skipped|error)", last)}
    if done.returncode:
        raise AssertionError("; ".join(failed) or last)


def files(run: Run) -> Found:
    """Files and reports are the CPU's."""
    for points in run.sizes(1_000_000):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            a, b = (folder / f"{seed}.ply" for seed in range(2))
            for seed, path in enumerate((a, b)):
                scene.write(path, points, seed=seed)
            written = []
            for where in ("cpu", run.name):
                resample(a, folder / f"{where}-half.ply", seed=3, device=where)
                written.append((folder / f"{where}-half.ply").read_bytes())
            assert written[0] == written[1], "resample wrote other bytes"
            reports = [compare(a, b, threshold=[0.05], device=where).to_dict() for where in ("cpu", run.name)]
            for key in reports[0].keys() - set(DIFFER):
                assert reports[0][key] == reports[1][key], f"compare gave another {key}"
        yield {f"{points:,} Gaussians": "resample's bytes and compare's numbers are the CPU's"}


def searches(run: Run) -> Found:
    """One way, tree and search, of float32 and float64; a ready tree; several neighbours; memory; others."""
    for points in run.sizes(50_000, 200_000, 1_000_000, 4_000_000, 10_000_000):
        yield from _searched(run, points)
    for points in run.sizes(50_000):
        yield from _by_others(run, points)
        yield from _in_a_shell(run, 2 * points)


def _by_others(run: Run, points: int) -> Found:
    """The engines that `auto` does not take, and torch's own distances, which are not exact."""
    targets, queries = (run.on(np.random.default_rng(s).random((points, 3), np.float32)) for s in range(2))
    calls: dict[str, Callable[[], object]] = {
        "torch.cdist": lambda: [torch.cdist(part, targets).min(1) for part in queries.split(10_000)]
    }
    for name in ("torch-tree", "faiss"):
        engine = neighbors.ENGINES.get(name)
        try:
            engine.index(targets, device=run.where)
        except EngineUnavailable as missing:
            yield {name: f"left out: {missing}"}
            continue
        calls[name] = partial(lambda e: e.index(targets, device=run.where).nearest(queries), engine)
    kdtree = neighbors.ENGINES.get("kdtree").index
    here = [device.to_numpy(each) for each in (targets, queries)]
    on_cpu = {"kdtree": lambda: kdtree(here[0]).nearest(here[1])}
    yield run.measure(f"nearest of {points:,} points by others, one way", on_cpu, calls, points=points)


def _in_a_shell(run: Run, points: int) -> Found:
    """What defeats every tree: from the middle of a sphere all of it is equally far."""
    sphere = np.random.default_rng(0).normal(size=(points, 3))
    sphere /= np.linalg.norm(sphere, axis=1)[:, None]
    middle = np.random.default_rng(1).normal(size=(points // 10, 3)) * 1e-9
    chosen, _ = neighbors.choose(len(middle), points, run.where)
    engines = [neighbors.ENGINES.get(name).index for name in ("kdtree", chosen)]
    pairs = (sphere, middle), (run.on(sphere), run.on(middle))
    calls = [partial(lambda e, p: e(p[0]).nearest(p[1]), *each) for each in zip(engines, pairs, strict=True)]
    found, expected = calls[1](), calls[0]()
    same(found.rows, expected.rows)
    yield run.both(f"nearest of {points:,} points of a sphere, from its middle", *calls[:2], points)


def _searched(run: Run, points: int) -> Found:
    targets, queries = (
        np.ascontiguousarray(scene.make(points, sh_degree=0, seed=seed).xyz) for seed in range(2)
    )
    chosen, _ = neighbors.choose(points, points, run.where)
    on_cpu, engine = (neighbors.ENGINES.get(name).index for name in ("kdtree", chosen))
    here, there = run.on(targets), run.on(queries)
    wide = here.double(), there.double()
    tree = engine(here)
    found, expected = tree.nearest(there), on_cpu(targets).nearest(queries)
    same(found.distances, expected.distances)
    same(found.rows, expected.rows)
    yield run.measure(
        f"nearest of {points:,} points, one way",
        {"kdtree": lambda: on_cpu(targets).nearest(queries)},
        {
            chosen: lambda: engine(here).nearest(there),
            f"{chosen}, the tree alone": lambda: engine(here),
            f"{chosen}, the tree ready": lambda: tree.nearest(there),
            f"{chosen}, float64": lambda: engine(wide[0]).nearest(wide[1]),
        },
        points=points,
    )
    if points > 4_000_000:
        return
    for k in (3, 16):
        work = partial(neighbors.knn, targets, k), partial(neighbors.knn, here, k)
        for answer, wanted in zip(work[1](), work[0](), strict=True):
            same(answer, wanted)
        yield run.both(f"{k} nearest others of {points:,} points", *work, points)
    means = [partial(neighbors.mean_squared_distance, each) for each in (targets, here)]
    same(means[1](), means[0]())
    yield run.both(f"mean squared distance to 3 others, {points:,} points", *means, points)


def grids(run: Run) -> Found:
    """Grids of chosen and given sizes, samplers, each scenario alone and all three, gathered and rebuilt."""
    for points in run.sizes(1_000_000, 4_000_000):
        yield from _drawn(run, points)
    yield from _in_large_cells(run)


def _in_large_cells(run: Run) -> Found:
    """Grids by ids and their scenarios, in cells that one program, several warps or a sort takes."""
    for points in run.sizes(1_000_000):
        for cells in (points // 400, 40):
            ids = np.random.default_rng(0).integers(0, cells, points)
            pair = torch.from_numpy(ids), run.on(ids)
            samplers = [GridSampler.from_ids(each) for each in pair]
            for found, expected in zip(*(s.scenarios(epoch=3).values() for s in samplers[::-1]), strict=True):
                same(found.rows, expected.rows)
            among = f"{points:,} points in {cells:,} cells"
            yield run.both(
                f"a grid by ids, {among}", *(partial(GridSampler.from_ids, each) for each in pair), points
            )
            yield run.both(f"three scenarios, {among}", *(each.scenarios for each in samplers), points)


def _drawn(run: Run, points: int) -> Found:
    xyz = np.ascontiguousarray(scene.make(points, sh_degree=0).xyz)
    pair = xyz, run.on(xyz)
    made = [VoxelGrid.from_points(each, points_per_cell=18) for each in pair]
    assert made[0].voxel_size == made[1].voxel_size
    for name in ("order", "offsets", "cells"):
        same(getattr(made[1], name), getattr(made[0], name))
    samplers = [GridSampler(grid) for grid in made]
    for found, expected in zip(*(s.scenarios(epoch=3).values() for s in samplers[::-1]), strict=True):
        same(found.rows, expected.rows)
        same(found.cells, expected.cells)

    def gathered(at: int) -> list[Any]:
        return [pair[at][each.rows] for each in samplers[at].scenarios().values()]

    def rebuilt(at: int) -> list[Any]:
        sampler = GridSampler(VoxelGrid.from_points(pair[at], voxel_size=made[0].voxel_size))
        return [pair[at][each.rows] for each in sampler.scenarios().values()]

    works: dict[str, Callable[[int], object]] = {
        "a grid whose cell size is chosen": lambda at: VoxelGrid.from_points(pair[at], points_per_cell=18),
        "a grid of a given cell size": lambda at: VoxelGrid.from_points(
            pair[at],
            voxel_size=made[0].voxel_size,
        ),
        "a sampler of a ready grid": lambda at: GridSampler(made[at]),
        **{
            f"scenario {name}": partial(lambda name, at: samplers[at].scenarios((name,)), name)
            for name in ("dense", "half", "single")
        },
        "three scenarios": lambda at: samplers[at].scenarios(),
        "three scenarios, gathered": gathered,
        "a grid and three scenarios, gathered": rebuilt,
    }
    for title, work in works.items():
        yield run.both(
            f"{title}, {points:,} points in {len(made[0]):,} cells",
            partial(work, 0),
            partial(work, 1),
            points,
        )


def renders(run: Run) -> Found:
    """Views in colour and X-rays, each once it is found to be the CPU's but for rounding."""
    views = ((100_000, (800, 800)), (1_000_000, (800, 800)), (1_000_000, (1920, 1080)))
    for points, size in ((300, (48, 32)),) if run.dry else views:
        made = scene.make(points)
        (camera,) = orbit(made.xyz, 1, *size, up=(0, 0, 1))
        for xray in (False, True):
            splats = Splats.of(made, xray=xray)
            both = [rasterizers.chosen("auto", where).prepare(splats) for where in (None, run.where)]
            pictures = [drawn.draw(camera) for drawn in both]
            near(pictures[1].seen, pictures[0].seen)
            yield run.both(
                f"{'an X-ray' if xray else 'a view'} of {points:,} Gaussians, {size[0]} x {size[1]}",
                partial(both[0].draw, camera),
                partial(both[1].draw, camera),
                points,
            )
    yield from _looks(run)


def _looks(run: Run) -> Found:
    """A view as `simplify` looks at it: small, and how much each Gaussian fills of it."""
    points, side = (300, 24) if run.dry else (1_000_000, look.SIDE)
    made = scene.make(points)
    (camera,) = orbit(made.xyz, 1, side, side, up=(0, 0, 1))
    both = [rasterizers.chosen("auto", where).prepare(Splats.of(made)) for where in (None, run.where)]
    for drawn in both:
        drawn.keep_room()
    expected, found = (drawn.weigh(camera)[1] for drawn in both)
    apart = np.abs(found - expected).sum() / expected.sum()
    assert apart < 1e-3, f"weights are {apart:.2g} apart"
    title = f"a look at {points:,} Gaussians, {side} x {side}"
    yield run.both(title, partial(both[0].weigh, camera), partial(both[1].weigh, camera), points)


def commands(run: Run) -> Found:
    """Whole commands once each: comparisons, and a batch of scenes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (points,), (few,) = run.sizes(1_000_000), run.sizes(100_000)
        a, b, *scenes = (str(folder / f"{seed}.ply") for seed in range(6 if run.dry else 26))
        for seed, path in enumerate((a, b, *scenes)):
            scene.write(path, points if seed < 2 else few, seed=seed)
        devices = ("cpu", run.name)
        asked = {
            f"`gscli compare --device {where}`": [*GSCLI, "compare", a, b, "--device", where, "--quiet"]
            for where in devices
        }
        yield processes(f"{points:,} against {points:,} Gaussians, whole process", asked, limit=run.left())
        asked = {
            f"`gscli batch resample --device {where}`": [
                *(*GSCLI, "batch", "resample", *scenes, "--out-dir", str(folder / where)),
                *("--device", where, "--quiet"),
            ]
            for where in devices
        }
        title = f"{len(scenes)} scenes of {few:,} Gaussians, whole process"
        batch = processes(title, asked, limit=run.left())
        yield batch
        for path in scenes:
            written = [(folder / where / Path(path).name).read_bytes() for where in devices]
            assert written[0] == written[1], "a batch wrote other bytes"
        yield {f"scenes a second by {row.name}": round(len(scenes) / row.seconds, 2) for row in batch.rows}


def same(found: Any, expected: Any) -> None:
    """Stop where an answer is not the CPU's, to the last bit."""
    np.testing.assert_array_equal(device.to_numpy(found), device.to_numpy(expected))


def near(found: Any, expected: Any) -> None:
    """Stop where a picture is not the CPU's to 90 dB."""
    error = np.mean(np.square(found.astype(np.float64) - expected)) / expected.max() ** 2
    assert error < 1e-9, f"{-10 * np.log10(error):.1f} dB"


PARTS: dict[str, tuple[Callable[[Run], Found], float]] = {  # with the seconds in which a table may begin
    "tests": (tested, 180),
    "files": (files, 40),
    "searches": (searches, 80),
    "grids and draws": (grids, 60),
    "pictures": (renders, 40),
    "commands": (commands, 60),
}
