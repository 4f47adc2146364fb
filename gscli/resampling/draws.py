"""Draws: which are asked for, what their files are called, and the line that tells how each was made."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import index as whole
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..cloud import GaussianCloud
from ..containers import npy
from ..errors import UsageError
from ..files import writing
from ..flaws import GAUSSIANS, Dropped
from ..formats import Memory, Target, check_outputs, refuse_idle
from ..given import Opened
from ..grids.methods import DEFAULT, NAMES, SETTINGS, Method, methods
from ..grids.voxel_grid import VoxelGrid
from ..kernels import hashing, parallel
from ..results.shown import counted
from ..version import __version__

if TYPE_CHECKING:
    from ..grids.tiled_grid import TiledGrid

MOST_REPEATS = 1_000_000  # a file each
ONE_OF_TWO = "give either `output` or `out_dir`"


@dataclass(frozen=True)
class PlannedDraw:
    """One draw, where it goes, and the file of its row numbers."""

    method: Method
    epoch: int
    target: Target | Memory
    index: str | None


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


@dataclass(frozen=True)
class Destination:
    """Where the draws of a run go: a file, a folder of them, or memory; arguments of `gscli.resample`."""

    output: str | os.PathLike[str] | None
    out_dir: str | os.PathLike[str] | None
    index: str | os.PathLike[str] | None
    overwrite: bool
    allow_lossy: bool
    axes: str | None
    quality: str | None

    @property
    def folders(self) -> list[str | os.PathLike[str]]:
        """Those that are made."""
        if self.out_dir is None:
            return []
        return [self.out_dir, *([] if self.index is None else [self.index])]

    def plan(self, scene: Opened, chosen: list[Method], epoch: int, repeat: int) -> list[PlannedDraw]:
        """Which draw goes where.

        Raises:
            UsageError: a file and a folder, several draws to a file, or options of files without one.
        """
        wanted = draws(chosen, epoch, repeat)
        if self.output is not None and self.out_dir is not None:
            raise UsageError(ONE_OF_TWO)
        if self.out_dir is not None:
            return [self._in_folder(scene, m, e) for m, e in wanted]
        if self.output is None:
            idle = {"index": self.index, "allow_lossy": self.allow_lossy, "quality": self.quality}
            refuse_idle("output", {**idle, "overwrite": self.overwrite})
            return [PlannedDraw(m, e, Memory(), None) for m, e in wanted]
        if len(wanted) > 1:
            raise UsageError(
                "several draws need `out_dir`", remedy="give `out_dir='FOLDER'` instead of `output`"
            )
        index = None if self.index is None else os.fspath(self.index)
        return [PlannedDraw(chosen[0], epoch, self._at(scene, self.output), index)]

    def _in_folder(self, scene: Opened, method: Method, epoch: int) -> PlannedDraw:
        assert self.out_dir is not None
        name = draw_name(scene.stem, method, epoch)
        rows = None if self.index is None else os.path.join(self.index, name + ".npy")
        target = self._at(scene, os.path.join(self.out_dir, name + scene.suffix))
        return PlannedDraw(method, epoch, target, rows)

    def _at(self, scene: Opened, path: str | os.PathLike[str]) -> Target:
        return Target.of(
            path,
            like=scene.folder_format,
            overwrite=self.overwrite,
            allow_lossy=self.allow_lossy,
            axes=self.axes,
            quality=self.quality,
        )

    def check(self, jobs: Sequence[PlannedDraw], sources: Sequence[Path], others: Sequence[str]) -> None:
        """Refuse outputs that would fail later; see `gscli.formats.check_outputs`."""
        check_outputs(
            [job.target for job in jobs],
            [*others, *(job.index for job in jobs if job.index is not None)],
            sources=sources,
            overwrite=self.overwrite,
            will_be_made=self.folders,
        )


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


def dangling(cloud: GaussianCloud, targets: Iterable[Target | Memory]) -> list[str]:
    """Tell what was copied as it is to targets and numbers rows that are no longer where they were."""
    stale: dict[str, None] = {}
    for target in targets:
        stale.update(dict.fromkeys(target.references_rows(cloud)))
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
