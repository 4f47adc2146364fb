"""How much memory it takes to merge a scene, and whether a limit allows it."""

from __future__ import annotations

from .. import fields
from ..cloud import GaussianCloud
from ..errors import UsageError
from ..formats import Target
from ..grids.budget import too_small
from ..kernels import merging, parallel, structured
from ..splats import in_place
from .gaussians import SHAPE, color_names
from .hierarchy import BOX
from .methods import CELLS

BASE = 48 << 20  # bytes of Python and NumPy
PICTURES = 64 << 20  # of the scene, beside which others are judged
THREAD = 12 << 20  # of a block of rows in flight, for each thread
LOOKED, UNSEEN = 150, 96  # of a row, where the scene is drawn and where it is not
BOXED = 300  # of a row that is merged, beside its colours
KEPT = 240  # of a row that is left, beside what it holds


def sparing(limit: int | None, cloud: GaussianCloud, most: int, target: Target, *, looked: bool) -> bool:
    """Whether a scene has to be merged box by box; then its pages are let go of wherever they were read.

    Args:
        limit: bytes, of the whole process; None for any number.
        most: how many rows are left at most.
        target: where they go. looked: whether the scene is looked at.

    Raises:
        UsageError: even so it takes more than the limit; or the output is made in memory.
    """
    if limit is None:
        return False
    if not target.writer.streams:
        raise UsageError(
            f"`memory_limit` writes .ply: {target.format.name} is made in memory",
            remedy="write .ply, and convert that",
        )
    count, threads, size = len(cloud), parallel.threads(), cloud.rows.dtype.itemsize
    colors = color_names(cloud)
    each = LOOKED if looked else UNSEEN
    if looked and not in_place(cloud.rows, [*fields.POSITION, *SHAPE, *colors]):
        each += size
    kept = BASE + THREAD * threads + cloud.held + count * each + (PICTURES if looked else 0)
    box = min(count, BOX) * (BOXED + 4 * merging.LANES * -(-len(colors) // merging.LANES))
    made = most * (KEPT + size)
    if limit < (needed := kept + max(box, made)):
        raise too_small(limit, needed, f"{count:,} Gaussians of which {most:,} stay")
    mapped = 0 if cloud.held else cloud.rows.nbytes
    if limit >= kept + mapped + max(box * min(threads, -(-count // BOX)), made):
        return False
    structured.spare(cloud.rows)
    return True


def refuse_cells(method: str, limit: int | None) -> None:
    """Refuse a limit beside a method that cannot keep it."""
    if limit is not None and method == CELLS:
        raise UsageError(
            f"`method={CELLS!r}` holds all cells at once, whatever `memory_limit` says", remedy="drop one"
        )
