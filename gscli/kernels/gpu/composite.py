"""Footprints into pictures, and images out among them: a program walks a tile's list for some pixels."""

import triton
import triton.language as tl

OPAQUE = tl.constexpr(0.99)
FINISHED = tl.constexpr(1e-4)
MOST = tl.constexpr(3e38)  # of a sum: infinity is no picture


@triton.jit
def _block(longest, LEFT, TOP, WIDE, TILE: tl.constexpr, BLOCK: tl.constexpr):
    """The tile of a program, and the columns and lines of its pixels."""
    side: tl.constexpr = TILE // BLOCK
    tile = tl.load(longest + tl.program_id(0) // (side * side)).to(
        tl.int32
    )  # the longest lists first: none ends late
    part, lane = tl.program_id(0) % (side * side), tl.arange(0, BLOCK * BLOCK)
    column = (LEFT + tile % WIDE) * TILE + part % side * BLOCK + lane % BLOCK
    line = (TOP + tile // WIDE) * TILE + part // side * BLOCK + lane // BLOCK
    return tile, column, line


@triton.jit
def _given(r, column, line, here, CUT: tl.constexpr):
    """What the footprint of a record gives to each pixel."""
    dy = line.to(tl.float32) + 0.5 - tl.load(r + 1)
    dx = column.to(tl.float32) + 0.5 - tl.load(r) - tl.load(r + 2) * dy
    a = tl.load(r + 5) * tl.exp2(tl.load(r + 3) * dx * dx + tl.load(r + 4) * dy * dy)
    return tl.where((a >= CUT) & here, a, 0.0)


@triton.jit
def _weighed(a, total, live):
    """Its weight behind what lets `total` through, what is let through then, and which pixels go on."""
    a = tl.minimum(a, OPAQUE)
    after = total - total * a
    live = live & (after > FINISHED)  # the one that would make it opaque no longer counts
    return tl.where(live, a * total, 0.0), tl.where(live, after, total), live


@triton.jit(do_not_specialize=["ACROSS", "DOWN", "LEFT", "TOP", "WIDE"])
def composite(
    records, footprints, starts, longest, color, alpha, deep, ACROSS, DOWN, LEFT, TOP, WIDE,
    XRAY: tl.constexpr, DEEP: tl.constexpr, CUT: tl.constexpr, FIELDS: tl.constexpr,
    TILE: tl.constexpr, BLOCK: tl.constexpr, UNROLL: tl.constexpr,
):  # fmt: skip
    """Walk the footprints of a tile, the nearest first, until every pixel of the block is opaque."""
    tile, column, line = _block(longest, LEFT, TOP, WIDE, TILE, BLOCK)
    inside = (column < ACROSS) & (line < DOWN)
    red = tl.zeros((BLOCK * BLOCK,), tl.float32)
    total = tl.full((BLOCK * BLOCK,), 0.0 if XRAY else 1.0, tl.float32)
    green, blue, far, live, busy = red, red, red, inside, 1
    k, end = tl.load(starts + tile), tl.load(starts + tile + 1)
    while (k < end) & (busy > 0):
        for j in tl.static_range(UNROLL):
            here = k + j < end
            r = records + tl.load(footprints + tl.minimum(k + j, end - 1)).to(tl.int64) * FIELDS
            a = _given(r, column, line, here, CUT)
            if XRAY:
                total = tl.minimum(total + a, MOST)
            else:
                a, total, live = _weighed(a, total, live)
                red += a * tl.load(r + 7)
                green += a * tl.load(r + 8)
                blue += a * tl.load(r + 9)
                if DEEP:
                    far += a * tl.load(r + 6)
        k += UNROLL
        if not XRAY:
            busy = tl.max(live.to(tl.int32), 0)
    at = line.to(tl.int64) * ACROSS + column
    tl.store(alpha + at, total if XRAY else 1 - total, inside)
    if not XRAY:
        tl.store(color + at * 3, red, inside)
        tl.store(color + at * 3 + 1, green, inside)
        tl.store(color + at * 3 + 2, blue, inside)
        if DEEP:
            tl.store(deep + at, far / tl.where(total < 1, 1 - total, 1.0), inside)


@triton.jit(do_not_specialize=["ACROSS", "DOWN", "LEFT", "TOP", "WIDE"])
def share(
    records, footprints, starts, longest, image, sums, ACROSS, DOWN, LEFT, TOP, WIDE,
    CHANNELS: tl.constexpr, UNIT: tl.constexpr, CUT: tl.constexpr, FIELDS: tl.constexpr,
    TILE: tl.constexpr, BLOCK: tl.constexpr, UNROLL: tl.constexpr,
):  # fmt: skip
    """Add an image of so many channels, in the weights of `composite`, to the sums of footprints.

    Each product is cut to a whole part of UNIT: whole numbers come to the same in any order.
    """
    tile, column, line = _block(longest, LEFT, TOP, WIDE, TILE, BLOCK)
    live = (column < ACROSS) & (line < DOWN)
    shared = image + (line.to(tl.int64) * ACROSS + column) * CHANNELS
    total = tl.full((BLOCK * BLOCK,), 1.0, tl.float32)
    inside, busy = live, 1
    k, end = tl.load(starts + tile), tl.load(starts + tile + 1)
    while (k < end) & (busy > 0):
        for j in tl.static_range(UNROLL):
            here = k + j < end
            which = tl.load(footprints + tl.minimum(k + j, end - 1)).to(tl.int64)
            weight, total, live = _weighed(
                _given(records + which * FIELDS, column, line, here, CUT), total, live
            )
            for channel in tl.static_range(CHANNELS):
                part = (weight * tl.load(shared + channel, inside, 0.0) * UNIT).to(tl.int32)
                given = tl.sum(part, 0)
                tl.atomic_add(sums + which * CHANNELS + channel, given.to(tl.int64), given != 0)
        k += UNROLL
        busy = tl.max(live.to(tl.int32), 0)
