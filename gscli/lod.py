"""Levels of detail of a scene by one sequence of merges: what ``gscli lod`` does."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from . import arguments, files
from . import device as devices
from .cameras import files as camera_files
from .cloud import GaussianCloud
from .convert import written_as
from .errors import GateMissed, UsageError, naming
from .files import folders, writing
from .formats import Format, Source, Target
from .progress import Timings, Track, silent
from .results import documents
from .simplify import Looked, provenance
from .simplifying import budget, drawing, judging, look
from .simplifying.asked import levels_asked
from .simplifying.gaussians import Gaussians
from .simplifying.levels import INDEX, refuse_existing
from .simplifying.levels import Level as Level
from .simplifying.levels import Levels as Levels
from .simplifying.levels import Short as Short
from .simplifying.making import Maker
from .simplifying.searching import figure
from .simplifying.streaming import Stream

__all__ = ["Level", "Levels", "Short", "lod"]


def lod(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    levels: int | None = None,
    ratio: float = 0.5,
    max_error: float | str | None = None,
    to: str = "ply",
    views: int | None = None,
    cameras: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    allow_lossy: bool = False,
    trust_pickle: bool = False,
    axes: str | None = None,
    quality: str | None = None,
    device: str = "cpu",
    memory_limit: int | str | None = None,
    also_written: Sequence[str] = (),
    track: Track = silent,
) -> Levels:
    """Write a scene in levels of detail: itself, and each next one with fewer Gaussians, merged of the last.

    All are of one sequence of merges, so that a Gaussian of a level is what some of the level before it
    became; each is made to look like the scene itself, as `gscli.simplify.simplify` makes it, and judged
    beside it. ``lod.json`` in the folder says what is in which file, and how it looks. As SOG the levels are
    cut in boxes too, and ``lod-meta.json`` says what is where, for viewers that stream them.

    Args:
        source: a scene of 3D Gaussians with colours, or ``-`` for stdin.
        output: the folder to write.
        levels: how many, the scene itself included; 6 by default, or, with `max_error`, as many as keep it.
        ratio: how many Gaussians of a level the next one has.
        max_error: leave out the levels from the first on that looks less like the scene: a PSNR in dB, as
            ``35`` or ``"35dB"``, of pixels that show anything, the less of that on black and that on white.
        to: the format of the files, by suffix or name.
        views, cameras: from where to look, see `gscli.simplify.simplify`.
        overwrite: whether levels that are in the folder may be replaced.
        allow_lossy, quality: see `gscli.formats.write`.
        trust_pickle, axes: see `gscli.formats.read`.
        device: where scenes are drawn, see `gscli.simplify.simplify`.
        memory_limit: what the process may take, in bytes or as ``2GB``; levels are PLY then, and the same.
        also_written: paths that the caller is going to write. track: see `gscli.progress.Track`.

    Raises:
        InputError: points alone, flat splats, X-rays or Gaussians that cannot be drawn.
        UsageError: options that make no sense, or too little memory.
        WriteRefused: the folder holds something, and may not be replaced; or what would be lost.
        GateMissed: the first level after the scene itself falls short of `max_error` already.
        EngineUnavailable: nothing can be rendered here, or not on that device.
    """
    arguments.require_paths(source=source, output=output)
    arguments.require_paths(optional=True, cameras=cameras)
    arguments.require_flags(overwrite=overwrite, allow_lossy=allow_lossy)
    asked = levels_asked(levels, ratio, max_error, views, cameras)
    memory = arguments.size(memory_limit, "memory_limit")
    drawing.require(device, views, memory, judged=asked.limit is not None)
    where = devices.resolve(device)
    read = Source.of(source)
    suffix, form = level_written_as(to)
    place = os.path.join(output, f"0{suffix}")
    target = Target.of(place, allow_lossy=allow_lossy, axes=axes, quality=quality)
    budget.refuse_in_memory(form, memory)
    refuse_existing(Path(output), overwrite=overwrite)
    sources = [read.path, *([] if cameras is None else [Path(cameras)])]
    writing.check_outputs(also_written, overwrite=overwrite, sources=sources)
    given = None if cameras is None else camera_files.read(cameras)

    timings = Timings()
    with timings.stage("read", track):
        cloud = read.read(trust_pickle=trust_pickle, axes=axes, axes_of=[form])
        size = read.bytes
    target.refuse_losses(cloud)
    gaussians = Gaussians.of(cloud, read.name)
    counts = asked.counts(len(cloud))
    with naming(read.name):
        sparing = budget.sparing(memory, cloud, max(counts[1:], default=1), views=views, several=True)
    looked_from = look.from_where(cloud, given, views, 1)
    engine, placed = drawing.settled(device, where, cloud, looked_from, memory)
    seen = look.taken(cloud, read.name, looked_from, engine, timings, track)
    maker = Maker.of(gaussians, seen, read.name, sparing=sparing)
    with timings.stage("merge", track):
        hierarchy = maker.hierarchy(counts[-1])
    judge = None
    if seen is not None:
        with timings.stage("judge"):
            judged_from = judging.from_where(cloud, read.name, given)
            judge = judging.Judge(cloud, read.name, judged_from, engine, several=True)
    found: list[Level] = []
    short: Short | None = None

    def made() -> Iterator[tuple[GaussianCloud, str | None, float | None, judging.Judged | None]]:
        """The levels, one after the other: rows, comment, growth and how it looks."""
        nonlocal short
        yield cloud, None, None, None
        for count in counts[1:]:
            one = maker.made(hierarchy.roots(count), timings, track)
            looks = None
            if judge is not None:
                looks = judge.stage(one.cloud, timings, track)
                if asked.limit is not None and figure(looks) < asked.limit:
                    short = Short(count, figure(looks))
                    return
            yield one.cloud, provenance(f"target={count}", seen, cameras, one.growth), one.growth, looks
            del one  # before the next one is

    def refuse(old: Path, new: Path | None) -> None:
        refuse_existing(old, overwrite=overwrite, called=os.fspath(output))

    with folders.replacing(output, overwrite=overwrite, refuse=refuse) as folder:
        write = _as_stream(folder, cloud) if form.name == "sog" else _as_files(folder, target, suffix)
        for rows, made_by, growth, looks in made():
            with timings.stage("write"), track("writing", None):
                names = write(rows, made_by)
            found.append(Level(len(found), len(rows), tuple(names), growth, looks))
            del rows
        if short is not None and len(found) == 1:
            raise GateMissed(
                f"looks less like itself than `max_error` {asked.limit:g} dB at the first level already: "
                f"with {short.points:,} of {len(cloud):,} left it is {short.psnr:.1f} dB",
                path=read.name,
                remedy="ask for less, or for a larger ratio",
            )
        write(None, None)
        result = Levels(
            path=read.name,
            format=cloud.header.format,
            bytes=size,
            points=len(cloud),
            output=files.display_output(os.fspath(output)),
            to=form.name,
            levels=tuple(found),
            averaged=tuple(maker.averaged),
            chosen=tuple(maker.chosen),
            looked=None if seen is None else Looked.of(seen, cameras, None),
            short=short,
            timings=timings,
            notes=(*cloud.header.notes, *placed),
            options={
                "levels": levels,
                "ratio": ratio,
                "max_error": asked.limit,
                "to": to,
                "views": views,
                "cameras": None if cameras is None else os.fspath(cameras),
                "axes": axes,
                "quality": quality,
                "device": device,
            },
        )
        (folder / INDEX).write_text(documents.dumps(result.index()) + "\n")
    return result


def level_written_as(to: str) -> tuple[str, Format]:
    """The suffix of a level's file, and its format, by either's name.

    Raises:
        UsageError: a format that there is not, or of folders.
    """
    if not isinstance(to, str):
        raise UsageError(f"`to` must be the suffix or the name of a format, not {arguments.told(to)}")
    suffix, form = written_as(to)
    if form.folder:
        raise UsageError(f"`to` {to} is a folder, and a level is a file", remedy="try ply, spz or sog")
    return suffix, form


Write = Callable[[GaussianCloud | None, str | None], list[str]]  # a level, and in the end None


def _as_files(folder: Path, target: Target, suffix: str) -> Write:
    """Writes each level to a file called by its number."""
    number = 0

    def write(cloud: GaussianCloud | None, made_by: str | None) -> list[str]:
        nonlocal number
        if cloud is None:
            return []
        name = f"{number}{suffix}"
        number += 1
        target.at(folder / name).write(cloud, made_by=made_by)
        return [name]

    return write


def _as_stream(folder: Path, finest: GaussianCloud) -> Write:
    """Writes each level as SOG, and in the end lod-meta.json."""
    stream = Stream(folder, finest)

    def write(cloud: GaussianCloud | None, made_by: str | None) -> list[str]:
        if cloud is not None:
            return stream.add(cloud)
        stream.finish()
        return []

    return write
