"""Draws from the cells of a grid: what `gscli.kernels.fused_draws` launches.

Hashes are those of `gscli.kernels.hashing`, in uint64. A program takes some cells, or one cell whose rows are
at most its tile, or a stretch of rows.
"""

import triton
import triton.language as tl

from .. import hashing

GOLDEN, FIRST, SECOND = (tl.constexpr(word) for word in (hashing.GOLDEN, *hashing.MIXERS))


@triton.jit
def _mixed(x):
    x = (x ^ (x >> 30)) * FIRST
    x = (x ^ (x >> 27)) * SECOND
    return x ^ (x >> 31)


@triton.jit
def _word(number):
    """A 64-bit word of the int64 that has its bits; a number that fits comes with 32."""
    return number.to(tl.int64).to(tl.uint64, bitcast=True)


@triton.jit
def _real(number):
    """A float64 of the int64 that has its bits."""
    return number.to(tl.int64).to(tl.float64, bitcast=True)


@triton.jit
def _uniforms(cells, c, inside, stream, COLUMNS: tl.constexpr):
    """As `hashing.cell_uniforms`."""
    word = c.to(tl.uint64) * 0 + _word(stream)
    for column in tl.static_range(COLUMNS):
        word = _mixed(_word(tl.load(cells + c * COLUMNS + column, inside, 0)) * GOLDEN + word)
    return (word >> 11).to(tl.int64).to(tl.float64) * 1.1102230246251565e-16  # 2^-53


@triton.jit
def _keys(row, stream):
    """As `hashing.row_keys`."""
    return (_mixed((row.to(tl.uint64) + 1) * GOLDEN + _word(stream)) >> 32).to(tl.uint32)


@triton.jit(do_not_specialize=["forced", "C", "LOW", "WIDTH", "RATIO", "ROUND", "LEAST"])
def share(
    offsets,
    cells,
    k,
    forced,
    C,
    LOW,
    WIDTH,
    RATIO,
    ROUND,
    LEAST,
    ROUNDS: tl.constexpr,
    COLUMNS: tl.constexpr,
    B: tl.constexpr,
):
    """As `picks.counts_from_ratio`; LOW and WIDTH are the bits of float64, RATIO and ROUND streams."""
    c = tl.program_id(0).to(tl.int64) * B + tl.arange(0, B)
    inside = c < C
    n = tl.load(offsets + c + 1, inside, 0) - tl.load(offsets + c, inside, 0)
    wanted = n.to(tl.float64) * (_uniforms(cells, c, inside, RATIO, COLUMNS) * _real(WIDTH) + _real(LOW))
    if ROUNDS:
        wanted += _uniforms(cells, c, inside, ROUND, COLUMNS)
    whole, least = wanted.to(tl.int64), tl.minimum(n, LEAST.to(tl.int64))
    tl.store(k + c, tl.minimum(tl.maximum(whole, least), n), inside)
    tl.atomic_add(forced, tl.sum(((whole < least) & inside).to(tl.int64), 0))


@triton.jit(do_not_specialize=["C", "STREAM"])
def mark_one(offsets, cells, order, marks, C, STREAM, COLUMNS: tl.constexpr, B: tl.constexpr):
    """Mark of every cell the row that `picks.one_per_cell` draws."""
    c = tl.program_id(0).to(tl.int64) * B + tl.arange(0, B)
    inside = c < C
    start = tl.load(offsets + c, inside, 0)
    n = tl.load(offsets + c + 1, inside, 1) - start
    step = (_uniforms(cells, c, inside, STREAM, COLUMNS) * n.to(tl.float64)).to(tl.int64)
    row = tl.load(order + start + tl.minimum(step, n - 1), inside, 0)
    tl.store(marks + row, tl.full((B,), 1, tl.int8), inside)


@triton.jit(do_not_specialize=["STREAM"])
def mark_least(offsets, order, k, marks, STREAM, BEYOND: tl.constexpr, B: tl.constexpr):
    """Mark, in cells of more than BEYOND rows and up to B, the k with the least random keys.

    Of equal ones the lowest. The k-th key is found bit by bit, from the highest on.
    """
    cell = tl.program_id(0)
    start = tl.load(offsets + cell)
    count = tl.load(offsets + cell + 1) - start
    if (count <= BEYOND) | (count > B):
        return
    inside = tl.arange(0, B) < count
    wanted = tl.load(k + cell).to(tl.int32)
    row = tl.load(order + start + tl.arange(0, B), inside, 0)
    key = _keys(row, STREAM)
    limit, bit = tl.full((), 0, tl.uint32), tl.full((), 1 << 31, tl.uint32)
    for _ in range(32):
        below = tl.sum(((key < (limit | bit)) & inside).to(tl.int32), 0)
        limit = tl.where(below < wanted, limit | bit, limit)
        bit = bit >> 1
    marked, tied = (key < limit) & inside, (key == limit) & inside
    left = wanted - tl.sum(marked.to(tl.int32), 0)
    if tl.sum(tied.to(tl.int32), 0) > left:
        tied = tied & (tl.cumsum(tied.to(tl.int32), 0) <= left)
    tl.store(marks + row, (marked | tied).to(tl.int8), inside)


@triton.jit(do_not_specialize=["N", "STREAM"])
def hash_rows(rows, keys, N, STREAM, B: tl.constexpr):
    """The random keys of N rows, as int64."""
    at = tl.program_id(0).to(tl.int64) * B + tl.arange(0, B)
    tl.store(keys + at, _keys(tl.load(rows + at, at < N, 0), STREAM).to(tl.int64), at < N)


@triton.jit
def tally(marks, tallies, B: tl.constexpr):
    """How many rows are marked in each stretch of B."""
    at = tl.program_id(0).to(tl.int64) * B + tl.arange(0, B)
    tl.store(tallies + tl.program_id(0), tl.sum(tl.load(marks + at).to(tl.int64), 0))


@triton.jit(do_not_specialize=["STRETCHES"])
def compact(marks, owners, ends, rows, cells, STRETCHES, B: tl.constexpr):
    """Write the marked rows of all draws side by side, and their cells.

    A draw has so many stretches of B marks; `ends` are sums of tallies.
    """
    part = tl.program_id(0)
    mark = tl.load(marks + part.to(tl.int64) * B + tl.arange(0, B)).to(tl.int32)
    row = (part % STRETCHES).to(tl.int64) * B + tl.arange(0, B)
    start = tl.load(ends + part - 1, part > 0, 0)
    place = start + tl.cumsum(mark, 0) - 1
    tl.store(rows + place, row, mark > 0)
    tl.store(cells + place, tl.load(owners + row, mark > 0, 0).to(tl.int64), mark > 0)
