"""A scene while it is edited, what its edits take, and what each of them did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..cloud import GaussianCloud
from ..scratch import Scratch

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Done:
    """What an action did.

    Attributes:
        action, value: as they were asked for; a way that was looked for is the one that was found.
        before, after: rows.
        note: what else there is to tell of it, or nothing.
    """

    action: str
    value: Any
    before: int
    after: int
    note: str = ""


@dataclass(frozen=True)
class Scene:
    """A scene while it is edited.

    Attributes:
        cloud: its rows, or more. kept: (N,) which of them are left; None for all.
    """

    cloud: GaussianCloud
    kept: Mask | None = None


@dataclass(frozen=True)
class Means:
    """What edits take beside rows.

    Attributes:
        room: makes a place for rows that are no file's any more; it has to stay while they are read.
        read: gives the scene of the next merge.
        allow_lossy: whether what not all scenes have may be left out where they are merged.
    """

    room: Callable[[], Scratch]
    read: Callable[[], GaussianCloud]
    allow_lossy: bool = False
