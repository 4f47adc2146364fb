"""Cells of a lattice, counted and numbered: what `gscli.kernels.torch_cells` launches.

ACROSS and ALONG lead from a coordinate to the next of a point, and to that of the next point. A lattice is
that of `cell_keys.cut`.
"""

import triton
import triton.language as tl

from .. import hashing

FIRST, SECOND, THIRD = (tl.constexpr(word) for word in (hashing.GOLDEN, *hashing.MIXERS))
LATTICE = tl.constexpr(11)  # numbers of one: those of `cell_keys.cut`, and whether its names pack


@triton.jit
def _mixed(key):
    """As `cell_names._mixed`."""
    key = key * FIRST
    return (key ^ (key >> 32)) * SECOND


@triton.jit
def _cell(coordinates, inside, cut, axis: tl.constexpr):
    """The lattice numbers of coordinates on an axis, as `cell_keys.lattice_index` has them."""
    x = tl.load(coordinates, inside, 0.0).to(tl.float64)
    return tl.floor((x - tl.load(cut + 1 + axis)) / tl.load(cut)).to(tl.int64)


@triton.jit
def _whole(cut, place: tl.constexpr):
    return tl.load(cut + place).to(tl.int64)


@triton.jit
def _number(x, y, z, cut):
    """The number of a cell in the box, in lexicographic order."""
    key = (x - _whole(cut, 4)) * _whole(cut, 8) + (y - _whole(cut, 5))
    return key * _whole(cut, 9) + (z - _whole(cut, 6))


@triton.jit
def _word(number):
    return number.to(tl.uint64, bitcast=True)


@triton.jit(do_not_specialize=["N", "ACROSS", "ALONG"])
def number_cells(xyz, cut, keys, N, ACROSS, ALONG, B: tl.constexpr):
    """The number of the cell of each of N points."""
    at = tl.program_id(0).to(tl.int64) * B + tl.arange(0, B)
    inside = at < N
    first = xyz + at * ALONG
    x = _cell(first, inside, cut, 0)
    y = _cell(first + ACROSS, inside, cut, 1)
    z = _cell(first + 2 * ACROSS.to(tl.int64), inside, cut, 2)
    tl.store(keys + at, _number(x, y, z, cut).to(keys.dtype.element_ty), inside)


@triton.jit(do_not_specialize=["N", "ACROSS", "ALONG", "SHIFT", "SLOTS"])
def mark_cells(xyz, lattices, tables, N, ACROSS, ALONG, SHIFT, SLOTS, B: tl.constexpr):
    """Mark the slots that the upper bits of the words of N points tell, by each lattice; see `CellNames`.

    A lattice has a table of so many slots, and SHIFT leaves the bits of a slot.
    """
    at = tl.program_id(0).to(tl.int64) * B + tl.arange(0, B)
    cut = lattices + tl.program_id(1) * LATTICE
    table = tables + tl.program_id(1).to(tl.int64) * SLOTS
    inside = at < N
    first = xyz + at * ALONG
    x = _cell(first, inside, cut, 0)
    y = _cell(first + ACROSS, inside, cut, 1)
    z = _cell(first + 2 * ACROSS.to(tl.int64), inside, cut, 2)
    if tl.load(cut + 10) > 0:
        word = _mixed(_word(_number(x, y, z, cut)))
    else:
        word = _mixed(_word(x) * FIRST)
        word = _mixed(word + _word(y) * SECOND)
        word = _mixed(word + _word(z) * THIRD)
    slot = (word >> SHIFT.to(tl.uint64)).to(tl.int64)
    tl.store(table + slot, tl.full((B,), 1, tl.int8), inside)
