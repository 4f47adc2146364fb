"""Drop from each of two models what has no counterpart in the other: what ``gscli coprune`` does.

Co-pruning after CoR-GS (Zhang et al., ECCV 2024): where two models of one scene disagree, both are
unreliable. Both masks are computed before either model is pruned, so that the order does not matter.
A point as far away as the threshold stays, d <= T, as in forks of CoR-GS. CoR-GS itself drops it: it
keeps what Open3D's `evaluate_registration` matches, d < T.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import arguments, files, formats, given, neighbors, placing
from . import device as devices
from .comparing import conventions, search
from .comparing.options import only_cpu
from .comparing.pruned import Agreement, Copruned, Pruned
from .comparing.spacing import beyond_scene, parse_threshold
from .errors import GateMissed, UsageError
from .files import writing
from .formats import Memory, Target
from .given import Given, Opened
from .in_memory import Returned
from .kernels.hashing import is_whole
from .progress import Timings, Track, silent
from .rendering.views import VIEWS
from .resampling.draws import write_index
from .results.shown import counted
from .version import __version__

__all__ = ["Copruned", "Pruned", "coprune", "masks"]

MIN_POINTS = 5000


def masks(forth: Any, back: Any, threshold: float) -> tuple[Any, Any]:
    """Which points of each model have a counterpart in the other within a distance: d <= threshold.

    Args:
        forth: (N,) distances from the first model's points to the nearest of the second.
        back: (M,) distances from the second's to the nearest of the first.
        threshold: in the same units.

    Returns:
        (N,) and (M,) bool.
    """
    return conventions.kept(forth, threshold), conventions.kept(back, threshold)


def coprune(
    first: Given,
    second: Given,
    *,
    threshold: float | str,
    out_dir: str | os.PathLike[str] | None = None,
    min_points: int = MIN_POINTS,
    index: str | os.PathLike[str] | None = None,
    engine: str = "auto",
    device: str = "cpu",
    render: bool = False,
    overwrite: bool = False,
    allow_lossy: bool = False,
    trust_pickle: bool = False,
    axes: str | None = None,
    also_written: Sequence[str] = (),
    track: Track = silent,
) -> Copruned:
    """Prune two models by each other and write them as ``STEM.coprune.ply``, scene folders as such.

    Args:
        first, second: scene files, of which one may be ``-`` for stdin, clouds, or what
            `gscli.in_memory.as_cloud` makes clouds of.
        threshold: points farther than this from the other model are dropped: scene units, or
            ``2spacing`` in spacings, of which the larger of both models' counts.
        out_dir: the folder to write to; made if need be. Where both files have one stem, the outputs
            are named ``STEM.1.coprune.ply`` and ``STEM.2.coprune.ply``. Without one what is left of each is
            `Pruned.cloud`.
        min_points: write nothing unless each model keeps at least so many.
        index: a folder for the kept row numbers, as ``STEM.coprune.npy``.
        engine, device: see `gscli.compare.compare`.
        render: also say how alike both look from 12 cameras around the second, before and after.
        overwrite, allow_lossy: see `gscli.formats.write`.
        trust_pickle, axes: see `gscli.formats.read`.
        also_written: paths that the caller is going to write.
        track: told how far it is; see `gscli.progress.Track`.

    Raises:
        GateMissed: a model would keep fewer than `min_points`.
        GscliError: with the exit code that fits; no output is left half written.
    """
    arguments.require_paths(optional=True, out_dir=out_dir, index=index)
    arguments.require_flags(render=render, overwrite=overwrite, allow_lossy=allow_lossy)
    wanted = parse_threshold(threshold)
    if not is_whole(min_points) or min_points < 0:
        raise UsageError(f"`min_points` must be an integer of 0 or more, not {min_points!r}")
    sources = given.opened(first, second, roles=("first", "second"))
    if engine != "auto":
        neighbors.ENGINES.get(engine)
    where = devices.resolve(device)
    targets, indices = _plan(sources, out_dir, index, overwrite=overwrite, allow_lossy=allow_lossy)
    made = [folder for folder in (out_dir, index) if folder is not None]
    others = [path for path in (*also_written, *indices) if path is not None]
    read = given.paths(sources)
    formats.check_outputs(targets, others, sources=read, overwrite=overwrite, will_be_made=made)

    names = sources[0].name, sources[1].name
    timings = Timings()
    with timings.stage("read", track):
        clouds, _ = given.read(sources, trust_pickle=trust_pickle, axes=axes)
        xyz = [search.positions(cloud, name) for cloud, name in zip(clouds, names, strict=True)]
        total = sum(map(len, clouds))
        load = placing.Load(total, 2 * VIEWS * total if render else 0, cpu=only_cpu(None, engine))
        place = placing.settled(device, where, load)
        where = place.device
        if render:
            from .comparing import drawn  # takes as long to import as the rest

            drawn.prepare((clouds[0], clouds[1]), names, where=where)
    forth, back, spacings, used, _ = search.search_both(
        *xyz, engine=engine, where=where, names=names, timings=timings, track=track
    )
    known = [spacing for spacing in spacings if spacing is not None]
    limit = wanted.in_scene_units(max(known, default=None), "each model")
    notes = [*clouds[0].header.notes, *clouds[1].header.notes, *place.notes]
    if used.name == "faiss":
        notes += neighbors.notes()
    for points, name in zip(xyz, names, strict=True):
        notes += beyond_scene([limit], points, name)
    left = [np.flatnonzero(mask) for mask in masks(forth.distances, back.distances, limit)]
    for name, cloud, kept in zip(names, clouds, left, strict=True):
        if len(kept) < min_points:
            raise GateMissed(
                f"would keep {len(kept):,} of {counted(len(cloud), 'point')}, fewer than {min_points:,}: "
                "nothing is written",
                path=name,
                remedy=f"{'raise `threshold`, or ' * (len(cloud) >= min_points)}lower `min_points`",
            )
    agreement = None
    if render:
        with timings.stage("render"):
            whole, around = (clouds[0], clouds[1]), (clouds[1], "the second")
            pruned_both = clouds[0].take(left[0]), clouds[1].take(left[1])
            agreement = Agreement(
                *(drawn.between(pair, names, around, where, track) for pair in (whole, pruned_both))
            )
    pruned = []
    with writing.making(made), track("writing", sum(map(len, clouds))) as advance:
        for number, (cloud, kept) in enumerate(zip(clouds, left, strict=True)):
            other = ascii(Path(names[1 - number]).name)
            line = f"gscli {__version__} coprune threshold={limit!r} against={other}"
            target, npy = targets[number], indices[number]
            with timings.stage("write"):
                held = target.write(cloud, index=kept, made_by=line, advance=advance)
                if npy is not None:
                    write_index(npy, kept, overwrite=overwrite)
            about = names[number], cloud.header.format, len(cloud), len(kept), spacings[number]
            rows = kept.astype(np.int64)
            returned = None if held is None else Returned(held, rows)
            pruned.append(Pruned(*about, target.path or files.MEMORY, npy, rows, returned))
    options = {"threshold": str(threshold), "min_points": min_points, "engine": engine, "axes": axes}
    described = devices.describe(where)
    return Copruned(
        pruned[0], pruned[1], limit, min_points, used, described, timings, tuple(notes), options, agreement
    )


def _plan(
    sources: Sequence[Opened],
    out_dir: str | os.PathLike[str] | None,
    index: str | os.PathLike[str] | None,
    *,
    overwrite: bool,
    allow_lossy: bool,
) -> tuple[Sequence[Target | Memory], Sequence[str | None]]:
    """Where to write: two clouds, and two files of rows or None."""
    if out_dir is None:
        idle = {"index": index, "overwrite": overwrite, "allow_lossy": allow_lossy}
        formats.refuse_idle("out_dir", idle)
        return [Memory(), Memory()], [None, None]
    stems = [source.stem for source in sources]
    if stems[0] == stems[1]:
        stems = [f"{stem}.{number}" for number, stem in enumerate(stems, 1)]
    targets = [
        Target.of(
            os.path.join(out_dir, f"{stem}.coprune{source.suffix}"),
            overwrite=overwrite,
            allow_lossy=allow_lossy,
        )
        for source, stem in zip(sources, stems, strict=True)
    ]
    if index is None:
        return targets, [None, None]
    return targets, [os.fspath(Path(index) / f"{stem}.coprune.npy") for stem in stems]
