"""Crop, filter and move scenes, every row as it was where nothing changes it: what ``gscli edit`` does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from . import arguments, files, formats
from .cloud import GaussianCloud
from .editing import actions as editing
from .editing.passes import Done as Done
from .editing.passes import Scene, edited, rounds
from .editing.result import Edited as Edited
from .errors import UsageError, naming
from .files import upwards
from .formats import Source, Target
from .progress import Timings, Track, silent
from .resampling.draws import dangling
from .scratch import Scratch, folder_for
from .version import __version__

__all__ = ["Done", "Edited", "edit"]


def edit(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    actions: Sequence[tuple[str, Any]],
    *,
    overwrite: bool = False,
    allow_lossy: bool = False,
    trust_pickle: bool = False,
    axes: str | None = None,
    quality: str | None = None,
    also_written: Sequence[str] = (),
    track: Track = silent,
) -> Edited:
    """Read a scene, do one action after the other to it, and write what comes of it.

    Rows go through a block at a time, and are copied as bytes unless an action changes them. What rows become
    is kept in a file without a name beside the output until that is written.

    Args:
        source: a scene file or folder, or ``-`` for stdin.
        output: the file or folder to write, or ``-`` for stdout.
        actions: pairs of a name and a value, done in this order, as ``("crop_box", (0, 0, 0, 1, 1, 1))``;
            text as on the command line will do, too.

            - ``crop_box`` x0, y0, z0, x1, y1, z1: keep what is within two corners, which may be infinite;
            - ``crop_sphere`` x, y, z, r: keep what is no farther than r from a point;
            - ``where``: keep the rows for which a condition holds, see `gscli.editing.expression`;
            - ``rotate`` x, y, z: by degrees about the x axis, then y, then z; ``scale``: by a factor from the
              origin; ``translate`` x, y, z; ``transform``: by a (4, 4) matrix, or that of a JSON file;
            - ``up`` as ``y:z``: turn until what is up along y is up along z; ``auto:z`` finds it first;
            - ``sh_degree``: leave harmonics beyond a degree out.
        overwrite, allow_lossy, quality: see `gscli.formats.write`.
        trust_pickle, axes: see `gscli.formats.read`.
        also_written: paths that the caller is going to write. track: see `gscli.progress.Track`.

    Raises:
        UsageError: no action, one that makes no sense or that the scene cannot follow, or one that leaves
            nothing.
        GscliError: with the exit code that fits; no output is left half written.
    """
    arguments.require_paths(source=source, output=output)
    arguments.require_flags(overwrite=overwrite, allow_lossy=allow_lossy)
    wanted = editing.actions(actions)
    read = Source.of(source)
    to = Target.of(
        output,
        like=read.folder_format,
        overwrite=overwrite,
        allow_lossy=allow_lossy,
        axes=axes,
        quality=quality,
    )
    formats.check_outputs([to], also_written, sources=[read.path], overwrite=overwrite)
    timings = Timings()
    with timings.stage("read", track):
        cloud = read.read(trust_pickle=trust_pickle, axes=axes, axes_of=[to.format])
        size = read.bytes  # before it is replaced, perhaps
    with ExitStack() as closing:

        def room() -> Scratch:
            return closing.enter_context(Scratch(folder_for(output)))

        total = rounds(wanted) * len(cloud)
        with timings.stage("edit"), track("editing", total) as advance, naming(read.name):
            scene, done = edited(Scene(cloud), wanted, room, advance)
        kept = len(cloud) if not done else done[-1].after
        if not kept and len(cloud):
            last = next(each for each in done if not each.after)
            raise UsageError(f"`{last.action}` leaves nothing of {len(cloud):,} points", path=read.name)
        with timings.stage("write"), track("writing", len(scene.cloud)) as advance:
            made_by = f"gscli {__version__} edit {' '.join(_words(each) for each in done)}"
            to.write(_told(scene.cloud, cloud, to), index=scene.kept, made_by=made_by, advance=advance)
    return Edited(
        path=read.name,
        format=cloud.header.format,
        bytes=size,
        points=len(cloud),
        output=files.display_output(to.path),
        kept=kept,
        actions=tuple(done),
        timings=timings,
        notes=(*cloud.header.notes, *(dangling(cloud, [to]) if kept != len(cloud) else [])),
        options={
            "actions": [[action.name, action.value] for action in wanted],
            "axes": axes,
            "quality": quality,
        },
    )


def _told(cloud: GaussianCloud, source: GaussianCloud, to: Target) -> GaussianCloud:
    """A scene without the comment that tells which way is up, where that is new and the format holds none."""
    if upwards.told(source.header.comments) is not None or upwards.told(cloud.header.comments) is None:
        return cloud
    comments = tuple(line for line in cloud.header.comments if upwards.told([line]) is None)
    bare = replace(cloud, header=replace(cloud.header, comments=comments))
    return bare if len(to.losses(bare)) < len(to.losses(cloud)) else cloud


def _words(done: Done) -> str:
    """An action in the comment that tells how a file was made."""
    if isinstance(done.value, list):
        return f"{done.action}={','.join(map(repr, np.ravel(done.value).tolist()))}"
    value = Path(done.value).name if done.action == "transform" else done.value
    return f"{done.action}={value!a}"
