"""Draws made one after the other from a scene that is cut into cells: chosen, looked at, and written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import files
from ..cloud import GaussianCloud
from ..errors import naming
from ..flaws import Dropped
from ..formats import Edit
from ..in_memory import Returned
from ..progress import Timings, Track
from .cutting import Cut
from .draws import PlannedDraw, provenance, write_index
from .result import Output

if TYPE_CHECKING:
    import torch

    from ..comparing.looks import Looks


@dataclass(frozen=True)
class Draws:
    """What all draws of a run have in common.

    Attributes:
        cloud, name: the scene, and what messages call it.
        cut: its cells.
        seed, drop: as the comment of each draw tells them.
        where: the device.
        render: whether to look at each draw beside the scene.
        overwrite: whether files of row numbers may be replaced.
    """

    cloud: GaussianCloud
    name: str
    cut: Cut
    seed: int
    drop: Dropped
    where: torch.device | None
    render: bool
    overwrite: bool
    timings: Timings
    track: Track

    def make(self, job: PlannedDraw, advance: Callable[[int], object]) -> Output:
        """One draw, written where it is planned.

        Args:
            advance: told how many rows of the scene each finished part had.
        """
        made_up = None
        with naming(self.name), self.timings.stage("draw"):
            draw = self.cut.draw(job.method, seed=self.seed, epoch=job.epoch)
            if job.method.compensate is not None:
                from . import compensating

                made_up = compensating.of(self.cut.grid, job.method, draw)
        edit = None if made_up is None else made_up.edit
        look = self._looked(job, draw.kept, edit) if self.render else None
        with self.timings.stage("write"):
            returned = self._written(job, draw.kept, edit, advance)
        return Output(
            path=job.target.path or files.MEMORY,
            points=len(draw),
            method=job.method,
            seed=self.seed,
            epoch=job.epoch,
            fraction=len(draw) / len(self.cloud) if len(self.cloud) else 0.0,
            forced_cells=draw.forced_cells,
            index=job.index,
            render=look,
            compensated=None if made_up is None else made_up.found,
            returned=returned,
        )

    def _looked(self, job: PlannedDraw, kept: npt.NDArray[Any], edit: Edit | None) -> Looks:
        """How alike a draw and the scene look."""
        from ..comparing import drawn  # takes as long to import as the rest

        with self.timings.stage("render"):
            own = self.cloud.take(kept) if edit is None else edit.of(self.cloud, kept)
            names = job.target.path or files.MEMORY, self.name
            return drawn.between((own, self.cloud), names, (self.cloud, "the input"), self.where, self.track)

    def _written(
        self,
        job: PlannedDraw,
        kept: npt.NDArray[Any],
        edit: Edit | None,
        advance: Callable[[int], object],
    ) -> Returned | None:
        """What was made in memory of a draw; None where it went to a file."""
        made_by = provenance(job.method, self.cut.grid, self.seed, job.epoch, self.drop)
        made = job.target.write(self.cloud, index=kept, made_by=made_by, advance=advance, edit=edit)
        if made is not None:
            return Returned(made, np.flatnonzero(kept) if kept.dtype == bool else kept.astype(np.int64))
        if job.index is not None:
            write_index(job.index, job.target.rows_of(self.cloud, kept, edit), overwrite=self.overwrite)
        return None
