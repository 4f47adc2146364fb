"""Footprints into the lists of tiles that they lie in: what `gscli.kernels.tiles` launches.

A footprint is listed by rows of tiles, in which an ellipse is narrower than its box.
"""

import triton
import triton.language as tl

SLACK = tl.constexpr(1e-3)  # of log2: lists reach a little far, as drawing has the last word


@triton.jit
def _span(low, high, SIZE, TILE: tl.constexpr):
    """The first and last tile with the middle of a pixel between two bounds; none is from 0 to -1."""
    size = SIZE.to(tl.float32)
    first = tl.minimum(tl.maximum(tl.ceil(low - 0.51), 0.0), size).to(tl.int32)
    last = tl.minimum(tl.maximum(tl.floor(high - 0.49), -1.0), size - 1).to(tl.int32)
    return first // TILE, tl.where(first <= last, last // TILE, -1)


@triton.jit
def _ellipse(
    records, order, keys, N, CUT: tl.constexpr, FIELDS: tl.constexpr, NOWHERE: tl.constexpr, B: tl.constexpr
):
    """The footprints of a program: their places and rows, where and what they are, and how far they reach."""
    at = tl.program_id(0).to(tl.int64) * B + tl.arange(0, B)
    seen = tl.load(keys + at, at < N, NOWHERE) != NOWHERE
    row = tl.load(order + at, seen, 0)
    r = records + row * FIELDS
    u, v, shear = tl.load(r, seen, 0.0), tl.load(r + 1, seen, 0.0), tl.load(r + 2, seen, 0.0)
    kx, ky, peak = tl.load(r + 3, seen, -1.0), tl.load(r + 4, seen, -1.0), tl.load(r + 5, seen, CUT)
    reach = tl.log2(peak / CUT) + SLACK
    tall = tl.sqrt(reach / -ky)
    wide = tl.sqrt(reach / -kx + shear * shear * reach / -ky)
    tip = shear * reach / -ky / wide  # how far down it reaches farthest to the right
    return at, seen, row, u, v, shear, kx, ky, reach, tall, tip


@triton.jit
def _part(line, u, v, shear, kx, ky, reach, tall, tip, ACROSS, LEFT, WIDE, TILE: tl.constexpr):
    """In a line of tiles the first that a footprint lies in, and how many it does."""
    low = tl.maximum((line * TILE).to(tl.float32) + 0.5 - v, -tall)
    last = tl.minimum((line * TILE + TILE).to(tl.float32) - 0.5 - v, tall)
    left = tl.minimum(tl.maximum(-tip, low), last)
    right = tl.minimum(tl.maximum(tip, low), last)
    start = u + shear * left - tl.sqrt(tl.maximum(reach + ky * left * left, 0.0) / -kx)
    stop = u + shear * right + tl.sqrt(tl.maximum(reach + ky * right * right, 0.0) / -kx)
    first, final = _span(start, stop, ACROSS, TILE)
    first = tl.maximum(first, LEFT)
    return first, tl.maximum(tl.minimum(final, LEFT + WIDE - 1) - first + 1, 0)


@triton.jit
def _lines(seen, v, tall, DOWN, TOP, HIGH, TILE: tl.constexpr):
    """The first line of tiles of a window that a footprint lies in, and how many it does."""
    first, last = _span(v - tall, v + tall, DOWN, TILE)
    first = tl.maximum(first, TOP)
    return first, tl.where(seen, tl.minimum(last, TOP + HIGH - 1) - first + 1, 0)


@triton.jit(do_not_specialize=["N", "ACROSS", "DOWN", "LEFT", "TOP", "WIDE", "HIGH"])
def count(
    records, order, keys, counts, N, ACROSS, DOWN, LEFT, TOP, WIDE, HIGH,
    CUT: tl.constexpr, FIELDS: tl.constexpr, NOWHERE: tl.constexpr, TILE: tl.constexpr, B: tl.constexpr,
):  # fmt: skip
    """In how many tiles of a window each of N footprints lies, in their order."""
    at, seen, _row, u, v, shear, kx, ky, reach, tall, tip = _ellipse(
        records, order, keys, N, CUT, FIELDS, NOWHERE, B
    )
    first, lines = _lines(seen, v, tall, DOWN, TOP, HIGH, TILE)
    total, most = tl.zeros((B,), tl.int32), tl.max(lines, 0)
    step = most * 0
    while step < most:
        _start, number = _part(first + step, u, v, shear, kx, ky, reach, tall, tip, ACROSS, LEFT, WIDE, TILE)
        total += tl.where(step < lines, number, 0)
        step += 1
    tl.store(counts + at, total, at < N)


@triton.jit(do_not_specialize=["N", "ACROSS", "DOWN", "LEFT", "TOP", "WIDE", "HIGH"])
def fill(
    records, order, keys, ends, tiles, footprints, N, ACROSS, DOWN, LEFT, TOP, WIDE, HIGH,
    CUT: tl.constexpr, FIELDS: tl.constexpr, NOWHERE: tl.constexpr, TILE: tl.constexpr, B: tl.constexpr,
):  # fmt: skip
    """Write the pairs of a tile of a window and a footprint, one footprint's after the other's.

    `ends` are the sums of `count`.
    """
    at, seen, row, u, v, shear, kx, ky, reach, tall, tip = _ellipse(
        records, order, keys, N, CUT, FIELDS, NOWHERE, B
    )
    first, lines = _lines(seen, v, tall, DOWN, TOP, HIGH, TILE)
    place, most = tl.load(ends + at - 1, seen & (at > 0), 0), tl.max(lines, 0)
    step = most * 0
    while step < most:
        start, number = _part(first + step, u, v, shear, kx, ky, reach, tall, tip, ACROSS, LEFT, WIDE, TILE)
        number = tl.where(step < lines, number, 0)
        key, longest = (first + step - TOP) * WIDE + start - LEFT, tl.max(number, 0)
        column = longest * 0
        while column < longest:
            listed = column < number
            tl.store(tiles + place, (key + column).to(tiles.dtype.element_ty), listed)
            tl.store(footprints + place, row.to(tl.int32), listed)
            place += listed.to(tl.int64)
            column += 1
        step += 1
