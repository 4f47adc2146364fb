"""Which cell of a lattice each point is in, and the points of each cell side by side.

The lattice cell of a point is ``floor((x - origin) / size)`` per axis in float64. Only true division
and floor are used, in that order, so that NumPy and torch agree to the last point. A torch divisor is
a one-element tensor: CUDA multiplies by a reciprocal when it divides by a Python number, and that
moves points across cell walls.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import UsageError
from . import cell_groups
from .axis import Axis
from .cell_groups import Groups as Groups
from .cell_keys import MAX_INDEX, lattice_index


class Span(NamedTuple):
    """The box of lattice cells that a cloud lies in: lowest index and number of indices per axis."""

    low: tuple[int, int, int]
    number: tuple[int, int, int]


def lattice_span(
    low: npt.NDArray[Any], high: npt.NDArray[Any], size: float, origin: npt.NDArray[Any]
) -> Span:
    """The lattice box between two corners; exact, because division and floor are monotone.

    Args:
        low, high: (3,) finite corners in scene units.

    Raises:
        UsageError: an index would reach 2^53.
    """
    with np.errstate(over="ignore"):
        first = np.floor((low.astype(np.float64) - origin) / size)
        last = np.floor((high.astype(np.float64) - origin) / size)
    if not max(np.abs(first).max(), np.abs(last).max()) < MAX_INDEX:
        raise UsageError(
            f"cells of {size:g} are too small for coordinates this far from the origin: "
            "a cell number would reach 2^53",
            remedy="choose a larger `voxel_size` or another `origin`",
        )
    lows, lasts = [int(v) for v in first], [int(v) for v in last]
    counts = [b - a + 1 for a, b in zip(lows, lasts, strict=True)]
    return Span((lows[0], lows[1], lows[2]), (counts[0], counts[1], counts[2]))


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
        return _group_torch(xyz, size, origin, span, ends)
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
        return _group_ids_torch(ids, ends)
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


def _group_ids_torch(ids: Any, ends: Sequence[int] | None) -> Groups:
    import torch

    rows = torch.nonzero(ids >= 0).squeeze(1)
    names, position = torch.sort(ids[rows], stable=True)
    order = rows[position]
    if ends is not None:
        scene, by_scene = torch.sort(_scene_of_row(ends, ids.device)[order], stable=True)
        order, names = order[by_scene], torch.stack([scene, names[by_scene]], dim=1)
    cells, counts = torch.unique_consecutive(names, return_counts=True, dim=0)
    return Groups(order.int() if len(ids) < 2**31 else order, _torch_offsets(counts), cells)


def _scene_of_row(ends: Sequence[int], device: Any) -> Any:
    """(N,) int64, the number of the scene of each row."""
    import torch

    sizes = torch.tensor(ends, device=device).diff(prepend=torch.zeros(1, dtype=torch.int64, device=device))
    return torch.repeat_interleave(torch.arange(len(ends), device=device), sizes, output_size=ends[-1])


def _group_torch(
    xyz: Any, size: float, origin: npt.NDArray[Any], span: Span, ends: Sequence[int] | None
) -> Groups:
    import torch

    divisor = torch.tensor([size], dtype=torch.float64, device=xyz.device)
    corner = torch.tensor(origin, dtype=torch.float64, device=xyz.device)
    n, low, number = xyz.shape[1], tuple(span.low), tuple(span.number)
    index = torch.floor((xyz.T.double() - corner) / divisor).long()
    if ends is not None:
        index = torch.column_stack([_scene_of_row(ends, xyz.device), index])
        low, number = (0, *low), (len(ends), *number)
    most = math.prod(number)
    if most < 1 << 63:
        key = torch.zeros(n, dtype=torch.int64, device=xyz.device)
        for column in range(len(number)):
            key = key * number[column] + (index[:, column] - low[column])
        key, order = torch.sort(key.int() if most < 1 << 31 else key, stable=True)  # half the passes
        first = torch.ones(n, dtype=torch.bool, device=xyz.device)
        torch.ne(key[1:], key[:-1], out=first[1:])
        starts = torch.nonzero(first).squeeze(1)
        cells, offsets = index[order[starts]], torch.cat([starts, starts.new_tensor([n])])
    else:
        cells, inverse, counts = torch.unique(index, dim=0, return_inverse=True, return_counts=True)
        order, offsets = torch.sort(inverse, stable=True).indices, _torch_offsets(counts)
    return Groups(order.int() if n < 2**31 else order, offsets, cells)


def _torch_offsets(counts: Any) -> Any:
    import torch

    return torch.cat([torch.zeros(1, dtype=torch.int64, device=counts.device), torch.cumsum(counts, 0)])
