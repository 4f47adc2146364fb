"""The algorithms that gscli replaces, rewritten from their description as baselines. Do not use them.

They thin a scene for density-invariant training: `half` keeps floor(count r) of each cell with r
uniform in [0.3, 0.7), `single` one point of each cell, `dense` everything; coordinates and features
follow. The vectorised `half` keeps their defect: it builds a permutation of every cell and then takes
a fixed prefix of each cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Grouped:
    """Points grouped by cell, the predecessor's way: sorted rows, and the start and count of each cell."""

    order: Any
    starts: Any
    counts: Any


def group(ids: Any) -> Grouped:
    """Group (N,) int64 cell ids, without gaps, as the predecessor's metadata cache holds them."""
    import torch

    order = torch.argsort(ids, stable=True)
    counts = torch.bincount(ids)
    return Grouped(order, torch.cumsum(counts, 0) - counts, counts)


def loop_half(cells: Grouped) -> Any:
    """Cell after cell in Python: the first version."""
    import torch

    kept = []
    for start, count in zip(cells.starts.tolist(), cells.counts.tolist(), strict=True):
        keep = max(1, int(count * (0.3 + 0.4 * torch.rand(1).item())))
        choice = torch.randperm(count, device=cells.order.device)[:keep]
        kept.append(cells.order[start : start + count][choice])
    return torch.cat(kept)


def loop_single(cells: Grouped) -> Any:
    """One row of each cell, cell after cell in Python."""
    import torch

    kept = []
    for start, count in zip(cells.starts.tolist(), cells.counts.tolist(), strict=True):
        kept.append(cells.order[start + int(torch.randint(count, (1,)).item())])
    return torch.stack(kept)


def vectorised_half(cells: Grouped) -> Any:
    """The second version: permutations of every cell, never used, and a prefix of every cell."""
    import torch

    device = cells.order.device
    ratio = 0.3 + 0.4 * torch.rand(len(cells.counts), device=device)
    keep = (cells.counts * ratio).long().clamp(min=1)
    permutations = [torch.randperm(count, device=device) for count in cells.counts.tolist()]
    torch.cat(permutations)
    rank = torch.arange(len(cells.order), device=device)
    rank = rank - torch.repeat_interleave(cells.starts, cells.counts)
    return cells.order[rank < torch.repeat_interleave(keep, cells.counts)]


def vectorised_single(cells: Grouped) -> Any:
    """One row of each cell at once."""
    import torch

    step = (torch.rand(len(cells.counts), device=cells.order.device) * cells.counts).long()
    return cells.order[cells.starts + step]


def nearest_by_cdist(queries: Any, targets: Any) -> Any:
    """Distance of each query to its nearest target from all pairs, the monitors' way: float32, inexact."""
    import torch

    return torch.cat([torch.cdist(batch, targets).amin(1) for batch in queries.split(10_000)])


def scenarios(
    ids: Any, coord: Any, feat: Any, *, loop: bool = False, cells: Grouped | None = None
) -> list[Any]:
    """The three scenarios of one iteration with their coordinates and features.

    Args:
        cells: the metadata of an earlier iteration; None groups anew.
    """
    cells = group(ids) if cells is None else cells
    half = loop_half(cells) if loop else vectorised_half(cells)
    single = loop_single(cells) if loop else vectorised_single(cells)
    return [(coord, feat), (coord[half], feat[half]), (coord[single], feat[single])]
