"""How far two scenes disagree, centres and Gaussians, exactly: what ``gscli compare`` does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, get_type_hints

import numpy.typing as npt

from . import arguments, fields, formats, neighbors, scratch
from . import device as devices
from .cloud import GaussianCloud, Points, as_cloud
from .comparing import budget, cells, gates, paint, pairing, search, turned, weights
from .comparing.centers import Centers, color_top, compare_centers
from .comparing.gates import Limit
from .comparing.gaussians import differences
from .comparing.pairing import Pairing, Pairs
from .comparing.result import NUMBERS, OF_CENTERS, Evidence, Input
from .comparing.result import Compared as Compared
from .comparing.spacing import parse_threshold
from .comparing.transform import Similarity, Transform
from .comparing.weights import Side
from .errors import UsageError
from .files import writing
from .formats import Source, Target
from .kernels import hashing
from .progress import Timings, Track, silent
from .results.shown import counted
from .version import __version__

if TYPE_CHECKING:
    import torch

__all__ = ["Compared", "Evidence", "Input", "compare"]

Scene: TypeAlias = "str | os.PathLike[str] | Points"  # a file, or a cloud or array in memory


def compare(
    source: Scene,
    target: Scene,
    *,
    threshold: float | str | Sequence[float | str] | None = None,
    pair: str | None = None,
    gaussians: bool = True,
    transform: str | os.PathLike[str] | npt.ArrayLike | None = None,
    max_queries: int | None = None,
    seed: int = 0,
    engine: str = "auto",
    memory_limit: int | str | None = None,
    device: str = "cpu",
    min_fitness: float | None = None,
    max_rmse: float | None = None,
    require: str | Sequence[str] = (),
    distances: str | os.PathLike[str] | None = None,
    colors: bool = False,
    overwrite: bool = False,
    allow_lossy: bool = False,
    trust_pickle: bool = False,
    axes: str | None = None,
    also_written: Sequence[str] = (),
    track: Track = silent,
) -> Compared:
    """Compare two scenes: their centres and, where both have them, their Gaussians.

    Args:
        source: the scene to judge; target: the reference. Each a file, ``-`` for stdin as one of them, a
            cloud, or an array that `gscli.cloud.as_cloud` makes one of.
        threshold: how near counts as a match, or several such distances: scene units, or the target's
            ``2spacing``, which is the default.
        pair: which Gaussians to hold against each other: ``nearest`` (the default: each of the source
            with its nearest of the target), ``rows`` or ``index:FILE``; see `gscli.comparing.pairing`.
        gaussians: false compares centres alone.
        transform: a (4, 4) matrix to apply to the source first, or a JSON file of one.
        max_queries: ask at most so many points of each scene. The target is never thinned.
        seed: of every sample. engine: one of `gscli.neighbors.ENGINES`, or ``auto``.
        memory_limit: what the process may take, in bytes or as ``2GB``; a large cloud is cut, with the
            same result.
        device: see `gscli.device.NAMES`.
        min_fitness, max_rmse: gates on the first threshold. require: another or several, as in
            `gscli.comparing.gates`.
        distances: also write the source, every field as stored, with a column ``distance``.
        colors: paint it by distance, up to `color_top`; see `gscli.comparing.paint`.
        overwrite, allow_lossy: about `distances`; see `gscli.formats.write`. track: told how far it is.
        trust_pickle, axes: see `gscli.formats.read`. also_written: paths that the caller is going to write.

    Raises:
        InputError: a file that cannot be read, an empty scene, or coordinates that are not finite.
        UsageError: an option that cannot be honoured or has no effect.
        EngineUnavailable: the engine's library or device is missing.
    """
    arguments.require_paths(optional=True, distances=distances)
    arguments.require_flags(gaussians=gaussians, colors=colors, overwrite=overwrite, allow_lossy=allow_lossy)
    scenes = _scene(source, "source"), _scene(target, "target")
    if all(isinstance(scene, Source) and scene.standard for scene in scenes):
        raise UsageError("stdin can be one of the two scenes, not both")
    output = None if distances is None else Target.of(distances, overwrite=overwrite, allow_lossy=allow_lossy)
    paint.check_options(
        output,
        colors=colors,
        allow_lossy=allow_lossy,
        sampled=max_queries is not None,
        in_pieces=memory_limit is not None,
    )
    written = [*also_written, *([] if output is None else [output.path])]
    index = None if pair is None else pairing.parse(pair).path
    read = [scene.path for scene in scenes if isinstance(scene, Source)]
    read += [Path(path) for path in (transform, index) if isinstance(path, (str, os.PathLike))]
    writing.check_outputs(written, overwrite=overwrite, sources=read)
    moved = None if transform is None else Transform.of(transform)
    where = devices.resolve(device)
    thresholds = [] if threshold is None else _thresholds(threshold)
    memory = arguments.size(memory_limit, "memory_limit")
    required = arguments.several(require, "require", (str,), "a limit, or several")
    limits = gates.limits(min_fitness, max_rmse, required)
    _check_options(thresholds, pair, gaussians, max_queries, seed, engine, limits)
    if memory is not None:
        budget.require_tiles(engine, where)
    timings = Timings()
    with timings.stage("read"):
        clouds, names = _read(scenes, trust_pickle, axes)
    result = _compare(
        clouds,
        names,
        thresholds=thresholds,
        pair=pair,
        gaussians=gaussians,
        moved=moved,
        axes=axes,
        max_queries=max_queries,
        seed=seed,
        engine=engine,
        memory_limit=memory,
        where=where,
        timings=timings,
        track=track,
    )
    found = result.numbers()
    result = replace(result, gates=tuple(gates.check(limit, found) for limit in limits))
    if output is not None:
        with timings.stage("write"):
            _write_distances(output, clouds[0], result, colors)
    return result


def _thresholds(given: float | str | Sequence[float | str]) -> list[float | str]:
    found = arguments.several(given, "threshold", (str, Real), "a distance, or several")
    if not found:
        raise UsageError("`threshold` names no distance", remedy="leave it out for 2spacing")
    return found


def _scene(given: Scene, name: str) -> Source | GaussianCloud:
    if isinstance(given, arguments.PATH):
        return Source.of(given)
    try:
        return as_cloud(given)
    except UsageError:
        what = f"`{name}` must be a path, a cloud or (N, 3) numbers, not {arguments.told(given)}"
        raise UsageError(what) from None


def _read(
    scenes: tuple[Source | GaussianCloud, Source | GaussianCloud], trust_pickle: bool, axes: str | None
) -> tuple[tuple[GaussianCloud, GaussianCloud], tuple[str, str]]:
    """Both scenes, and what messages and the report call them: clouds in memory by their part in it."""
    sources = [scene for scene in scenes if isinstance(scene, Source)]
    for name, given in (("trust_pickle", trust_pickle), ("axes", axes is not None)):
        if given and not sources:
            raise UsageError(f"`{name}` has no effect on clouds in memory")
    opened = iter(formats.read_all(sources, trust_pickle=trust_pickle, axes=axes))
    a, b = (next(opened) if isinstance(scene, Source) else scene for scene in scenes)
    roles = zip(scenes, ("source", "target"), strict=True)
    name, other = (scene.name if isinstance(scene, Source) else role for scene, role in roles)
    return (a, b), (name, other)


def _compare(
    clouds: tuple[GaussianCloud, GaussianCloud],
    names: tuple[str, str],
    *,
    thresholds: Sequence[float | str],
    pair: str | None,
    gaussians: bool,
    moved: Transform | None,
    axes: str | None,
    max_queries: int | None,
    seed: int,
    engine: str,
    memory_limit: int | None,
    where: torch.device | None,
    timings: Timings,
    track: Track,
) -> Compared:
    """`compare` of two clouds, once its options are checked; gates are left to it."""
    source, target = clouds
    cut = None
    if memory_limit is not None:
        cut = budget.pieces(
            memory_limit,
            clouds,
            moved=moved is not None,
            listed=(pair or "").startswith("index:"),
            sampled=max_queries,
        )
    with timings.stage("read"):
        positions = [search.positions(c, name) for c, name in zip(clouds, names, strict=True)]
        if moved is not None:
            positions[0] = moved.apply(positions[0])
    lacking = [name for c, name in zip(clouds, names, strict=True) if not fields.is_gaussian(c.fields)]
    paired = gaussians and not lacking
    similarity = moved.require_similarity() if paired and moved is not None else None
    if lacking and pair is not None:
        raise UsageError(f"`pair` has no effect: {lacking[0]} has no opacity, scales and rotation")
    pairs_asked = pairing.parse(pair or "nearest") if paired else None
    known = None
    if pairs_asked is not None and pairs_asked.kind != "nearest":
        known = pairing.given_pairs(pairs_asked, len(source), len(target))
    searched = names if moved is None else (f"{names[0]} moved by {moved.path or 'transform'}", names[1])
    centers, forth, back = compare_centers(
        *positions,
        thresholds=thresholds,
        max_queries=max_queries,
        seed=seed,
        engine=engine,
        where=where,
        names=searched,
        tile=None if cut is None else cut.tile,
        timings=timings,
        track=track,
    )
    notes = [*source.header.notes, *target.header.notes, *centers.notes]
    first = centers.source_to_target.at[0]
    if first.fitness < turned.FEW:
        with timings.stage("search"):
            tile = None if cut is None else cut.tile
            share = turned.share_turned(positions[0], positions[1], first.threshold, seed=seed, tile=tile)
        if share > turned.MOST:
            notes.append(turned.note(share))
    if lacking and gaussians:
        notes.append(f"centres only: {lacking[0]} has no opacity, scales and rotation")
    result = Compared(
        Input(names[0], source.header.format, len(source), centers.spacings[0]),
        Input(names[1], target.header.format, len(target), centers.spacings[1]),
        centers,
        pairing=None,
        gaussians=None,
        weighted=None,
        mass=None,
        device=devices.describe(where),
        timings=timings,
        notes=tuple(notes),
        options={
            "threshold": [str(t) for t in thresholds] or None,
            "axes": axes,
            "pair": None if pairs_asked is None else pair or "nearest",
            "gaussians": gaussians,
            "transform": None if moved is None else moved.matrix.tolist(),
            "max_queries": max_queries,
            "seed": seed,
            "engine": engine,
            "memory_limit": memory_limit,
        },
        evidence=Evidence((positions[0], positions[1]), forth, back),
    )
    if pairs_asked is not None:
        with timings.stage("gaussians"):
            return _with_gaussians(result, clouds, pairs_asked, known, similarity, cut)
    return result


def _check_options(
    thresholds: Sequence[float | str],
    pair: str | None,
    gaussians: bool,
    max_queries: int | None,
    seed: int,
    engine: str,
    limits: Sequence[Limit],
) -> None:
    """Refuse options that no two clouds could make sense of, before any is read."""
    for threshold in thresholds:
        parse_threshold(threshold)
    if pair is not None:
        if not gaussians:
            raise UsageError("`pair` has no effect with `gaussians=False`")
        pairing.parse(pair)
    search.check_max_queries(max_queries)
    hashing.require_seeds(seed=seed)
    if engine != "auto":
        neighbors.ENGINES.get(engine)
    types = get_type_hints(Compared) | {name: get_type_hints(Centers)[name] for name in OF_CENTERS}
    for limit in limits:
        gates.require_number(limit.metric, {name: types[name] for name in NUMBERS}, len(thresholds) or 1)


def _with_gaussians(
    result: Compared,
    clouds: tuple[GaussianCloud, GaussianCloud],
    asked: Pairing,
    known: Pairs | None,
    similarity: Similarity | None,
    cut: budget.Pieces | None,
) -> Compared:
    assert result.evidence is not None
    forth, back, positions = result.evidence.forth, result.evidence.back, result.evidence.positions
    source = Side(clouds[0], positions[0], forth.distances, forth.asked, similarity)
    target = Side(clouds[1], positions[1], back.distances, back.asked)
    pairs = known or Pairs("source", forth.asked, forth.rows, forth.distances)
    mass_a, held_a = weights.weigh(source, held_too=cut is None and pairs.streamed == "target")
    mass_b, held_b = weights.weigh(target, held_too=cut is None and pairs.streamed == "source")
    held = held_b if held_a is None else held_a
    at_a_time = 0 if cut is None else cut.attributes
    if cut is not None:
        cells.give_back()
    found = differences(source, target, pairs, held, result.target.spacing, at_a_time)
    notes = list(result.notes)
    for mass, name in ((mass_a, result.source.path), (mass_b, result.target.path)):
        if mass.invalid:
            notes.append(
                f"{counted(mass.invalid, 'Gaussian')} of {name} without weight: "
                "its opacity or a scale is no finite size"
            )
    if found.invalid:
        notes.append(
            f"{found.invalid:,} of {counted(found.pairs, 'pair')} without a finite number of some kind: "
            "each number leaves out the pairs without it"
        )
    return replace(
        result,
        pairing=replace(asked, pairs=found.pairs, thinned=pairs.streamed if asked.kind == "index" else None),
        gaussians=found,
        weighted=weights.weighted(mass_a, mass_b),
        mass=weights.ratios(mass_a, mass_b),
        notes=tuple(notes),
    )


def _write_distances(output: Target, source: GaussianCloud, result: Compared, colors: bool) -> None:
    assert result.evidence is not None
    target = "stdin" if result.target.path == "<stdin>" else os.path.basename(result.target.path)
    top = color_top(result.centers.source_to_target) if colors else None
    found, folder = result.evidence.forth.distances, scratch.folder_for(output.path)
    with paint.with_distances(source, found, colors_to=top, folder=folder) as cloud:
        line = f"gscli {__version__} compare: distance to the nearest point of {target!a}"
        output.write(cloud, made_by=line)
