"""What a simplified scene is asked: is every row that of its scene, or what its rows merge to?

One module: how it says that it was made, what is made again for that, and what is compared.
"""

from __future__ import annotations

import ast
import os
import re
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..cameras import Camera
from ..cloud import GaussianCloud
from ..comparing.pairing import read_index
from ..errors import EngineUnavailable, InputError, UsageError
from ..grids.lattice import check_lattice_options
from ..grids.settings import rows_wanted
from ..grids.voxel_grid import VoxelGrid
from ..kernels import rowsets
from ..kernels.structured import take_rows
from ..progress import Timings, Track
from ..simplifying import cells, look
from ..simplifying.clusters import Hierarchy
from ..simplifying.gaussians import Gaussians, require
from ..simplifying.making import Made, Maker
from ..simplifying.merged import BLIND, GROWTHS
from ..simplifying.methods import CELLS
from .checks import SHOWN, Check, different_columns
from .claims import refusing
from .expected import Expected, expected, values

Array = npt.NDArray[Any]

_COMMENT = re.compile(
    r"gscli \S+ simplify (?:(target|min_psnr)=(\S+)"
    r"|method=one-per-grid voxel_size=(\S+) origin=(\S+)(?: target=(\S+))?)"
    r" views=(\d{1,9})(?: cameras=('.*'|\".*\"))? growth=(\S+)"
)
_MADE = re.compile(r"gscli \S+ (resample|simplify) ")


@dataclass(frozen=True)
class Simplification:
    """How a scene was simplified, as its comment says.

    Attributes:
        aim: what was asked for, ``target=25%`` or ``min_psnr=35.0``. views: how many it was looked at from.
        target: exactly so many; None for the fewest that look alike, or one of each cell.
        cells: those whose rows were put together; None where pairs were.
        cameras: the name of the file that they are of, if they are of one.
        growth: the power by which Gaussians grew.
    """

    aim: str
    target: str | None
    views: int
    cameras: str | None
    growth: float
    said_by: str = "comment"
    cells: cells.Lattice | None = None

    def __str__(self) -> str:
        whence = "" if self.cameras is None else f" of {self.cameras}"
        what = "simplify" if self.cells is None else f"simplify, cells of {self.cells.voxel_size:g}"
        return f"{what}, {self.aim}, {self.views} views{whence}, growth {self.growth:g}"

    def to_dict(self) -> dict[str, Any]:
        """Its part of the JSON document."""
        return {
            "method": "simplify",
            "aim": self.aim,
            "voxel_size": None if self.cells is None else self.cells.voxel_size,
            "views": self.views,
            "cameras": self.cameras,
            "growth": self.growth,
            "said_by": self.said_by,
        }


def claim(drawn: GaussianCloud, path: str) -> Simplification | None:
    """What the last provenance comment of a file says, if it says that it was simplified.

    Raises:
        InputError: it says what no run does.
    """
    lines = [line for line in drawn.header.comments if _MADE.match(line)]
    if not lines or _MADE.match(lines[-1])[1] != "simplify":  # type: ignore[index]
        return None
    try:
        found = _COMMENT.fullmatch(lines[-1])
        if found is None:
            raise ValueError(reprlib.repr(lines[-1]))
        what, wanted, size, corner, share, views, cameras, growth = found.groups()
        target = wanted if what == "target" else share
        if what == "min_psnr" and not 0 < float(wanted) < np.inf:
            raise ValueError(f"{what}={wanted}")
        lattice = None if size is None else _lattice(size, corner)
        aim = f"{what}={wanted}" if what else CELLS if share is None else f"target={share}"
        if target is not None:
            rows_wanted(target, None)
        power = float(growth)
        if power not in (GROWTHS if int(views) else (BLIND,)):
            raise ValueError(f"growth={growth}")
        named = None if cameras is None else str(ast.literal_eval(cameras))
        return Simplification(aim, target, int(views), named, power, cells=lattice)
    except (ValueError, SyntaxError, UsageError) as error:
        raise InputError(f"its provenance comment cannot be understood ({error})", path=path) from None


def _lattice(size: str, corner: str) -> cells.Lattice:
    """That of the words of a comment."""
    x, y, z = map(float, corner.split(","))
    check_lattice_options(float(size), None, (x, y, z))
    return cells.Lattice(float(size), None, (x, y, z))


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
) -> tuple[tuple[Check, ...], tuple[str, ...]]:
    """The checks of one simplified scene, and notes on what was not compared.

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
        grid = None if said.cells is None else said.cells.grid(cloud, None)
        wanted = len(drawn) if grid is None else len(grid)
        if said.target is not None:
            wanted = rows_wanted(said.target, len(cloud))
    counted = _count(len(drawn), wanted, len(cloud), said)
    if not counted.passed or not len(drawn):
        return (counted,), ()
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
    made = maker.made(roots, timings, track, growth=said.growth)
    with timings.stage("check", track):
        held = expected(made.cloud, np.arange(wanted), drawn, path)
        columns = different_columns(drawn, held)
        if columns is not None:
            return (counted, columns), held.notes
        which = held.numbers[held.sequence]  # of the rows made each row of the file is
        checks = [counted, Check("columns", 0), *_rows(drawn, made, held, which)]
        if rows is not None:
            checks.append(_places(given, made.clusters.new, which))
            if grid is not None and len(grid) >= wanted:
                checks.append(_whole(given, grid))
    return tuple(checks), held.notes


def _require_look(said: Simplification, cameras: Sequence[Camera] | None, path: str) -> None:
    """Refuse cameras that are missing or idle, and to look where nothing can be rendered."""
    if said.views and (found := _core.trouble()):
        raise EngineUnavailable(
            f"cannot look at the scene: compiled kernels {found.what}", path=path, remedy=found.remedy
        )
    if (said.cameras is None) != (cameras is None):
        if said.cameras is None:
            raise UsageError(f"`cameras` has no effect: {path} was looked at from all around")
        raise InputError(
            f"was looked at from cameras of {said.cameras}", path=path, remedy="give that file by `cameras`"
        )


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
    seen = None
    if said.views:
        at = look.from_where(cloud, cameras, said.views, wanted)
        with timings.stage("look"), track("looking", len(at), "views") as advance:
            seen = look.Look.at(cloud, source, at, advance)
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
        raise InputError(
            f"has {len(given):,} rows, and the scene has {total:,}",
            path=rows,
            remedy="give the file that simplify's `index` wrote",
        )
    if not 0 <= given.min() <= given.max() < left or len(np.unique(given)) != left:
        raise InputError(
            f"does not lead to each of the {left:,} rows of {path}",
            path=rows,
            remedy="give the file that simplify's `index` wrote",
        )
    return given


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
