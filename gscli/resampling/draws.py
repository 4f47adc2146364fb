"""Draws: which are asked for, what their files are called, and the line that tells how each was made."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import index as whole
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..cloud import GaussianCloud
from ..containers import npy
from ..errors import UsageError
from ..files import writing
from ..flaws import GAUSSIANS, Dropped
from ..formats import Source, Target
from ..grids.methods import DEFAULT, NAMES, SETTINGS, Method, methods
from ..grids.voxel_grid import VoxelGrid
from ..kernels import hashing, parallel
from ..results.shown import counted
from ..version import __version__
from .result import Compensated, Output

if TYPE_CHECKING:
    from ..comparing.looks import Looks
    from ..grids.tiled_grid import TiledGrid

MOST_REPEATS = 1_000_000  # a file each


@dataclass(frozen=True)
class PlannedDraw:
    """One draw, where it is written to, and the file of its row numbers."""

    method: Method
    epoch: int
    target: Target
    index: str | None

    def output(
        self,
        kept: int,
        points: int,
        forced_cells: int,
        seed: int,
        render: Looks | None,
        compensated: Compensated | None,
    ) -> Output:
        """What came of it: so many rows of so many."""
        fraction = kept / points if points else 0.0
        about = self.method, seed, self.epoch, fraction, forced_cells, self.index
        return Output(self.target.path, kept, *about, render, compensated)


def asked_for(options: Mapping[str, Any]) -> list[Method]:
    """The methods that options of the command line ask for, which has no use for options without effect.

    Args:
        options: the values of ``gscli resample``, under Click's names; None and absent are not given.

    Raises:
        UsageError: as `methods` does; or a seed, epoch or repeat, and nothing is drawn at random.
    """
    given = {name: options.get(name) for name in SETTINGS}
    chosen = methods(options.get("method", [DEFAULT]), **given)
    if not any(m.uses_seed for m in chosen):
        idle = next((name for name in ("seed", "epoch", "repeat") if options.get(name) is not None), None)
        if idle is not None:
            how = f"{chosen[0].name} with `pick={chosen[0].pick.name!r}`"
            raise UsageError(f"`{idle}` has no effect: {how} draws nothing at random")
    return chosen


def check_draws(seed: int | None, epoch: int | None, repeat: int | None) -> None:
    """Refuse numbers of draws that make no sense."""
    if repeat is not None and not hashing.is_whole(repeat):
        raise UsageError(f"`repeat` must be an integer between 1 and {MOST_REPEATS:,}, not {repeat!r}")
    if repeat is not None and not 1 <= repeat <= MOST_REPEATS:
        raise UsageError(f"`repeat` must be between 1 and {MOST_REPEATS:,}, not {repeat}")
    hashing.require_seeds(seed=0 if seed is None else seed, epoch=0 if epoch is None else epoch)
    if whole(epoch or 0) + whole(repeat or 1) > 2**64:
        raise UsageError(f"`repeat` {repeat} goes beyond the last epoch, 2^64 - 1")


def plan(
    source: Source,
    output: str | os.PathLike[str] | None,
    out_dir: str | os.PathLike[str] | None,
    index: str | os.PathLike[str] | None,
    chosen: list[Method],
    epoch: int,
    repeat: int,
    *,
    overwrite: bool,
    allow_lossy: bool,
    axes: str | None,
    quality: str | None,
) -> list[PlannedDraw]:
    """Which draw goes to which path."""
    like = source.folder_format

    def to(path: str | os.PathLike[str]) -> Target:
        return Target.of(
            path, like=like, overwrite=overwrite, allow_lossy=allow_lossy, axes=axes, quality=quality
        )

    if (output is None) == (out_dir is None):
        raise UsageError("give either `output` or `out_dir`")
    if output is not None:
        if len(draws(chosen, epoch, repeat)) > 1:
            raise UsageError(
                "several draws need `out_dir`", remedy="give `out_dir='FOLDER'` instead of `output`"
            )
        return [PlannedDraw(chosen[0], epoch, to(output), None if index is None else os.fspath(index))]
    assert out_dir is not None
    jobs = []
    for m, e in draws(chosen, epoch, repeat):
        name = draw_name(source.stem, m, e)
        rows = None if index is None else os.path.join(index, name + ".npy")
        jobs.append(PlannedDraw(m, e, to(os.path.join(out_dir, name + source.suffix)), rows))
    return jobs


def draws(chosen: Sequence[Method], epoch: int, repeat: int) -> list[tuple[Method, int]]:
    """Every draw that is asked for, as its method and epoch; what has no chance in it is drawn once."""
    return [(m, e) for m in chosen for e in range(epoch, epoch + (repeat if m.uses_seed else 1))]


def draw_name(stem: str, method: Method, epoch: int) -> str:
    """What the file of one draw among several is called, without its suffix."""
    return f"{stem}.{method.name}.e{epoch}"


def drawn_from(name: str) -> str:
    """The stem of the scene that a file with the stem `name` was drawn from; see `draw_name`."""
    return re.sub(rf"\.({'|'.join(NAMES)})\.e\d+$", "", name)


def shared_out(method: Method, grid: VoxelGrid | TiledGrid) -> str | None:
    """What a total comes to in the cells of a grid, where a method shares it evenly; None elsewhere."""
    total = method.total(grid.points)
    if total is None or not method.rule.even:
        return None
    from ..kernels import shares

    lots, k = shares.level(*grid.sizes(), total)
    lucky, of = int(lots.lucky[0]), int(lots.cells[0])
    sure = [f"{counted(k, 'point')} of every cell{', or all it has' if k > 1 else ''}"] if k else []
    which = (
        f"one more of {lucky:,} of the {of:,} that have it"
        if k
        else f"one point each of {lucky:,} of {of:,} cells"
    )
    drawn = [f"{which}, drawn at random"] if lucky else []
    return f"{method.name} to {counted(total, 'point')}: {', and '.join(sure + drawn) or 'nothing'}"


def dangling(cloud: GaussianCloud, targets: Iterable[Target]) -> list[str]:
    """Tell what was copied as it is to targets and numbers rows that are no longer where they were."""
    stale: dict[str, None] = {}
    for target in targets:
        if target.format.name == cloud.header.format:
            stale.update(dict.fromkeys(target.writer.references_rows(cloud)))
    if not stale:
        return []
    return [f"{', '.join(stale)} are copied as they are, and still number rows of the input"]


def provenance(
    method: Method, grid: VoxelGrid | TiledGrid, seed: int, epoch: int, drop: Dropped = False
) -> str:
    """The comment line that tells how a file was made; the same on every device."""
    parts = [f"gscli {__version__} resample", *method.words(), f"seed={seed} epoch={epoch}"]
    if grid.voxel_size is not None and grid.origin is not None:
        parts.append(f"voxel_size={grid.voxel_size!r} origin=" + ",".join(repr(v) for v in grid.origin))
    if drop == GAUSSIANS:  # rows without a position are in no cell anyway
        parts.append(f"drop_invalid={drop}")
    return " ".join(parts)


def write_index(path: str | os.PathLike[str], kept: npt.NDArray[Any], *, overwrite: bool) -> None:
    """Write row numbers as an int64 ``.npy`` file; `kept` are they, or a mask over all rows."""
    count, blocks = len(kept), iter([kept])
    if kept.dtype == bool:
        count = int(np.count_nonzero(kept))
        blocks = (np.flatnonzero(kept[part]) + part.start for part in parallel.blocks(len(kept)))
    with writing.replacing(path, overwrite=overwrite) as stream:
        npy.write(stream, np.dtype(np.int64), (count,), blocks)
