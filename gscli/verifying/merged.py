"""What a simplified scene is asked: is every row that of its scene, or what its rows merge to?"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import device as devices
from .. import rasterizers
from ..cameras import Camera
from ..cloud import GaussianCloud
from ..comparing.pairing import read_index
from ..errors import EngineUnavailable, InputError, UsageError
from ..grids.settings import rows_wanted
from ..grids.voxel_grid import VoxelGrid
from ..kernels import rowsets
from ..kernels.structured import take_rows
from ..progress import Timings, Track
from ..rasterizers import ON_CPU, Chosen
from ..simplifying import cells, drawing, look
from ..simplifying.gaussians import Gaussians, require
from ..simplifying.hierarchy import Hierarchy
from ..simplifying.making import Made, Maker
from .checks import SHOWN, Check, different_columns
from .claims import refusing
from .expected import Expected, expected, values
from .simplifications import Simplification

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Redone:
    """A scene that was simplified again.

    Attributes:
        maker: what it was made with. made: what became of it.
        cameras: those of a file that it was looked at from, if it was.
        grid: the cells whose rows were put together, if they were.
    """

    maker: Maker
    made: Made
    cameras: Sequence[Camera] | None
    grid: VoxelGrid | None


@dataclass(frozen=True)
class Again:
    """What scenes of fewer rows are made from once more, and the merges that lead to them."""

    maker: Maker
    hierarchy: Hierarchy


def merged_again(
    cloud: GaussianCloud,
    said: Simplification,
    source: str,
    path: str,
    *,
    cameras: Sequence[Camera] | None,
    least: int,
    timings: Timings,
    track: Track,
) -> Again:
    """The merges of a scene that leave `least` rows, as it is `said`; all else as of `check`."""
    maker = _maker(cloud, said, source, path, cameras, least, timings, track)
    with timings.stage("merge", track):
        return Again(maker, maker.hierarchy(least))


def check(
    cloud: GaussianCloud,
    drawn: GaussianCloud,
    said: Simplification,
    source: str,
    path: str,
    *,
    rows: str | os.PathLike[str] | None,
    cameras: Sequence[Camera] | None,
    again: Again | None = None,
    timings: Timings,
    track: Track,
) -> tuple[list[Check], tuple[str, ...], Redone | None]:
    """The checks of one simplified scene, notes on what was not compared, and the scene simplified again.

    By a report Gaussians grow anew as suits the scene, by a comment as it says. Nothing is simplified where
    there are not as many rows as there are to be.

    Args:
        cloud: the scene, at `source`. drawn: what the file at `path` holds, and `said` that it is.
        rows: the file of the row that each row of the scene became part of; None merges again.
        cameras: those of the file that it was looked at from, if it was.
        again: what `merged_again` gives for as few rows or fewer; None merges by itself.

    Raises:
        InputError: a claim that cannot be, or a file of rows that is none.
        UsageError: cameras without effect. EngineUnavailable: nothing can be rendered here.
    """
    _require_look(said, cameras, path)
    with refusing(path):
        require(cloud, source)
        asked = None if said.target is None else rows_wanted(said.target, len(cloud))
        grid = None if said.cells is None else said.cells.grid(cloud, asked)
        wanted = asked or len(drawn if grid is None else grid)
    counted = _count(len(drawn), wanted, len(cloud), said)
    if not counted.passed or not len(drawn):
        return [counted], (), None
    if again is None:
        maker = _maker(cloud, said, source, path, cameras, wanted, timings, track)
    else:
        maker = again.maker
    if rows is None:
        with timings.stage("merge", track):
            if grid is None:
                merges = maker.hierarchy(wanted) if again is None else again.hierarchy
                roots = merges.roots(wanted)
            else:
                roots = cells.roots(maker, grid, wanted)
    else:
        given = _map(rows, len(cloud), wanted, path)
        roots = np.unique(given, return_index=True)[1][given]
    growth = said.growth if said.report is None else None
    made = maker.made(roots, timings, track, growth=growth)
    redone = Redone(maker, made, cameras, grid)
    with timings.stage("check", track):
        held = expected(made.cloud, np.arange(wanted), drawn, path)
        columns = different_columns(drawn, held)
        if columns is not None:
            return [counted, columns], held.notes, redone
        which = held.numbers[held.sequence]  # of the rows made each row of the file is
        checks = [counted, Check("columns", 0), *_rows(drawn, made, held, which)]
        if rows is not None:
            checks.append(_places(given, made.clusters.new, which))
            if grid is not None and len(grid) >= wanted:
                checks.append(_whole(given, grid))
    return checks, held.notes, redone


def _require_look(said: Simplification, cameras: Sequence[Camera] | None, path: str) -> None:
    """Refuse cameras that are missing or idle, and to look where nothing can be rendered."""
    _engine(said, path)
    if (said.cameras is None) != (cameras is None):
        if said.cameras is None:
            raise UsageError(f"`cameras` has no effect: {path} was looked at from all around")
        raise InputError(
            f"was looked at from cameras of {said.cameras}", path=path, remedy="give that file by `cameras`"
        )


def _engine(said: Simplification, path: str) -> Chosen:
    """What looks at the scene as it is `said`, if anything does."""
    if said.rasterizer == ON_CPU:
        if said.views:
            drawing.require_core(path)
        return rasterizers.chosen(ON_CPU)
    try:
        return rasterizers.chosen(said.rasterizer, devices.resolve("cuda"))
    except EngineUnavailable as error:
        raise EngineUnavailable(
            f"was made by pictures of a GPU, and there is none here to draw them again ({error.what})",
            path=path,
            remedy="verify it where it was made",
        ) from None


def _maker(
    cloud: GaussianCloud,
    said: Simplification,
    source: str,
    path: str,
    cameras: Sequence[Camera] | None,
    wanted: int,
    timings: Timings,
    track: Track,
) -> Maker:
    """What `wanted` rows are made from, by a look as it is `said`."""
    _require_look(said, cameras, path)
    with refusing(path):
        gaussians = Gaussians.of(cloud, source)
    views = said.views if said.report is None else said.report["options"]["views"]
    count = 1 if said.target is None and said.cells is None else wanted
    looked_from = look.from_where(cloud, cameras, views, count)
    seen = look.taken(cloud, source, looked_from, _engine(said, path), timings, track)
    return Maker.of(gaussians, seen, source)


def _count(found: int, wanted: int, total: int, said: Simplification) -> Check:
    exact = said.target is not None or said.cells is not None
    if found == wanted and (exact or 0 < found < total):
        return Check("count", 0)
    if not exact:
        return Check(
            "count", 1, (f"has {found:,} rows, and fewer than the scene's {total:,} were to be left",)
        )
    return Check("count", 1, (f"has {found:,} rows, not {wanted:,} as by {said.aim}",))


def _map(rows: str | os.PathLike[str], total: int, left: int, path: str) -> npt.NDArray[np.int64]:
    """(total,) the row of the file at `path` that each row of the scene became part of."""
    given = read_index(rows)
    if len(given) != total:
        wrong = f"has {len(given):,} rows, and the scene has {total:,}"
    elif not 0 <= given.min() <= given.max() < left or len(np.unique(given)) != left:
        wrong = f"does not lead to each of the {left:,} rows of {path}"
    else:
        return given
    raise InputError(wrong, path=rows, remedy="give the file that simplify's `index` wrote")


def _rows(drawn: GaussianCloud, made: Made, held: Expected, at: Array) -> list[Check]:
    """Whether rows are those of the scene where nothing was merged, and what theirs merge to elsewhere."""
    found, whole = values(drawn.rows, held.table.dtype)
    wrong = rowsets.differing(found, take_rows(held.table, held.sequence))
    wrong = np.union1d(wrong, np.flatnonzero(~whole))
    sizes = np.bincount(made.clusters.new, minlength=len(at))
    alone = sizes[at[wrong]] == 1
    source = made.clusters.chosen[at]
    untouched = [f"row {row} is not row {source[row]} of the scene" for row in wrong[alone][:SHOWN].tolist()]
    merged = [
        f"row {row} is not what its {sizes[at[row]]:,} rows merge to"
        for row in wrong[~alone][:SHOWN].tolist()
    ]
    return [
        Check("untouched", int(alone.sum()), tuple(untouched)),
        Check("merged", int((~alone).sum()), tuple(merged)),
    ]


def _places(given: Array, new: Array, at: Array) -> Check:
    """Whether each row of the scene is said to be in the row of the file that stands where it weighs most."""
    wrong = np.flatnonzero(at[given] != new)
    examples = [f"row {row} of the scene is not in row {given[row]}" for row in wrong[:SHOWN].tolist()]
    return Check("map", len(wrong), tuple(examples))


def _whole(given: Array, grid: VoxelGrid) -> Check:
    """Whether the rows of every cell are said to be in one row of the file."""
    first = grid.order[grid.offsets[:-1]]
    wrong = grid.order[given[grid.order] != np.repeat(given[first], np.diff(grid.offsets))]
    examples = [f"row {row} of the scene is not in the row of its cell" for row in wrong[:SHOWN].tolist()]
    return Check("cells", len(wrong), tuple(examples))
