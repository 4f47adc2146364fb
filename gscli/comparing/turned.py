"""Whether one of two scenes is upside down: what wrongly assumed axes do to a scene."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..files import axes as frames
from ..kernels import metrics
from . import cells

SAMPLE = 1000  # points that are turned and tried
FEW, MOST = 0.05, 0.5  # the scenes match hardly at all as they are, and mostly once turned


def share_turned(
    source: npt.NDArray[np.floating],
    target: npt.NDArray[np.floating],
    threshold: float,
    *,
    seed: int = 0,
    tile: int | None = None,
) -> float:
    """Of a sample of (N, 3) positions, the share with a match among (M, 3) once y and z are negated.

    Args:
        source: the positions that are turned; target: those searched in.
        threshold: how near counts, in scene units.
        seed: of the sample.
        tile: index at most so many targets at a time; by default all.
    """
    sample = source[metrics.sample(len(source), SAMPLE, seed)]
    turned = np.ascontiguousarray(sample * np.array(frames.signs("rub"), sample.dtype))
    question = cells.Question(turned)
    cells.search(target, [question], tile=len(target) if tile is None else tile)
    return float((question.distances < threshold).mean())


def note(share: float) -> str:
    """What to tell of a share that `share_turned` found."""
    return (
        f"almost nothing matches, but {share:.0%} of a sample of the source does once turned by 180 degrees "
        f"about x: one of the two is in {frames.described('rub')} and taken for {frames.described('rdf')}, "
        "or the other way round"
    )
