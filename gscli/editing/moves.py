"""What a motion makes of the header of a scene: which columns are new, and which way is up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from .. import fields
from ..cloud import GaussianCloud
from ..errors import UsageError
from ..files import upwards
from ..motions.algebra import applied
from ..motions.motion import Motion

NEAR = 1e-6  # to an axis is on it


@contextmanager
def named(action: str) -> Iterator[None]:
    """Say in refusals of a motion which action it is of."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"`{action}` {error.what}", remedy=error.remedy) from None


def header(like: GaussianCloud, motion: Motion, up: str | None) -> tuple[GaussianCloud, str]:
    """Rows like these after a motion, without any, and what there is to tell of it.

    Args:
        up: what is up afterwards, where that is known. Otherwise a comment that tells it is turned with
            the scene, and left out where it would be along no axis.
    """
    before = like.header
    moved = {
        name for name in (*fields.POSITION, *fields.NORMAL, *fields.ROTATION, *fields.SCALE) if name in like
    }
    harmonics = {name for name in like.fields if name.startswith("f_rest_")} if motion.turns else set()
    comments, note = before.comments, ""
    told = upwards.told(comments)
    if motion.turns and up is None and told is not None:
        up = _turned(told, motion)
        note = (
            "" if up else f"the comment {upwards.comment(told)!r} is left out: it is along no axis any more"
        )
    if up != told and (motion.turns or up is not None):
        comments = tuple(line for line in comments if upwards.told([line]) is None)
        comments += () if up is None else (upwards.comment(up),)
    after = replace(before, comments=comments, edited=before.edited | moved | harmonics)
    return replace(like, header=after), note


def _turned(way: str, motion: Motion) -> str | None:
    """The way that a way becomes; None where that is along no axis."""
    if motion.similarity is None:
        return None
    found = applied(motion.similarity[1], np.array(upwards.WAYS[way], np.float64))
    return next((name for name, axis in upwards.WAYS.items() if np.abs(found - axis).max() < NEAR), None)
