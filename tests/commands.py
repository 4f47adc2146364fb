"""Every command of the command line, and an example of how each is run."""

from __future__ import annotations

from pathlib import Path

import click

from gscli import scene, write
from gscli.cli import main
from gscli.resample import resample

from .conftest import require_kernels

# For each command, arguments that take it along its CPU path; {scene} is a file, {out} a folder to write to,
# with drawn.ply, a draw from it, and run, a training run.
EXAMPLES = {
    "align": ["{scene}", "{out}/drawn.ply", "--out", "{out}/pose.json"],
    "batch compare": ["{scene}", "--reference", "{scene}", "--workers", "1"],
    "batch convert": ["{scene}", "--to", "npz", "--out-dir", "{out}/converted", "--workers", "1"],
    "batch edit": ["{scene}", "--where", "opacity > 0.1", "--out-dir", "{out}/clean", "--workers", "1"],
    "batch info": ["{scene}", "--workers", "1"],
    "batch lod": ["{scene}", "--levels", "2", "--out-dir", "{out}/levels", "--workers", "1"],
    "batch resample": ["{scene}", "--out-dir", "{out}/batch", "--workers", "1"],
    "batch simplify": ["{scene}", "--target", "40%", "--out-dir", "{out}/batch", "--workers", "1"],
    "batch verify": ["{out}/drawn.ply", "--reference", "{scene}", "--workers", "1"],
    "bench compare": ["--points", "900", "--search-points", "400", "--repeats", "1", "--no-slow"],
    "bench resample": ["--points", "3000", "--cells", "200", "--repeats", "1", "--no-slow"],
    "cache clear": [],
    "cache info": [],
    "compare": ["{scene}", "{out}/drawn.ply", "--html", "{out}/page.html", "--distances", "{out}/far.ply"],
    "coprune": ["{scene}", "{out}/drawn.ply", "-t", "1", "--min-points", "1", "--out-dir", "{out}/pruned"],
    "convert": ["{scene}", "{out}/scene.npz"],
    "demo": ["{scene}", "--out-dir", "{out}/demo"],
    "doctor": [],
    "edit": ["{scene}", "{out}/edited.ply", "--where", "opacity > 0.1", "--report", "{out}/edited.json"],
    "formats": [],
    "info": ["{scene}", "--stats", "--voxel-size", "0.5", "--json", "--html", "{out}/page.html"],
    "lod": ["{scene}", "{out}/levels", "--levels", "3"],
    "render": ["{scene}", "{out}/shots", "--views", "2", "--size", "64x48"],
    "resample": ["{scene}", "{out}/half.ply", "--report", "{out}/half.json", "--index", "{out}/half.npy"],
    "simplify": ["{scene}", "{out}/small.ply", "--target", "40%", "--index", "{out}/rows.npy"],
    "verify": ["{scene}", "{out}/drawn.ply"],
    "view": ["{scene}", "{out}/view.html", "--turns", "4", "--size", "48"],
    "watch": ["{out}/run", "--once", "--every", "0.01", "--tensorboard", "{out}/logs"],
}
WITH_KERNELS = {"batch lod", "batch simplify", "lod", "render", "simplify", "view"}


def commands(group: click.Group = main, *above: str) -> dict[str, click.Command]:
    """All commands that do something, by their full names."""
    found: dict[str, click.Command] = {}
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            found |= commands(command, *above, name)
        elif command is not None:
            found[" ".join([*above, name])] = command
    return found


def example(name: str, folder: Path) -> list[str]:
    """The arguments of a command's example, whose files are made in `folder`; skips where it cannot run."""
    if name in WITH_KERNELS:
        require_kernels()
    path = folder / "scene.ply"
    write(path, scene.make(300))
    resample(path, folder / "drawn.ply")
    for step in (1, 2):
        (folder / f"run/iteration_{step}").mkdir(parents=True)
        write(folder / f"run/iteration_{step}/point_cloud.ply", scene.make(300))
    return [arg.format(scene=path, out=folder) for arg in EXAMPLES[name]]
