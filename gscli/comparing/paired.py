"""A comparison of centres, and with it the Gaussians of both scenes: held pair by pair, and weighed."""

from __future__ import annotations

from dataclasses import replace

from ..cloud import GaussianCloud
from ..motions.transform import Similarity
from ..progress import Track, silent
from ..results.shown import counted
from ..runtime import memory
from . import budget, weights
from .gaussians import differences
from .pairing import Pairing, Pairs
from .result import Compared
from .weights import Side


def with_gaussians(
    result: Compared,
    clouds: tuple[GaussianCloud, GaussianCloud],
    asked: Pairing,
    known: Pairs | None,
    similarity: Similarity | None,
    cut: budget.Pieces | None,
    track: Track = silent,
) -> Compared:
    """A result with what the Gaussians of both clouds add to it.

    Args:
        asked: which to hold against each other. known: the pairs, where they do not follow from the search.
        similarity: what moved the source. cut: how to keep to a memory limit; None where there is none.
        track: told how far it is.
    """
    assert result.evidence is not None
    forth, back, positions = result.evidence.forth, result.evidence.back, result.evidence.positions
    source = Side(clouds[0], positions[0], forth.distances, forth.asked, similarity)
    target = Side(clouds[1], positions[1], back.distances, back.asked)
    pairs = known or Pairs("source", forth.asked, forth.rows, forth.distances)
    streamed = source if pairs.streamed == "source" else target
    count = len(streamed.cloud) if pairs.rows is None else len(pairs.rows)
    with track("comparing", len(source.cloud) + len(target.cloud) + count) as advance:
        mass_a, held_a = weights.weigh(source, cut is None and streamed is target, advance)
        mass_b, held_b = weights.weigh(target, cut is None and streamed is source, advance)
        held = held_b if held_a is None else held_a
        at_a_time = 0 if cut is None else cut.attributes
        if cut is not None:
            memory.give_back()
        found = differences(source, target, pairs, held, result.target.spacing, at_a_time, advance)
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
