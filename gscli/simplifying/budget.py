"""How much memory it takes to merge a scene, and whether a limit allows it."""

from __future__ import annotations

from .. import fields
from ..cloud import GaussianCloud
from ..errors import UsageError
from ..formats import Format
from ..grids.budget import too_small
from ..kernels import merging, parallel, splatting, structured
from ..splats import in_place
from . import look
from .gaussians import SHAPE, color_names
from .hierarchy import BOX
from .methods import CELLS

BASE = 48 << 20  # bytes of Python and NumPy
PICTURES = 24 << 20  # a view of the scene and of what is left of it, and larger ones of a look
KEPT_PICTURES = 32 << 20  # of the scene, beside which several others are judged
PICTURE = 16 * look.SIDE**2  # of a look
TILES = 450  # of the largest picture, each of which may list every row
THREAD = 12 << 20  # of a block of rows in flight, for each thread
LOOKED, UNSEEN = 150, 96  # of a row, where the scene is drawn and where it is not
BOXED = 300  # of a row that is merged, beside its colours
KEPT = 240  # of a row that is left, beside what it holds


def sparing(
    limit: int | None,
    cloud: GaussianCloud,
    most: int,
    *,
    views: int | None,
    held: int = 1,
    several: bool = False,
) -> bool:
    """Whether a scene has to be merged box by box; then its pages are let go of wherever they were read.

    Args:
        limit: bytes, of the whole process; None for any number.
        most: how many rows are left at most. held: how many scenes of so many there are at a time.
        views: from how many cameras the scene is looked at; None for as many as it takes.
        several: whether several scenes are judged.

    Raises:
        UsageError: even so it takes more than the limit.
    """
    if limit is None:
        return False
    looked = views != 0
    count, threads, size = len(cloud), parallel.threads(), cloud.rows.dtype.itemsize
    colors = color_names(cloud)
    each = LOOKED if looked else UNSEEN
    if looked and not in_place(cloud.rows, [*fields.POSITION, *SHAPE, *colors]):
        each += size
    mapped = cloud.rows.nbytes if structured.can_be_spared(cloud.rows) else 0
    kept = BASE + THREAD * threads + count * each + (cloud.held or cloud.rows.nbytes - mapped)
    if looked:
        pairs = TILES * count
        lists = 4 * min(pairs, splatting.KEPT_PAIRS) + 4 * splatting.SHARES * min(pairs, splatting.SHARED)
        kept += (
            PICTURES
            + several * KEPT_PICTURES
            + PICTURE * (look.FROM_FILE if views is None else views)
            + lists * 9 // 8
        )
    box = min(count, BOX) * (BOXED + 4 * merging.LANES * -(-len(colors) // merging.LANES))
    made = most * (KEPT + held * size)
    if limit < (needed := kept + max(box, made)):
        raise too_small(limit, needed, f"{count:,} Gaussians of which {most:,} stay")
    if limit >= kept + mapped + max(box * min(threads, -(-count // BOX)), made):
        return False
    structured.spare(cloud.rows)
    return True


def refuse_in_memory(form: Format, limit: object) -> None:
    """Refuse a limit beside an output in a format that is made in memory."""
    if limit is not None and form.writer is not None and not form.writer.streams:
        raise UsageError(
            f"`memory_limit` writes .ply: {form.name} is made in memory",
            remedy="write .ply, and convert that",
        )


def refuse_cells(method: str, limit: int | None) -> None:
    """Refuse a limit beside a method that cannot keep it."""
    if limit is not None and method == CELLS:
        raise UsageError(
            f"`method={CELLS!r}` holds all cells at once, whatever `memory_limit` says", remedy="drop one"
        )
