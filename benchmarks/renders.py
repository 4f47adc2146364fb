"""Pictures drawn on the CPU: a view, many, larger scenes and whole processes, beside reading the rows."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import numpy as np

from gscli import scene
from gscli.bench.timing import compare_calls, compare_processes
from gscli.cameras import orbit
from gscli.cloud import GaussianCloud
from gscli.rasterizers import core
from gscli.splats import Splats

from .tables import GSCLI, markdown, show

UP = (0, 0, 1)


def tables(quick: bool, repeats: int) -> Iterator[str]:
    """Calls on 1M Gaussians of degree 3, scenes of growing size, and commands."""
    points, size = (3_000, 80) if quick else (1_000_000, 800)
    cloud = scene.make(points)
    (camera,) = orbit(cloud.xyz, 1, size, size, up=UP)
    colors, xray = core.Drawable(Splats.of(cloud)), core.Drawable(Splats.of(cloud, xray=True))
    calls: dict[str, Callable[[], object]] = {
        "colours": lambda: colors.draw(camera),
        "colours, on one thread": on_one_thread(lambda: colors.draw(camera)),
        "colours and depth": lambda: colors.draw(camera, depth=True),
        "an X-ray": lambda: xray.draw(camera),
        "reading the rows, summed as integers": lambda: int(cloud.rows.view(np.uint32).sum()),
    }
    title = f"a view of {points:,} Gaussians of SH degree 3, {size} x {size}"
    yield markdown(compare_calls(title, calls, repeats=repeats))
    few = scene.make(points // 10)
    cameras = orbit(few.xyz, 12, size, size, up=UP)
    drawn = core.Drawable(Splats.of(few))
    calls = {f"{len(few):,} Gaussians": lambda: [drawn.draw(each) for each in cameras]}
    yield markdown(compare_calls(f"12 views, {size} x {size}", calls, repeats=repeats))
    yield markdown(
        compare_calls(
            f"how it grows, SH degree 0, {size} x {size}", dict(grown(points, size)), repeats=repeats
        )
    )
    with tempfile.TemporaryDirectory() as folder:
        a, b, out = (str(Path(folder) / name) for name in ("a.ply", "b.ply", "out.png"))
        for seed, path in enumerate((a, b)):
            scene.write(path, points, seed=seed)
        looks = ["compare", a, b, "--render", "--size", str(size), "--quiet"]
        commands = {
            "gscli render": [*GSCLI, "render", a, out, "--size", str(size), "--overwrite", "--quiet"],
            "gscli compare --render, 12 views on black and white": [*GSCLI, *looks],
            "gscli compare": [*GSCLI, "compare", a, b, "--quiet"],
        }
        yield markdown(compare_processes(f"whole processes, {points:,} Gaussians", commands, repeats=repeats))


def grown(points: int, size: int) -> Iterator[tuple[str, Callable[[], object]]]:
    """A view of as many Gaussians, of three times and of ten times as many."""
    for times in (1, 3, 10):
        cloud: GaussianCloud = scene.make(points * times, sh_degree=0)
        (camera,) = orbit(cloud.xyz, 1, size, size, up=UP)
        drawn = core.Drawable(Splats.of(cloud))
        yield f"{len(cloud):,}", lambda drawn=drawn, camera=camera: drawn.draw(camera)  # type: ignore[misc]


def on_one_thread(call: Callable[[], object]) -> Callable[[], object]:
    """The call on one thread."""

    def run() -> object:
        with mock.patch.dict(os.environ, GSCLI_THREADS="1"):
            return call()

    return run


if __name__ == "__main__":
    show(tables, __doc__)
