"""Which footprints lie in which tile of a picture, in torch operations: lists that a program walks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from ..device import out_of_memory

if TYPE_CHECKING:
    from torch import Tensor

PAIRS = 1 << 24  # of a footprint and a tile, listed at a time: about 40 bytes each
SLACK = 1e-3  # of log2: lists reach a little far, as drawing has the last word


class Window(NamedTuple):
    """A rectangle of tiles, and what lies in each.

    Attributes:
        left, top, columns, rows: in tiles.
        footprints: (P,) int32 tile by tile, in their order.
        starts: (tiles + 1,) int32, where each tile's begin.
    """

    left: int
    top: int
    columns: int
    rows: int
    footprints: Tensor
    starts: Tensor


class _Bounds(NamedTuple):
    """Of each footprint: how far it reaches, and the first and last tile across and down, (M,) each."""

    reach: Tensor
    tall: Tensor
    tip: Tensor
    left: Tensor
    right: Tensor
    top: Tensor
    bottom: Tensor


def windows(records: Tensor, width: int, height: int, cut: float, tile: int) -> Iterator[Window]:
    """List the footprints of every tile, in windows that hold up to `PAIRS` of them.

    A window that a GPU has no memory for is halved as well; a single tile is not.

    Args:
        records: of `footprints.Footprints`.
        width, height: of the picture in pixels; tile: the side of a tile.
        cut: what a pixel must get of a footprint for it to count.
    """
    bounds = _bounds(records, width, height, cut, tile)
    todo = [(0, 0, -(-width // tile), -(-height // tile))]
    while todo:
        left, top, columns, rows = todo.pop()
        first = bounds.top.clamp_min(top)
        high = (bounds.bottom.clamp_max(top + rows - 1) - first + 1).clamp_min(0)
        wide = (bounds.right.clamp_max(left + columns - 1) - bounds.left.clamp_min(left) + 1).clamp_min(0)
        if columns * rows > 1 and int((high * wide.long()).sum()) > PAIRS:
            todo += _halves(left, top, columns, rows)
            continue
        high = high.where(wide > 0, 0)
        try:
            window = _listed(records, bounds, (left, top, columns, rows), first, high, width, tile)
        except RuntimeError as error:
            if columns * rows == 1 or not out_of_memory(error):
                raise
            todo += _halves(left, top, columns, rows)
            continue
        yield window


def _halves(left: int, top: int, columns: int, rows: int) -> list[tuple[int, int, int, int]]:
    if columns > rows:
        half = columns // 2
        return [(left, top, half, rows), (left + half, top, columns - half, rows)]
    half = rows // 2
    return [(left, top, columns, half), (left, top + half, columns, rows - half)]


def _bounds(records: Tensor, width: int, height: int, cut: float, tile: int) -> _Bounds:
    u, v, shear, kx, ky, peak = records[:, :6].unbind(1)
    reach = (peak / cut).log2() + SLACK
    tall = (reach / -ky).sqrt()
    wide = (reach / -kx + shear**2 * reach / -ky).sqrt()
    tip = shear * reach / -ky / wide  # how far down it reaches farthest to the right
    left, right = _span(u - wide, u + wide, width, tile)
    top, bottom = _span(v - tall, v + tall, height, tile)
    return _Bounds(reach, tall, tip, left, right, top, bottom)


def _listed(
    records: Tensor,
    bounds: _Bounds,
    window: tuple[int, int, int, int],
    first: Tensor,
    high: Tensor,
    width: int,
    tile: int,
) -> Window:
    """What lies in each tile of a window: by rows of tiles, in which an ellipse is narrower than its box."""
    import torch

    left, top, columns, rows = window
    u, v, shear, kx, ky, _ = records[:, :6].unbind(1)
    who, row = _spread(high)  # a footprint's part in a row of tiles
    row += first[who]
    lean, most, tall, tip = shear[who], bounds.reach[who], bounds.tall[who], bounds.tip[who]
    low = (row * tile + 0.5 - v[who]).maximum(-tall)
    last = (row * tile + tile - 0.5 - v[who]).minimum(tall)
    ends = []
    for side, at in ((-1, (-tip).maximum(low).minimum(last)), (1, tip.maximum(low).minimum(last))):
        half = ((most + ky[who] * at * at).clamp_min(0) / -kx[who]).sqrt()
        ends.append(u[who] + lean * at + side * half)
    start, stop = _span(ends[0], ends[1], width, tile)
    start = start.clamp_min(left)
    part, column = _spread((stop.clamp_max(left + columns - 1) - start + 1).clamp_min(0))
    key = ((row - top) * columns + start - left)[part] + column
    key, order = torch.sort(key.short() if columns * rows < 1 << 15 else key, stable=True)
    tiles = torch.arange(columns * rows + 1, device=key.device, dtype=key.dtype)
    starts = torch.searchsorted(key, tiles, out_int32=True)
    return Window(left, top, columns, rows, who[part[order]], starts)


def _span(low: Tensor, high: Tensor, size: int, tile: int) -> tuple[Tensor, Tensor]:
    """The first and last tile with the middle of a pixel between two bounds; none is from 0 to -1."""
    first = (low - 0.51).ceil().clamp(0, size).int()
    last = (high - 0.49).floor().clamp(-1, size - 1).int()
    return first // tile, (last // tile).where(first <= last, -1)


def _spread(count: Tensor) -> tuple[Tensor, Tensor]:
    """`count` copies of every item, in order: the item's number and the copy's, int32."""
    import torch

    item = torch.repeat_interleave(count).int()
    before = count.cumsum(0, dtype=torch.int32) - count
    return item, torch.arange(len(item), device=count.device, dtype=torch.int32) - before[item]
