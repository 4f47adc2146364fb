"""What is asked of a run of `resample`: by which methods rows are drawn, and of which cells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .. import arguments, flaws
from ..cloud import GaussianCloud
from ..errors import UsageError
from ..given import Opened
from ..grids import budget, grid_files
from ..grids.lattice import DEFAULT_POINTS_PER_CELL, check_lattice_options, lattice_options
from ..grids.methods import Method, methods
from ..grids.picking import RANDOM, Pick
from ..grids.settings import rows_wanted
from .cutting import Mapped, Shape
from .draws import PlannedDraw


@dataclass(frozen=True)
class Asked:
    """The methods of a run, the cells that they draw from, and the memory that this may take.

    Attributes:
        chosen: the methods, at least one.
        drop: which flawed rows are in no cell.
        voxel_size, points_per_cell, origin: of a lattice, see `gscli.VoxelGrid.from_points`; None where
            nothing is asked.
        mapped: the grid file whose cells they are instead.
        memory: what the process may take, in bytes.
    """

    chosen: list[Method]
    drop: flaws.Dropped
    voxel_size: float | None
    points_per_cell: float | None
    origin: Sequence[float] | str | None
    mapped: Mapped | None = None
    memory: int | None = None

    @classmethod
    def of(
        cls,
        method: str | Sequence[str],
        settings: dict[str, Any],
        drop_invalid: bool | str,
        voxel_size: float | None,
        points_per_cell: float | None,
        origin: Sequence[float] | str | None,
    ) -> Asked:
        """What arguments of `gscli.resample` ask for; `settings` are those of methods.

        Raises:
            UsageError: one that makes no sense.
        """
        drop = flaws.to_drop(drop_invalid)
        names = arguments.several(method, "method", (str,), "a name, or several")
        if not names:
            raise UsageError("`method` names no method")
        chosen = methods(names, **settings)
        check_lattice_options(voxel_size, points_per_cell, origin)
        return cls(chosen, drop, voxel_size, points_per_cell, origin)

    @property
    def pick(self) -> Pick:
        """The pick of all methods that pick."""
        return next((each.pick for each in self.chosen if each.picks), RANDOM)

    @property
    def cells(self) -> str | None:
        """How many cells a lattice should have, where a method keeps one row of each."""
        if self.mapped is not None or self.voxel_size is not None or self.points_per_cell is not None:
            return None
        return next((each.target for each in self.chosen if each.rule.single), None)

    @property
    def aim(self) -> float | None:
        """The points a cell that decide the size of a lattice; None where something else does."""
        if self.mapped is not None or self.voxel_size is not None or self.cells is not None:
            return None
        return DEFAULT_POINTS_PER_CELL if self.points_per_cell is None else self.points_per_cell

    @property
    def shape(self) -> Shape:
        """The lattice."""
        return {
            "voxel_size": self.voxel_size,
            "points_per_cell": self.points_per_cell,
            "cells": self.cells,
            "origin": self.origin,
            "drop_invalid": bool(self.drop),
        }

    def mapping(self, scene: Opened, grid_file: str | None) -> Mapped | None:
        """The grid file that is named, or that the scene's folder holds.

        Raises:
            InputError: there is none of that name. UsageError: beside what has no effect then.
        """
        found = grid_files.choose_mapping(
            scene.path,
            grid_file,
            lattice=lattice_options(self.voxel_size, self.points_per_cell, self.origin),
            other={
                "drop_invalid": bool(self.drop),
                f"pick={self.pick.name!r}": self.pick.by_place is not None,
            },
        )
        return None if found is None else Mapped(found, scene.path, grid_file is None)

    def budget(self, cloud: GaussianCloud, jobs: Iterable[PlannedDraw]) -> budget.Budget | None:
        """What the memory leaves for each tile of a scene; None where it needs no tiles.

        Raises:
            UsageError: more cells than rows are asked for, or too little memory.
        """
        if self.cells is not None:
            rows_wanted(self.cells, len(cloud))  # by its own name, before as many cells are looked for
        if self.memory is None:
            return None
        return budget.budget(
            self.memory,
            cloud,
            self.pick,
            cells_per_point=1.0 if self.aim is None else 1.0 / self.aim,
            drop_invalid=bool(self.drop),
            mapped=self.mapped is not None,
            streamed=all(job.target.streams for job in jobs),
            weighed=any(each.compensate is not None for each in self.chosen),
        )

    def options(self) -> dict[str, Any]:
        """Its part of a report."""
        return {
            "methods": [each.name for each in self.chosen],
            "pick": self.pick.name if any(each.picks for each in self.chosen) else None,
            "points_per_cell": self.aim,
            "cells": self.cells,
            "drop_invalid": self.drop,
            "grid": None if self.mapped is None else str(self.mapped.path),
        }
