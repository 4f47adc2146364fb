"""Scenario: the rows of a scene that one draw of a sampler kept."""

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
        cells: (K,) int64, the cell of each row: a position in the grid's `cells`.
        points: how many rows the scene has, which is how long its per-point tensors are.
        forced_cells: cells that the method's minimum made keep more than its ratio asked for.
        scene: names the scene's cells, and the rank's share of them, as text if need be; within it alone
            `cells` compare.
    """

    name: str
    rows: torch.Tensor
    cells: torch.Tensor
    points: int
    forced_cells: int
    scene: CellsName

    def _facts(self) -> dict[str, object]:
        return {"name": self.name, "rows": len(self.rows), "points": self.points}
