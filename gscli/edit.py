"""Crop, filter, clean, move and merge scenes; what no action changes stays: what ``gscli edit`` does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from . import arguments, files, formats, given
from .cloud import GaussianCloud
from .editing import actions as editing
from .editing.passes import edited, rounds
from .editing.result import Edited as Edited
from .editing.state import Done as Done
from .editing.state import Means, Scene
from .errors import UsageError, naming
from .files import upwards
from .formats import Target
from .given import Given, Held
from .in_memory import Returned
from .progress import Timings, Track, silent
from .resampling.draws import dangling
from .scratch import Scratch, folder_for
from .version import __version__

__all__ = ["Done", "Edited", "edit"]


def edit(
    source: Given,
    output: str | os.PathLike[str] | None = None,
    actions: Sequence[tuple[str, Any]] = (),
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

    Rows go through a block at a time, and are copied as bytes unless an action changes them. What rows
    become is kept in a file without a name until the end, beside the output, or else among temporary files;
    where there is an output, rows of a file that have to be decoded are, too. Without one what comes of it
    shares no memory with what was given.

    Args:
        source: a scene file or folder, ``-`` for stdin, a cloud, or what `gscli.in_memory.as_cloud` makes one
            of.
        output: the file or folder to write, or ``-`` for stdout; without one what comes of it is
            `Edited.cloud`.
        actions: pairs of a name and a value, done in this order, as ``("crop_box", (0, 0, 0, 1, 1, 1))``;
            text as on the command line will do, too.

            - ``crop_box`` x0, y0, z0, x1, y1, z1: keep what is within two corners, which may be infinite;
            - ``crop_sphere`` x, y, z, r: keep what is no farther than r from a point;
            - ``where``: keep the rows for which a condition holds, see `gscli.editing.expression`;
            - ``rotate`` x, y, z: by degrees about the x axis, then y, then z; ``scale``: by a factor from the
              origin; ``translate`` x, y, z; ``transform``: by a (4, 4) matrix, or that of a JSON file;
            - ``up`` as ``y:z``: turn until what is up along y is up along z; ``auto:z`` finds it first;
            - ``sh_degree``: leave harmonics beyond a degree out;
            - ``drop_floaters`` share, size: drop what is in groups of touching cells that hold less than this
              share of all points, by default 1 %; of cells of a size, or else of about 20 points each;
            - ``drop_outliers`` k, s: drop points whose mean distance to their k nearest, up to 100, is more
              than s standard deviations above the mean of all;
            - ``merge``: put the rows of another scene, as of `source`, behind those that are left; ``dedupe``
              behind it leaves out those no farther than a distance from one that is there.
        overwrite, allow_lossy, quality: see `gscli.formats.write`.
        trust_pickle, axes: see `gscli.formats.read`.
        also_written: paths that the caller is going to write. track: see `gscli.progress.Track`.

    Raises:
        UsageError: no action, one that makes no sense or that the scene cannot follow, or one that leaves
            nothing.
        GscliError: with the exit code that fits; no output is left half written.
    """
    _require_output(output)
    arguments.require_flags(overwrite=overwrite, allow_lossy=allow_lossy)
    (first,) = given.opened(source)
    wanted = editing.actions(actions)
    to = formats.destination(
        output,
        idle={"quality": quality, "overwrite": overwrite and not also_written},
        like=first.folder_format,
        overwrite=overwrite,
        allow_lossy=allow_lossy,
        axes=axes,
        quality=quality,
    )
    scenes = [first, *(each.scene for each in wanted if isinstance(each, editing.Merge))]
    if sum(each.standard for each in scenes) > 1:
        raise UsageError("stdin holds one scene, and is asked for two", remedy="name a file")
    inputs = given.paths(scenes)
    inputs += [
        Path(each.value) for each in wanted if each.name == "transform" and isinstance(each.value, str)
    ]
    formats.check_outputs([to], also_written, sources=inputs, overwrite=overwrite)
    timings = Timings()
    with ExitStack() as closing:

        def room() -> Scratch:
            return closing.enter_context(Scratch(folder_for(output)))

        with timings.stage("read", track):
            (cloud, *more), (name, *_) = given.read(
                scenes,
                trust_pickle=trust_pickle,
                axes=axes,
                to=[to],
                room=room if isinstance(to, Target) else None,
            )
            size = first.bytes  # before it is replaced, perhaps
        means = Means(room, iter(more).__next__, allow_lossy)
        total = rounds(wanted) * len(cloud)
        with timings.stage("edit"), track("editing", total) as advance, naming(name):
            scene, done = edited(Scene(cloud), wanted, means, advance)
        kept = len(cloud) if not done else done[-1].after
        if not kept and len(cloud):
            last = next(each for each in done if not each.after)
            raise UsageError(f"`{last.action}` leaves nothing of {len(cloud):,} points", path=name)
        with timings.stage("write"), track("writing", len(scene.cloud)) as advance:
            made_by = f"gscli {__version__} edit {_words(wanted, done)}"
            told, kept_rows = scene.cloud, scene.kept
            if isinstance(to, Target):
                told = _told(told, cloud, to)
            elif kept_rows is None and (isinstance(first, Held) or told.rows is not cloud.rows):
                kept_rows = np.ones(len(told), bool)  # off what was given, or out of the temporary file
            held = to.write(told, index=kept_rows, made_by=made_by, advance=advance)
    return Edited(
        path=name,
        format=cloud.header.format,
        bytes=size,
        points=len(cloud),
        output=files.display_output(to.path),
        kept=kept,
        actions=tuple(done),
        timings=timings,
        notes=(
            *(note for each in (cloud, *more) for note in each.header.notes),
            *(dangling(cloud, [to]) if kept != len(cloud) else []),
        ),
        options={
            "actions": [pair for action in wanted for pair in editing.pairs(action)],
            "axes": axes,
            "quality": quality,
        },
        returned=None if held is None else Returned(held),
    )


def _require_output(output: object) -> None:
    """Refuse what is no path, such as the actions, which follow it."""
    if isinstance(output, (list, tuple)):
        what = f"`output` must be a path, not {arguments.told(output)}"
        raise UsageError(what, remedy="give actions by their name, as `actions=[('scale', 2)]`")
    arguments.require_paths(optional=True, output=output)


def _told(cloud: GaussianCloud, source: GaussianCloud, to: Target) -> GaussianCloud:
    """A scene without the comment that tells which way is up, where that is new and the format holds none."""
    if upwards.told(source.header.comments) is not None or upwards.told(cloud.header.comments) is None:
        return cloud
    comments = tuple(line for line in cloud.header.comments if upwards.told([line]) is None)
    bare = replace(cloud, header=replace(cloud.header, comments=comments))
    return bare if len(to.losses(bare)) < len(to.losses(cloud)) else cloud


def _words(wanted: Sequence[editing.Action], done: Sequence[Done]) -> str:
    """The actions in the comment that tells how a file was made."""
    words = []
    for action, found in zip(wanted, done, strict=True):
        (first, _), *more = editing.pairs(action)
        for name, value in ((first, found.value), *more):
            if isinstance(value, list):
                numbers = [each for each in np.ravel(np.array(value, object)).tolist() if each is not None]
                words.append(f"{name}={','.join(map(repr, numbers))}")
            else:
                shown = Path(value).name if name in ("transform", "merge") else value
                words.append(f"{name}={shown!a}")
    return " ".join(words)
