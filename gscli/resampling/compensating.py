"""Rows of a draw that make up for others of their cells: ``gscli resample --compensate``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud
from ..errors import InputError
from ..formats import Edit
from ..grids.draw import Draw
from ..grids.methods import Method
from ..grids.tiled_grid import TiledGrid
from ..grids.voxel_grid import VoxelGrid
from ..kernels import compensation
from ..splats import DENSITY, STUDENT
from .result import Compensated

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Compensation:
    """A draw whose rows are made up for those that were left out.

    Attributes:
        edit: how. found: what they stand for.
    """

    edit: Edit
    found: Compensated


def require(cloud: GaussianCloud, column: str, name: str) -> None:
    """Refuse a scene without a column that can be compensated.

    Raises:
        InputError: there is none, or it is no logit of a Gaussian.
    """
    if fields.OPACITY not in cloud:
        told = "holds densities seen by X-rays" if DENSITY in cloud else "has no column opacity"
        raise InputError(f"{told}, and opacity is what is compensated", path=name, remedy=f"drop `{column}`")
    kind = cloud.rows.dtype[fields.OPACITY]
    if kind.kind != "f" or kind.shape:
        raise InputError(
            f"has opacities of type {kind}, and logits are floats", path=name, remedy=f"drop `{column}`"
        )
    if STUDENT in cloud.header.comments:
        raise InputError(
            "holds Student's t distributions, whose opacities do not add up as those of Gaussians",
            path=name,
            remedy=f"drop `{column}`",
        )


def of(grid: VoxelGrid | TiledGrid, method: Method, draw: Draw) -> Compensation | None:
    """How a draw makes up for what it leaves out; None where its method does not ask for it."""
    if method.compensate is None:
        return None
    weights, alone = grid.weights(draw)
    found = Compensated(int(np.count_nonzero(weights > 1)), alone)
    return Compensation(
        Edit(frozenset({fields.OPACITY}), lambda rows, at: _raise(rows, weights[at])),
        found,
    )


def _raise(rows: Array, weights: npt.NDArray[np.float32]) -> None:
    """Raise the opacity of rows that stand for more than themselves."""
    some = np.flatnonzero(weights > 1)
    old = rows[fields.OPACITY][some]
    new = compensation.raised(old, weights[some]).astype(old.dtype)
    higher = new > old
    rows[fields.OPACITY][some[higher]] = new[higher]
