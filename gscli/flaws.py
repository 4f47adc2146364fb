"""Flaws: rows whose position is not finite, and Gaussians that no renderer can draw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from . import arguments, fields
from .cloud import GaussianCloud
from .errors import InputError, UsageError, did_you_mean
from .progress import nothing

GAUSSIANS: Literal["gaussians"] = "gaussians"
WORDS = ("rows", GAUSSIANS)
Dropped = bool | Literal["gaussians"]  # True: rows whose position is not finite


@dataclass(frozen=True)
class Flaws:
    """How many rows have a flaw; None for what was not looked for. A row may have several.

    Attributes:
        points: those whose position is not finite.
        not_finite: Gaussians with a finite position and something else that is not: opacities may be infinite
            and scales -infinite, but nothing NaN.
        unrotated: those whose quaternion is zero.
    """

    points: int = 0
    not_finite: int | None = None
    unrotated: int | None = None

    def to_dict(self) -> dict[str, int | None]:
        """Its part of a JSON document."""
        return asdict(self)

    def __str__(self) -> str:
        """For people, how many have which flaw; nothing where none has any."""
        told = (
            (self.points, "with a position that is not finite"),
            (self.not_finite, "with another value that is not"),
            (self.unrotated, "without a rotation"),
        )
        return ", ".join(f"{count:,} {what}" for count, what in told if count)

    def __add__(self, other: Flaws) -> Flaws:
        return Flaws(
            self.points + other.points,
            _added(self.not_finite, other.not_finite),
            _added(self.unrotated, other.unrotated),
        )


def _added(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def to_drop(drop_invalid: Any) -> Dropped:
    """What is to be dropped, as it is asked for: True and ``rows`` mean the same.

    Raises:
        UsageError: neither True, False nor one of `WORDS`.
    """
    if isinstance(drop_invalid, bool | np.bool_):
        return bool(drop_invalid)
    if isinstance(drop_invalid, str) and drop_invalid in WORDS:
        return GAUSSIANS if drop_invalid == GAUSSIANS else True
    remedy = did_you_mean(drop_invalid, WORDS) if isinstance(drop_invalid, str) else None
    what = f"`drop_invalid` must be True, False, 'rows' or 'gaussians', not {arguments.told(drop_invalid)}"
    raise UsageError(what, remedy=remedy)


def columns(names: Sequence[str]) -> tuple[str, ...]:
    """The columns beside positions that `look` looks at, of a scene with these.

    Raises:
        InputError: it holds no Gaussians.
    """
    if not fields.is_gaussian(names):
        raise InputError(
            "holds no Gaussians that could have flaws",
            remedy="give `drop_invalid=True` instead of `drop_invalid='gaussians'`",
        )
    colours = (name for name in names if name.startswith(("f_dc_", "f_rest_")))
    return (fields.OPACITY, *fields.scale_names(names), *fields.ROTATION, *colours)


def look(xyz: npt.NDArray[Any], others: npt.NDArray[Any], names: Sequence[str]) -> tuple[Any, Flaws]:
    """Which of some Gaussians have a flaw, and how many have which.

    Args:
        xyz: (3, N) positions. others: (C, N) the columns that `columns` gives. names: what these are called.

    Returns:
        (N,) bool, and the counts.
    """
    first = 1 + sum(name.startswith("scale_") for name in names)  # of the rotation and what follows
    placed = np.isfinite(xyz).all(0)
    good = ~np.isnan(others[0]) & np.isfinite(others[first:]).all(0)
    good &= (others[1:first] < np.inf).all(0)
    unrotated = (others[first : first + len(fields.ROTATION)] == 0).all(0)
    counts = (~placed, placed & ~good, unrotated)
    return ~placed | ~good | unrotated, Flaws(*(int(np.count_nonzero(flaw)) for flaw in counts))


def of(
    cloud: GaussianCloud,
    xyz: npt.NDArray[Any] | None = None,
    advance: Callable[[int], object] = nothing,
) -> Flaws:
    """The flaws of Gaussians.

    Args:
        xyz: (3, N) the positions of all of them; those with any flaw become NaN.
        advance: told of each number of Gaussians that were looked at.

    Raises:
        InputError: there are none, or a column is missing.
    """
    names, found = columns(cloud.fields), Flaws(0, 0, 0)
    for start, block in cloud.column_blocks((*fields.POSITION, *names)):
        flawed, counts = look(block[:3], block[3:], names)
        found += counts
        if xyz is not None:
            xyz[:, start : start + len(flawed)][:, flawed] = np.nan
        advance(len(flawed))
    return found
