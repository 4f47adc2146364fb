"""How much memory a comparison takes, whole and in pieces, and what a limit leaves for a piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .. import _core, fields
from ..cloud import GaussianCloud
from ..errors import UsageError
from ..grids.budget import too_small
from ..kernels import parallel

if TYPE_CHECKING:
    import torch

BASE = 48 << 20  # bytes of Python and NumPy
THREAD = 9 << 20  # of a block of rows in flight, for each thread
NARROW = 12  # of a point's three coordinates in float32
ANSWER = 12  # of a point's distance and its nearest row; 4 more beyond 2^31 points
WHOLE, TILE = 90, 160  # of a point's part in searching two clouds; of a point of a tile, with a query for it
COMPILED_NARROW, COMPILED_WIDE = (58, 160), (110, 260)  # the same by compiled kernels, in float32 or not
PAIR, ATTRIBUTES = 60, 56  # of a pair's differences; of what is held of a Gaussian, in float32
CELLS = 3  # of the cells that a point lies in, and whether its answer is proven
SAMPLED = 48  # of a query's row number, copy and share of a standard error
COLUMN = 10  # of one number for each pair, or a copy of distances
LEAST = 1 << 16  # points in a piece: less takes ever longer


@dataclass(frozen=True)
class Pieces:
    """What a limit leaves.

    Attributes:
        tile: how many points to index at a time.
        attributes: bytes for the attributes of Gaussians.
    """

    tile: int
    attributes: int


def pieces(
    limit: int,
    clouds: Sequence[GaussianCloud],
    *,
    moved: bool = False,
    listed: bool = False,
    sampled: int | None = None,
) -> Pieces | None:
    """How to cut a comparison up; None where it fits whole.

    Args:
        limit: bytes, of the whole process.
        clouds: source and target.
        moved: whether the first will be transformed.
        listed: whether pairs are given as row numbers.
        sampled: how many points of each are asked; None for all.

    Raises:
        UsageError: even in the smallest pieces it takes more than the limit.
    """
    counts = [len(cloud) for cloud in clouds]
    points, larger = sum(counts), max(counts)
    positions = [_position(clouds[0], moved), _position(clouds[1], False)]
    whole, tile = WHOLE, TILE
    if _core.available():
        whole, tile = COMPILED_NARROW if positions == [NARROW, NARROW] else COMPILED_WIDE
    kept = BASE + THREAD * parallel.threads() + sum(cloud.held for cloud in clouds)
    kept += counts[0] * positions[0] + counts[1] * positions[1]
    kept += 8 * min(counts) if listed else 0
    kept += 0 if sampled is None else SAMPLED * sum(min(count, sampled) for count in counts)
    held = ATTRIBUTES * (2 if moved or not all(_is_narrow(cloud, cloud.fields) for cloud in clouds) else 1)
    answers = points * (ANSWER if points < 2**31 else ANSWER + 4)
    searched = points * whole
    if kept + max(searched, answers + larger * (PAIR + held)) <= limit:
        return None
    to_search, to_pair = points * CELLS, larger * COLUMN
    needed = kept + answers + max(to_search + LEAST * tile, to_pair + LEAST * held)
    if limit < needed:
        raise too_small(limit, needed, f"{counts[0]:,} and {counts[1]:,} points")
    left = limit - kept - answers
    return Pieces(min(larger, (left - to_search) // TILE), left - to_pair)


def require_tiles(engine: str, device: torch.device | None) -> None:
    """Refuse an engine or a device that does not search in tiles."""
    if device is not None or engine not in ("auto", "kdtree"):
        raise UsageError(
            "`memory_limit` needs the kdtree engine on the CPU: it alone searches in tiles",
            remedy="choose `engine='kdtree'` and `device='cpu'`",
        )


def refuse_page(page: str | None, limit: int | None) -> None:
    """Refuse a page of pictures beside a limit."""
    if page is not None and limit is not None:
        raise UsageError("`html` draws all points at once, whatever `memory_limit` says", remedy="drop one")


def _position(cloud: GaussianCloud, moved: bool) -> int:
    """Bytes of a point's three coordinates."""
    return NARROW if _is_narrow(cloud, fields.POSITION) and not moved else 2 * NARROW


def _is_narrow(cloud: GaussianCloud, names: Sequence[str]) -> bool:
    """Whether float32 holds what these columns store."""
    types = [cloud.rows.dtype[name] for name in names if name in cloud.fields]
    return all(np.can_cast(kind, np.float32, "safe") for kind in types)
