"""What is asked of a simplification, or of levels of detail: how few Gaussians, and from where to look."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from .. import arguments
from ..errors import UsageError, did_you_mean
from ..grids.lattice import check_lattice_options, lattice_options
from ..grids.settings import rows_wanted
from ..rendering.views import MOST
from .methods import CELLS, METHODS, PAIRS

LEVELS, MOST_LEVELS = 6, 32


def require_sense(
    target: int | str | None,
    min_psnr: float | None,
    views: int | None,
    cameras: str | os.PathLike[str] | None,
    method: str = PAIRS,
    voxel_size: float | None = None,
    points_per_cell: float | None = None,
    origin: Sequence[float] | str | None = None,
) -> None:
    """Refuse arguments of `gscli.simplify` that make no sense, or not together.

    Raises:
        UsageError: such.
    """
    if method not in METHODS:
        raise UsageError(f"no method {method!r}", remedy=did_you_mean(str(method), METHODS))
    if method == CELLS:
        _require_cells(target, min_psnr, voxel_size, points_per_cell, origin)
    else:
        _require_pairs(target, min_psnr, lattice_options(voxel_size, points_per_cell, origin))
    if target is not None:
        rows_wanted(str(target), None)
    if min_psnr is not None and not (arguments.is_number(min_psnr) and 0 < min_psnr < math.inf):
        raise UsageError(f"`min_psnr` must be a number of dB over 0, not {arguments.told(min_psnr)}")
    if views is not None and (not arguments.is_whole(views) or not 0 <= views <= MOST):
        raise UsageError(f"`views` must be a whole number from 0 to {MOST:,}, not {arguments.told(views)}")
    for name, asked in (("cameras", cameras), ("min_psnr", min_psnr)):
        if views == 0 and asked is not None:
            raise UsageError(f"`{name}` has no effect with `views=0`", remedy="drop one")


def _require_pairs(target: int | str | None, min_psnr: float | None, lattice: dict[str, bool]) -> None:
    for name in (name for name, given in lattice.items() if given):
        raise UsageError(f"`{name}` has no effect with `method={PAIRS!r}`", remedy=f"add `method={CELLS!r}`")
    if (target is None) == (min_psnr is None):
        raise UsageError("give either `target` or `min_psnr`")


def _require_cells(
    target: int | str | None,
    min_psnr: float | None,
    voxel_size: float | None,
    points_per_cell: float | None,
    origin: Sequence[float] | str | None,
) -> None:
    check_lattice_options(voxel_size, points_per_cell, origin)
    if min_psnr is not None:
        raise UsageError(f"`min_psnr` has no effect with `method={CELLS!r}`", remedy="drop one")
    for name, given in (("voxel_size", voxel_size), ("points_per_cell", points_per_cell)):
        if target is not None and given is not None:
            raise UsageError(f"`{name}` has no effect beside `target`", remedy="give one of the two")


@dataclass(frozen=True)
class LevelsAsked:
    """Levels of detail.

    Attributes:
        most: how many there are at most. ratio: how many Gaussians of a level the next one has.
        limit: the least PSNR of one in dB, if there is one.
    """

    most: int
    ratio: float
    limit: float | None

    def counts(self, total: int) -> list[int]:
        """How many Gaussians each level has, of a scene of so many; no two as many."""
        found = [total]
        while len(found) < self.most and (count := max(1, math.floor(found[-1] * self.ratio))) < found[-1]:
            found.append(count)
        return found


def levels_asked(
    levels: int | None,
    ratio: float,
    max_error: float | str | None,
    views: int | None,
    cameras: str | os.PathLike[str] | None,
) -> LevelsAsked:
    """What arguments of `gscli.lod` ask for.

    Raises:
        UsageError: they make no sense, or not together.
    """
    limit = _decibels(max_error)
    if levels is None:
        most = LEVELS if limit is None else MOST_LEVELS
    elif arguments.is_whole(levels) and 2 <= levels <= MOST_LEVELS:
        most = levels
    else:
        told = arguments.told(levels)
        raise UsageError(f"`levels` must be a whole number from 2 to {MOST_LEVELS}, not {told}")
    if not arguments.is_number(ratio) or not 0 < ratio < 1:
        raise UsageError(f"`ratio` must be a number between 0 and 1, not {arguments.told(ratio)}")
    require_sense("1", None, views, cameras)
    if limit is not None and views == 0:
        raise UsageError("`max_error` has no effect with `views=0`", remedy="drop one")
    return LevelsAsked(most, ratio, limit)


def _decibels(max_error: float | str | None) -> float | None:
    """A limit in dB, from what was given."""
    if max_error is None:
        return None
    value = max_error
    if isinstance(value, str):
        match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*(?:dB)?\s*", value, re.IGNORECASE)
        value = float(match[1]) if match else math.nan
    if not arguments.is_number(value) or not 0 < value < math.inf:
        told = arguments.told(max_error)
        raise UsageError(f"`max_error` must be a PSNR in dB over 0, as 35 or 35dB, not {told}")
    return float(value)
