"""Two clouds compared: their centres and, where both have them, their Gaussians."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from .. import device as devices
from ..progress import Timings, Track
from . import budget, pairing, turned
from .asked import Asked
from .centers import Centers, compare_centers
from .paired import with_gaussians
from .result import Compared, Evidence, Input
from .two import Two

if TYPE_CHECKING:
    import torch


def measured(
    two: Two, asked: Asked, *, where: torch.device | None, timings: Timings, track: Track
) -> Compared:
    """The numbers of two scenes; limits on them are left to the caller.

    Args:
        asked: what for, checked already. where: the device.

    Raises:
        InputError: an empty scene, or coordinates that are not finite.
        UsageError: what these two cannot be asked, or too little memory.
        EngineUnavailable: the engine's library or device is missing.
    """
    source, target = two.clouds
    cut = asked.pieces(two)
    with timings.stage("read", track):
        positions = two.positions()
    pairs, known, similarity = asked.pairs(two), None, None
    if pairs is not None:
        similarity = None if two.moved is None else two.moved.require_similarity()
        if pairs.kind != "nearest":
            known = pairing.given_pairs(pairs, len(source), len(target))
    centers, forth, back = compare_centers(
        *positions,
        thresholds=asked.thresholds,
        max_queries=asked.max_queries,
        seed=asked.seed,
        engine=asked.engine,
        where=where,
        names=two.searched,
        tile=None if cut is None else cut.tile,
        timings=timings,
        track=track,
    )
    notes = [*source.header.notes, *target.header.notes, *centers.notes]
    notes += _turned(positions, centers, asked.seed, cut, timings)
    if asked.gaussians and two.lacking is not None:
        notes.append(f"centres only: {two.lacking} has no opacity, scales and rotation")
    (name, other), (size, of_other), spacings = two.names, two.sizes, centers.spacings
    result = Compared(
        Input(name, source.header.format, len(source), spacings[0], size),
        Input(other, target.header.format, len(target), spacings[1], of_other),
        centers,
        pairing=None,
        gaussians=None,
        weighted=None,
        mass=None,
        device=devices.describe(where),
        timings=timings,
        notes=tuple(notes),
        options=asked.options(two, pairs),
        evidence=Evidence(positions, forth, back, two.clouds),
    )
    if pairs is None:
        return result
    with timings.stage("gaussians"):
        return with_gaussians(result, two.clouds, pairs, known, similarity, cut, track)


def _turned(
    positions: tuple[npt.NDArray[Any], npt.NDArray[Any]],
    centers: Centers,
    seed: int,
    cut: budget.Pieces | None,
    timings: Timings,
) -> list[str]:
    """Tell where few points match and many more would if one scene were turned by right angles."""
    first = centers.source_to_target.at[0]
    if first.fitness >= turned.FEW:
        return []
    with timings.stage("search"):
        tile = None if cut is None else cut.tile
        share = turned.share_turned(*positions, first.threshold, seed=seed, tile=tile)
    return [turned.note(share)] if share > turned.MOST else []
