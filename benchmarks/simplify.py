"""Scenes thinned to a half, a quarter and an eighth: how they look, by `gscli simplify` and by others.

Each is drawn from 12 cameras around the scene and from 12 that are nearer, all upright and above the horizon,
480 x 480, and held against the scene itself: PSNR in dB over the pixels that show anything, the mean of the
views. Time is the CPU's for a whole process, which in ours judges the result too.

    python -m benchmarks.simplify scene.ply other.spz
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from gscli import scene
from gscli.cameras import Camera
from gscli.cameras.orbit import box
from gscli.cloud import GaussianCloud
from gscli.formats import Source
from gscli.rasterizers import Picture, core
from gscli.rendering.metrics import Likeness
from gscli.rendering.views import find, wanted
from gscli.splats import Splats

from .tables import GSCLI, seconds, show

SHARES = ("50%", "25%", "12%")
VIEWS, SIDE = 12, 480
NEARER = 0.45  # of the distance
WHITE = (1.0, 1.0, 1.0)
HEADS = ("time", "peak memory", "on black", "on white", "worst view", "nearer")


def tables(quick: bool, repeats: int, scenes: Sequence[str] = ()) -> Iterator[str]:
    """One table a scene; without scenes, one that gscli makes."""
    side = 64 if quick else SIDE
    with tempfile.TemporaryDirectory() as folder:
        if not scenes:
            scenes = [os.path.join(folder, "made.ply")]
            scene.write(scenes[0], 3_000 if quick else 200_000)
        for path in scenes:
            yield _table(path, folder, side, SHARES[1:2] if quick else SHARES)


def _table(path: str, folder: str, side: int, shares: Sequence[str]) -> str:
    source = Source.of(path)
    whole = source.read()
    cameras = _cameras(whole, path, side)
    reference = _drawn(whole, cameras)
    title = f"{source.path.name}, {len(whole):,} Gaussians"
    lines = [[title, *HEADS], ["---"] * (len(HEADS) + 1)]
    for share in shares:
        out = os.path.join(folder, "out.ply")
        count = len(whole) * int(share[:-1]) // 100
        for name, command in _commands(path, out, count).items():
            if command is None:
                lines.append(
                    [f"{share}, {name}", f"{name.split()[0]} is not installed", *[""] * (len(HEADS) - 1)]
                )
                continue
            time, peak = run(command)
            found = Source.of(out).read()
            assert len(found) == count, (name, len(found), count)
            told = [f"{number:.1f}" for number in _alike(found, cameras, reference)]
            lines.append([f"{share}, {name}", seconds(time), f"{peak:,.0f} MB", *told])
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _commands(path: str, out: str, count: int) -> dict[str, list[str] | None]:
    """What makes `out` of a scene, so many Gaussians; None where it is not installed."""
    ours = [*GSCLI, "simplify", path, out, "--target", str(count), "--overwrite", "--quiet"]
    theirs = shutil.which("splat-transform")
    given = os.path.join(path, "meta.json") if os.path.isdir(path) else path
    selected = [*GSCLI, "resample", path, out, "--target", str(count), "--overwrite", "--quiet", "--no-cache"]
    return {
        "gscli simplify": ours,
        "gscli simplify --views 0": [*ours, "--views", "0"],
        "splat-transform -d": None
        if theirs is None
        else [theirs, "-q", "-w", "-g", "cpu", given, "-d", str(count), out],
        "gscli resample": selected,
        "gscli resample --compensate opacity": [*selected, "--compensate", "opacity"],
        "gscli resample --pick importance": [*selected, "--pick", "importance"],
    }


def run(command: Sequence[str]) -> tuple[float, float]:
    """CPU seconds of a whole process, and its peak memory in MB."""
    code = (
        "import os, sys\n"
        "_, status, used = os.wait4(os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ), 0)\n"
        "print(used.ru_utime + used.ru_stime, used.ru_maxrss)\n"
        "sys.exit(os.waitstatus_to_exitcode(status))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, *command], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {done.stderr.strip().splitlines()[-1:]}")
    time, peak = done.stdout.splitlines()[-1].split()
    return float(time), int(peak) * (1 if sys.platform == "darwin" else 1024) / 1e6


def _cameras(cloud: GaussianCloud, path: str, side: int) -> list[Camera]:
    """Those around a scene, and then those that are nearer."""
    around = find(wanted(VIEWS, side), cloud, path).cameras
    low, high = box(cloud.xyz)
    middle = (low + high) / 2
    near = []
    for camera in around:
        place = middle + NEARER * (camera.position - middle)
        pose = camera.world_to_camera.copy()
        pose[:3, 3] = -pose[:3, :3] @ place
        near.append(replace(camera, world_to_camera=pose, near=camera.near * NEARER))
    return [*around, *near]


def _drawn(cloud: GaussianCloud, cameras: Sequence[Camera]) -> list[Picture]:
    drawn = core.Drawable(Splats.of(cloud))
    return [drawn.draw(camera) for camera in cameras]


def _alike(
    cloud: GaussianCloud, cameras: Sequence[Camera], reference: Sequence[Picture]
) -> tuple[float, ...]:
    """PSNR on black and on white, that of the worst view on black, and on black from nearer."""
    black, white = Likeness(ssim=False), Likeness(ssim=False)
    for camera, found, whole in zip(cameras, _drawn(cloud, cameras), reference, strict=True):
        assert found.color is not None
        assert whole.color is not None
        black.add(camera.name, found.color, found.alpha, whole.color, whole.alpha)
        white.add(camera.name, found.over(WHITE), found.alpha, whole.over(WHITE), whole.alpha)
    on_black, on_white = (
        np.array([np.inf if view.foreground is None else view.foreground for view in each.alike().views])
        for each in (black, white)
    )
    return (
        float(on_black[:VIEWS].mean()),
        float(on_white[:VIEWS].mean()),
        float(on_black[:VIEWS].min()),
        float(on_black[VIEWS:].mean()),
    )


if __name__ == "__main__":
    show(tables, __doc__, files="scenes to thin, instead of one that gscli makes")
