"""Which cell of a lattice each point is in, and the points of each cell side by side.

The lattice cell of a point is ``floor((x - origin) / size)`` per axis in float64. Only true division
and floor are used, in that order, so that NumPy and torch agree to the last point. A torch divisor is
a one-element tensor: CUDA multiplies by a reciprocal when it divides by a Python number, and that
moves points across cell walls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import cell_groups
from .axis import Axis
from .cell_groups import Groups as Groups
from .cell_keys import Span, lattice_index


def cells_of(xyz: npt.NDArray[Any], size: float, origin: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """(N, 3) lattice coordinates of (3, N) positions that `lattice_span` accepted."""
    return np.stack([lattice_index(x, size, corner) for x, corner in zip(xyz, origin, strict=True)]).T


def group_lattice(
    xyz: Any, size: float, origin: npt.NDArray[Any], span: Span, ends: Sequence[int] | None = None
) -> Groups:
    """Group points by lattice cell.

    Args:
        xyz: (3, N) finite positions; a NumPy array or a torch tensor.
        span: the box from `lattice_span` that holds them all.
        ends: where each of several scenes ends, never descending, the last at N; no cell holds points of two.
            None for one scene, whose number is not in its cells.
    """
    if not isinstance(xyz, np.ndarray):
        from . import torch_cells

        return torch_cells.by_lattice(xyz, size, origin, span, ends)
    axes = [Axis(low, number) for low, number in zip(*span, strict=True)]
    if ends is None:
        return cell_groups.by_lattice(xyz, size, origin, axes)
    return _scene_by_scene(lambda part: cell_groups.by_lattice(xyz[:, part], size, origin, axes), ends)


def group_ids(ids: Any, ends: Sequence[int] | None = None) -> Groups:
    """Group rows by a given cell id.

    Args:
        ids: (N,) int64, gaps allowed; rows with a negative id belong to no cell and are left out.
        ends: as of `group_lattice`.

    Returns:
        Groups whose `order` has one entry per row that has an id.
    """
    if not isinstance(ids, np.ndarray):
        from . import torch_cells

        return torch_cells.by_ids(ids, ends)
    if ends is None:
        return cell_groups.by_ids(ids)
    return _scene_by_scene(lambda part: cell_groups.by_ids(ids[part]), ends)


def _scene_by_scene(group: Callable[[slice], Groups], ends: Sequence[int]) -> Groups:
    """The groups of each scene, given its rows, one after the other."""
    starts = [0, *ends][:-1]
    parts = [group(slice(*rows)) for rows in zip(starts, ends, strict=True)]
    kind = cell_groups.row_type(ends[-1])
    order = [
        part.order.astype(kind, copy=False) + kind(start) for part, start in zip(parts, starts, strict=True)
    ]
    counts = np.concatenate([np.diff(part.offsets) for part in parts])
    scene = np.repeat(np.arange(len(parts)), [len(part.cells) for part in parts])
    cells = np.column_stack([scene, np.concatenate([part.cells for part in parts])])
    return Groups(np.concatenate(order), np.append(0, np.cumsum(counts)), cells)
