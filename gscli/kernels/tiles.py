"""Which footprints lie in which tile of a picture: lists that a program walks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from ..device import out_of_memory
from . import launches
from .footprints import FIELDS, NOWHERE, Footprints

if TYPE_CHECKING:
    from torch import Tensor

PAIRS = 1 << 24  # of a footprint and a tile, listed at a time: about 30 bytes each
_FOOTPRINTS = 128  # taken by one program


class Window(NamedTuple):
    """A rectangle of tiles, and what lies in each.

    Attributes:
        left, top, columns, rows: in tiles.
        footprints: (P,) int32 tile by tile, in their order; the rows of Gaussians.
        starts: (tiles + 1,) int32, where each tile's begin.
    """

    left: int
    top: int
    columns: int
    rows: int
    footprints: Tensor
    starts: Tensor


def windows(seen: Footprints, width: int, height: int, cut: float, tile: int) -> Iterator[Window]:
    """List the footprints of every tile, in windows that hold up to `PAIRS` of them.

    The CPU waits once for each window: for how many they are. A window that a GPU has no memory for is halved
    as well; a single tile is not.

    Args:
        width, height: of the picture in pixels; tile: the side of a tile.
        cut: what a pixel must get of a footprint for it to count.
    """
    todo = [(0, 0, -(-width // tile), -(-height // tile))]
    while todo:
        left, top, columns, rows = place = todo.pop()
        try:
            window = _listed(seen, place, width, height, cut, tile)
        except RuntimeError as error:
            if columns * rows == 1 or not out_of_memory(error):
                raise
            window = None
        if window is None:
            todo += _halves(left, top, columns, rows)
        else:
            yield window


def _halves(left: int, top: int, columns: int, rows: int) -> list[tuple[int, int, int, int]]:
    if columns > rows:
        half = columns // 2
        return [(left, top, half, rows), (left + half, top, columns - half, rows)]
    half = rows // 2
    return [(left, top, columns, half), (left, top + half, columns, rows - half)]


def _listed(
    seen: Footprints, place: tuple[int, int, int, int], width: int, height: int, cut: float, tile: int
) -> Window | None:
    """What lies in each tile of a window; None where that is too much to be listed at a time."""
    import torch

    from .gpu import lists

    count, device = len(seen.order), seen.order.device
    left, top, columns, rows = place
    programs = (-(-count // _FOOTPRINTS),)
    numbers = (count, width, height, left, top, columns, rows)
    constants: dict[str, Any] = {
        "CUT": cut,
        "FIELDS": FIELDS,
        "NOWHERE": NOWHERE,
        "TILE": tile,
        "B": _FOOTPRINTS,
    }
    pairs = 0
    if count:
        counts = torch.empty_like(seen.keys)
        launches.launch(lists.count, programs, *seen, counts, *numbers, **constants)
        ends = counts.cumsum(0)
        pairs = int(ends[-1])
        if columns * rows > 1 and pairs > PAIRS:
            return None
    kind = torch.int16 if columns * rows < 1 << 15 else torch.int32
    key = torch.empty(pairs, dtype=kind, device=device)
    footprints = torch.empty(pairs, dtype=torch.int32, device=device)
    if pairs:
        launches.launch(lists.fill, programs, *seen, ends, key, footprints, *numbers, **constants)
    key, order = torch.sort(key, stable=True)
    starts = torch.searchsorted(
        key, torch.arange(columns * rows + 1, device=device, dtype=kind), out_int32=True
    )
    return Window(left, top, columns, rows, footprints[order], starts)
