"""Where the scenes of a batch end: one after the other, as Pointcept's ``offset`` says it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import arguments
from ..errors import UsageError

MOST = 1 << 20  # scenes of a batch


def ends_of(offset: Any, rows: int) -> tuple[int, ...]:
    """Where each scene of a batch ends.

    Args:
        offset: (B,) integers, a list, array or tensor: the number of rows up to the end of each scene.
        rows: how many there are in all, which is the last of them. A scene may be empty.

    Raises:
        UsageError: no such numbers.
    """
    found = arguments.array(offset, "offset", "iu", "(B,) integers", ())
    ends = tuple(int(end) for end in found[:MOST])
    if not ends or len(found) > MOST:
        raise UsageError(f"`offset` has {len(found):,} scenes", remedy=f"give 1 to {MOST:,}")
    if any(end < start for start, end in zip((0, *ends), ends, strict=False)):
        raise UsageError("`offset` descends", remedy="give the number of rows up to the end of each scene")
    if ends[-1] != rows:
        raise UsageError(
            f"`offset` ends at {ends[-1]:,}, but there are {rows:,} rows",
            remedy="give the number of rows up to the end of each scene",
        )
    return ends


def offset_of(batch: Any, rows: int) -> tuple[int, ...]:
    """Where each scene of a batch ends, given the scene of every row.

    Args:
        batch: (N,) integers from 0 on, which never descend; those that are missing are empty scenes.
        rows: how many there are.

    Raises:
        UsageError: no such numbers.
    """
    found = arguments.array(batch, "batch", "iu", "(N,) integers", ())
    if len(found) != rows:
        raise UsageError(f"`batch` has {len(found):,} numbers for {rows:,} rows")
    if not rows:
        raise UsageError("`batch` of no rows has no scenes", remedy="give `offset`")
    if (found[1:] < found[:-1]).any():
        raise UsageError(
            "`batch` descends", remedy="put the rows of a scene side by side, the first scene first"
        )
    first, last = int(found[0]), int(found[-1])
    if not 0 <= first <= last < MOST:
        raise UsageError(
            f"`batch` has the scenes {first} to {last}", remedy=f"count them from 0 to {MOST - 1:,}"
        )
    return tuple(np.searchsorted(found, np.arange(last + 1), side="right").tolist())


def of_kept(ends: Sequence[int], kept: Any) -> tuple[int, ...]:
    """Where the scenes end among some of the rows, (M,) and ascending, a NumPy array or a tensor."""
    if isinstance(kept, np.ndarray):
        return tuple(np.searchsorted(kept, ends).tolist())
    import torch

    return tuple(torch.searchsorted(kept, kept.new_tensor(ends)).tolist())
