"""GridSampler: the scenarios of a scene, or of a batch of scenes, for density-invariant training.

One module: a sampler is made in three ways, and the lengthy part of it are its docstrings.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .. import formats
from ..device import eager, sent, to_numpy
from ..errors import UsageError
from ..grids import grid_files, scenes
from ..grids.methods import Method
from ..grids.voxel_grid import VoxelGrid
from ..kernels import hashing
from ..results.shown import shown
from . import together
from .asked import Names, asked, seed_of
from .cells_name import CellsName
from .ranks import cell_of_row, share
from .scenario import Scenario

if TYPE_CHECKING:
    from typing_extensions import Self

SCENARIOS = ("dense", "half", "single")


@shown
class GridSampler:
    """Draws scenarios of one scene: the rows that ``gscli resample`` keeps for that seed and epoch.

    Or of the scenes of a batch, which share no cell and are drawn independently: then the number of its scene
    is part of what a cell is drawn by, and row numbers are those of the batch.

    Nothing is random but by `seed`, the epoch and the row's number, and nothing global is read or
    changed. Copies, such as those of DataLoader workers, draw the same.

    Memory: 8 bytes per point (24 on a GPU without Triton) and 32 per cell, 40 of a batch. CPU scenes are
    drawn from by NumPy, which is faster than torch there; CUDA scenes by fused kernels, or by torch where
    Triton is missing, with one wait for all scenarios of a call, and another at the first. All keep the same
    rows.

    Args:
        grid: the cells, as NumPy arrays or as tensors on the device to draw on.
        seed: 0 to 2^64 - 1.
        rank, world_size: draw from this rank's share of the cells only. Which rank a cell belongs to
            follows from the cell alone; together the ranks draw what one process would.
    """

    def __init__(self, grid: VoxelGrid, *, seed: int = 0, rank: int = 0, world_size: int = 1) -> None:
        if not isinstance(grid, VoxelGrid):
            raise UsageError(f"`grid` must be a VoxelGrid, not {type(grid).__name__}")
        if not (hashing.is_whole(rank) and hashing.is_whole(world_size) and 0 <= rank < world_size):
            raise UsageError(f"rank {rank} is not within a world of {world_size}")
        rank, world_size = index(rank), index(world_size)
        hashing.require_seeds(seed=seed)
        self.seed = index(seed)  # torch.load reads no NumPy number from a state by default
        self.epoch = 0
        self.world_size = world_size
        self._scene = self._share = CellsName(grid)
        if world_size > 1:
            self._share = CellsName(grid, f", rank {rank} of {world_size}")
        self.grid = grid if world_size == 1 else share(grid, rank, world_size)
        self._cell_of_row = cell_of_row(self.grid)
        device = self.ids.device
        self._ends = None if grid.ends is None else sent(np.array(grid.ends), device)
        on_torch = not isinstance(grid.order, np.ndarray)
        self._drawer = together.drawer_of(self.grid, self._cell_of_row) if on_torch else None

    def _facts(self) -> dict[str, object]:
        several = {} if self.grid.ends is None else {"scenes": len(self.grid.ends)}
        told = {"points": self.grid.points, "cells": len(self.grid), "seed": self.seed, "epoch": self.epoch}
        return {**told, **several}

    @property
    def ids(self) -> torch.Tensor:
        """What the cells are called: the ids of a given mapping, (C,), or lattice coordinates, (C, 3), int64.

        ``ids[view.cells]`` and ``ids[batch["cell"]]`` are those of each row, of whatever scene.
        """
        cells = self.grid.cells
        names = torch.from_numpy(cells) if isinstance(cells, np.ndarray) else cells
        if self.grid.ends is None:
            return names
        return names[:, 1] if names.shape[1] == 2 else names[:, 1:]

    @classmethod
    @eager
    def from_points(
        cls,
        coord: torch.Tensor,
        *,
        voxel_size: float | None = None,
        points_per_cell: float | None = None,
        origin: Sequence[float] | str | None = None,
        drop_invalid: bool = False,
        offset: torch.Tensor | Sequence[int] | None = None,
        batch: torch.Tensor | None = None,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> Self:
        """Group positions into lattice cells.

        Made anew each iteration where crops or dropout change the rows.

        Args:
            coord: (N, 3) positions, on the device to draw on.
            voxel_size, points_per_cell, origin, drop_invalid: see `VoxelGrid.from_points`.
            offset: of several scenes one after the other, (B,) where each ends, as Pointcept has it;
                `voxel_size` has to be given then.
            batch: or (N,) the scene of each row, from 0 on and never descending.
            seed, rank, world_size: see `GridSampler`.

        Raises:
            UsageError: no tensor, or options that make no sense. InputError: positions not finite.
        """
        points = _as_grid_input(coord)
        grid = VoxelGrid.from_points(
            points,
            voxel_size=voxel_size,
            points_per_cell=points_per_cell,
            origin=origin,
            drop_invalid=drop_invalid,
            offset=_offset(offset, batch, points),
        )
        return cls(grid, seed=seed, rank=rank, world_size=world_size)

    @classmethod
    @eager
    def from_ids(
        cls,
        point_to_grid: torch.Tensor,
        *,
        offset: torch.Tensor | Sequence[int] | None = None,
        batch: torch.Tensor | None = None,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> Self:
        """Group points by given ids.

        Args:
            point_to_grid: (N,) integers; points with the id -1 are in no scenario.
            offset, batch: see `from_points`; equal ids of two scenes are two cells.
            seed, rank, world_size: see `GridSampler`.

        Raises:
            UsageError: no tensor of (N,) integers, or scenes that do not go together with it. InputError: ids
                below -1.
        """
        ids = _as_grid_input(point_to_grid)
        grid = VoxelGrid.from_ids(ids, offset=_offset(offset, batch, ids))
        return cls(grid, seed=seed, rank=rank, world_size=world_size)

    @classmethod
    def from_folder(
        cls,
        folder: str | os.PathLike[str],
        *,
        grid_file: str | None = None,
        device: torch.device | str = "cpu",
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> Self:
        """Take the precomputed grid of a scene folder.

        Such grids were merged cell by cell after they were made, so they cannot be computed from the
        coordinates. Points without a valid feature are in no cell.

        Args:
            folder: as SceneSplat lays them out.
            grid_file: by default the ``lang_feat_grid_svd_r*.npz`` of the highest rank in it; see
                `gscli.grids.grid_files`.
            device: where the per-point tensors will be.
            seed, rank, world_size: see `GridSampler`.
        """
        points = len(formats.read(folder))
        ids = grid_files.read_mapping(grid_files.find_mapping(folder, grid_file), points, scene=folder)
        return cls.from_ids(torch.from_numpy(ids).to(device), seed=seed, rank=rank, world_size=world_size)

    @eager
    def scenarios(self, names: Names = SCENARIOS, *, epoch: int | None = None) -> dict[str, Scenario]:
        """Draw one scenario for each name.

        Args:
            names: one or several methods of `gscli.grids.methods`, or `Method` objects, which are named after
                theirs; or a mapping from names to either, such as
                ``{"half": method("half", ratio=(0.2, 0.4))}``. What is called otherwise than its method is
                drawn independently of all else.
            epoch: every epoch is an independent draw. None takes the next one and counts on, which a
                DataLoader worker must not do: it has a copy, and the others would draw the same.

        Raises:
            UsageError: names of no methods, a name twice, or what a sampler cannot draw.
        """
        if epoch is None and torch.utils.data.get_worker_info() is not None:
            raise UsageError("a DataLoader worker must name the epoch", remedy="pass epoch=")
        if epoch is not None:
            hashing.require_seeds(epoch=epoch)
        now = self.epoch if epoch is None else index(epoch)
        methods = asked(names, world_size=self.world_size)
        seeds = [seed_of(label, how, self.seed) for label, how in methods.items()]
        drawn = self._drawn(list(methods.values()), seeds, now)
        found = {
            label: Scenario(
                label, rows, cells, self.grid.rows, forced, self._share, self._ends_among(rows), seed
            )
            for label, seed, (rows, cells, forced) in zip(methods, seeds, drawn, strict=True)
        }
        if epoch is None:
            self.epoch = now + 1
        return found

    def _drawn(
        self, methods: list[Method], seeds: list[int], epoch: int
    ) -> list[tuple[torch.Tensor, torch.Tensor, int]]:
        """Of each method the rows, their cells, and how many cells were forced."""
        if self._drawer is not None:
            return together.draw(self._drawer, self.grid, methods, seeds=seeds, epoch=epoch)
        found = []
        for how, seed in zip(methods, seeds, strict=True):
            if not how.picks and self.grid.points == self.grid.rows:
                rows, cells, forced = np.arange(self.grid.rows, dtype=np.int64), self._cell_of_row, 0
            else:
                draw = self.grid.draw(how, seed=seed, epoch=epoch)
                rows, cells, forced = draw.rows, self._cell_of_row[draw.rows], draw.forced_cells
            found.append((torch.from_numpy(rows), torch.from_numpy(cells.astype(np.int64)), forced))
        return found

    def _ends_among(self, rows: torch.Tensor) -> torch.Tensor:
        if self._ends is None:
            return rows.new_full((1,), len(rows))  # which, unlike a copy from the CPU, no GPU waits for
        return torch.searchsorted(rows, self._ends)

    @eager
    def state_dict(self) -> dict[str, Any]:
        """What resuming needs, whatever the number of ranks then: plain numbers and text.

        Its epoch is the next one of `scenarios` without an epoch; who names epochs keeps count himself.
        """
        return {"seed": self.seed, "epoch": self.epoch, "scene": str(self._scene)}

    @eager
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken.

        Raises:
            UsageError: no such state, or that of a sampler of another scene, or of other cells.
        """
        if not (isinstance(state, Mapping) and {"seed", "epoch", "scene"} <= state.keys()):
            raise UsageError("`state` must be what state_dict returned, with its seed, epoch and scene")
        if state["scene"] != str(self._scene):
            raise UsageError(
                "this sampler state belongs to another scene or other cells",
                remedy="build the sampler as it was built before",
            )
        hashing.require_seeds(seed=state["seed"], epoch=state["epoch"])
        self.seed, self.epoch = index(state["seed"]), index(state["epoch"])


def _offset(offset: Any, batch: Any, grouped: Any) -> Any:
    if batch is None:
        return offset
    if offset is not None:
        raise UsageError("`batch` has no effect beside `offset`", remedy="give one of the two")
    return scenes.offset_of(batch, len(grouped) if grouped.ndim else 0)


def _as_grid_input(tensor: torch.Tensor) -> Any:
    """A tensor as what VoxelGrid groups it best from: NumPy for a CPU."""
    if not isinstance(tensor, torch.Tensor):
        raise UsageError(
            f"a sampler groups a torch tensor, not a {type(tensor).__name__}", remedy="use torch.as_tensor"
        )
    tensor = tensor.detach()
    return to_numpy(tensor) if tensor.device.type == "cpu" else tensor
