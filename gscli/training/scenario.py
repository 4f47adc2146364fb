"""Scenario: the rows of a scene, or of a batch of scenes, that one draw of a sampler kept."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..results.shown import shown
from .cells_name import CellsName


@shown
@dataclass(frozen=True, eq=False)
class Scenario:
    """The rows that one draw kept.

    Attributes:
        name: as it was asked for.
        rows: (K,) int64 rows of the scene, ascending, on the sampler's device.
        cells: (K,) int64, the cell of each row: a position in the grid's `cells` and in `GridSampler.ids`.
        points: how many rows the scene has, which is how long its per-point tensors are.
        forced_cells: cells that the method's minimum made keep more than its ratio asked for.
        scene: names the scene's cells, and the rank's share of them, as text if need be; within it alone
            `cells` compare.
        offset: (B,) int64, how many of `rows` there are up to the end of each scene of the batch; one number
            where there is one scene.
        seed: what `gscli resample` would keep these rows by, of a scene that is no batch.
    """

    name: str
    rows: torch.Tensor
    cells: torch.Tensor
    points: int
    forced_cells: int
    scene: CellsName
    offset: torch.Tensor
    seed: int

    @property
    def fraction(self) -> float:
        """The share of the scene's rows that is kept; 0 of none."""
        return len(self.rows) / max(1, self.points)

    def _facts(self) -> dict[str, object]:
        several = {"scenes": len(self.offset)} if len(self.offset) > 1 else {}
        return {"name": self.name, "rows": len(self.rows), "points": self.points, **several}
