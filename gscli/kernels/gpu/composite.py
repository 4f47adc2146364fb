"""Footprints into pictures: one program for a block of pixels, which walks the list of its tile."""

import triton
import triton.language as tl

OPAQUE = tl.constexpr(0.99)
FINISHED = tl.constexpr(1e-4)
MOST = tl.constexpr(3e38)  # of a sum: infinity is no picture


@triton.jit(do_not_specialize=["ACROSS", "DOWN", "LEFT", "TOP", "WIDE"])
def composite(
    records, footprints, starts, longest, color, through, deep, ACROSS, DOWN, LEFT, TOP, WIDE,
    XRAY: tl.constexpr, DEEP: tl.constexpr, CUT: tl.constexpr, FIELDS: tl.constexpr,
    TILE: tl.constexpr, BLOCK: tl.constexpr, UNROLL: tl.constexpr,
):  # fmt: skip
    """Walk the footprints of a tile, the nearest first, until every pixel of the block is opaque."""
    side: tl.constexpr = TILE // BLOCK
    tile = tl.load(longest + tl.program_id(0) // (side * side))  # the longest lists first: none ends late
    part, lane = tl.program_id(0) % (side * side), tl.arange(0, BLOCK * BLOCK)
    column = (LEFT + tile % WIDE) * TILE + part % side * BLOCK + lane % BLOCK
    line = (TOP + tile // WIDE) * TILE + part // side * BLOCK + lane // BLOCK
    px, py, inside = (
        column.to(tl.float32) + 0.5,
        line.to(tl.float32) + 0.5,
        (column < ACROSS) & (line < DOWN),
    )
    red = tl.zeros((BLOCK * BLOCK,), tl.float32)
    total = tl.full((BLOCK * BLOCK,), 0.0 if XRAY else 1.0, tl.float32)
    green, blue, far, live, busy = red, red, red, inside, 1
    k, end = tl.load(starts + tile), tl.load(starts + tile + 1)
    while (k < end) & (busy > 0):
        for j in tl.static_range(UNROLL):
            here = k + j < end
            r = records + tl.load(footprints + k + j, here, 0).to(tl.int64) * FIELDS
            dy = py - tl.load(r + 1)
            dx = px - tl.load(r) - tl.load(r + 2) * dy
            a = tl.load(r + 5) * tl.exp2(tl.load(r + 3) * dx * dx + tl.load(r + 4) * dy * dy)
            a = tl.where((a >= CUT) & here, a, 0.0)
            if XRAY:
                total = tl.minimum(total + a, MOST)
            else:
                a = tl.minimum(a, OPAQUE)
                after = total - total * a
                live = live & (after > FINISHED)  # the one that would make it opaque no longer counts
                a = tl.where(live, a * total, 0.0)
                total = tl.where(live, after, total)
                red += a * tl.load(r + 7)
                green += a * tl.load(r + 8)
                blue += a * tl.load(r + 9)
                if DEEP:
                    far += a * tl.load(r + 6)
        k += UNROLL
        if not XRAY:
            busy = tl.max(live.to(tl.int32), 0)
    at = line.to(tl.int64) * ACROSS + column
    tl.store(through + at, total, inside)
    if not XRAY:
        tl.store(color + at * 3, red, inside)
        tl.store(color + at * 3 + 1, green, inside)
        tl.store(color + at * 3 + 2, blue, inside)
        if DEEP:
            tl.store(deep + at, far / tl.where(total < 1, 1 - total, 1.0), inside)
