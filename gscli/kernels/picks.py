"""How many rows each cell keeps, and which.

Every method is a count per cell; every pick is a 32-bit key per row, smallest first. `bottom_k_per_cell`
turns the two into kept rows, and `keep` does it for a scene. The one exception is the uniform draw of a
single row, which needs one number per cell instead of one per row (`one_per_cell`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from . import hashing, parallel

_SMALLEST = _core.Kernel(
    "keep_smallest",
    *(np.int32, np.int64, np.int64, np.uint32, int, _core.Word, int, int, np.uint64, np.uint8),
)
PACKED_ROWS = (1 << 16) - 1  # the most that one run of several cells may have, see _words_of_64_bits


def keep(kept: Any, order: Any, offsets: Any, k: Any, keys: Any) -> None:
    """Mark the rows of each cell with the smallest keys as kept.

    Args:
        kept: (rows,) bool; what is True already stays.
        order: (N,) int32 or int64 rows of the input file in sorted-row order, ascending in each cell.
        offsets, k: as of `bottom_k_per_cell`.
        keys: those of `bottom_k_per_cell`, or the stream of random ones.

    Raises:
        IndexError: an order with other rows than `kept` has, or sizes that do not go together.
    """
    if isinstance(order, np.ndarray):
        keys = keys if isinstance(keys, int) else keys.astype(np.uint32, copy=False)
        _require_bounds(kept, order, offsets, k, keys)
    narrow = isinstance(order, np.ndarray) and order.dtype == np.int32
    if not (narrow and kept.flags.c_contiguous and _core.available()):
        if isinstance(keys, int):
            keys = random_keys(order, keys)
        marked = bottom_k_per_cell(offsets, keys, k)
        if isinstance(marked, np.ndarray):
            kept[order[np.flatnonzero(marked)]] = True  # faster than order[marked], which branches
        else:
            kept[order.long()] |= marked  # by a mask a GPU would be waited for
        return
    hashed = isinstance(keys, int)
    given, stream = (np.empty(0, np.uint32), keys) if hashed else (_core.laid_out(keys), 0)
    order, offsets, k = map(_core.laid_out, (order, offsets, k))
    marks = kept.view(np.uint8)

    def run(cells: slice) -> None:
        largest = int(np.diff(offsets[cells.start : cells.stop + 1]).max())
        scratch = np.empty(2 * largest, np.uint64)
        _SMALLEST(order, offsets, k, given, hashed, stream, cells.start, cells.stop, scratch, marks)

    parallel.for_each(run, _runs_of_cells(offsets, parallel.BLOCK))


def _require_bounds(kept: Any, order: Any, offsets: Any, k: Any, keys: Any) -> None:
    """Refuse what compiled kernels take on trust."""
    fits = len(k) == len(offsets) - 1 and (isinstance(keys, int) or len(keys) == len(order))
    fits = (
        fits and offsets[0] == 0 and offsets[-1] == len(order) and bool((offsets[1:] >= offsets[:-1]).all())
    )
    if not fits or (len(order) and not (order.min() >= 0 and order.max() < len(kept))):
        raise IndexError("these cells are not of these rows")


def bottom_k_per_cell(offsets: Any, keys: Any, k: Any) -> Any:
    """Mark, in each cell, the rows with the smallest keys.

    Args:
        offsets: (C + 1,) int64; cell c holds sorted rows offsets[c] to offsets[c + 1].
        keys: (N,) uint32 (torch: int64 below 2^32) in sorted-row order; ties go to the lower row.
        k: (C,) int64, how many to keep; 0 <= k <= the cell's count.

    Returns:
        (N,) bool in sorted-row order; exactly k[c] True in cell c.
    """
    if not isinstance(keys, np.ndarray):
        return _bottom_k_torch(offsets, keys, k)
    marked = np.zeros(len(keys), bool)
    parallel.for_each(
        lambda cells: _mark(offsets, keys, k, cells, marked), _runs_of_cells(offsets, PACKED_ROWS)
    )
    return marked


def _mark(offsets: Any, keys: Any, k: Any, cells: slice, marked: npt.NDArray[Any]) -> None:
    """Mark one run of cells: a single cell of any count, or many with at most `PACKED_ROWS` in all.

    Words that hold the cell above the key sort by cell, then key; the word of rank k of each cell is
    the first that does not stay. Words of 32 bits have room for the upper bits of the key only, and
    sort twice as fast; where those do not settle every cell of the run, words of 64 bits do.
    """
    start, stop = offsets[cells.start], offsets[cells.stop]
    if cells.stop - cells.start == 1:
        marked[start:stop] = _mark_cell(keys[start:stop], int(k[cells.start]))
        return
    counts, wanted = np.diff(offsets[cells.start : cells.stop + 1]), k[cells]
    rank = offsets[cells] - start + wanted
    for pack in (_words_of_32_bits, _words_of_64_bits):
        words = pack(keys[start:stop], counts)
        ranked = np.append(np.sort(words), words.dtype.type(np.iinfo(words.dtype).max))
        limit = ranked[rank]
        if not ((wanted > 0) & (ranked[rank - 1] == limit)).any():
            break
    marked[start:stop] = words < np.repeat(limit, counts)


def _words_of_32_bits(keys: npt.NDArray[Any], counts: npt.NDArray[Any]) -> npt.NDArray[np.uint32]:
    """(cell, upper bits of the key); none has all bits set."""
    cell_bits = len(counts).bit_length()
    cell = np.arange(len(counts), dtype=np.uint32) << np.uint32(32 - cell_bits)
    words: npt.NDArray[np.uint32] = np.repeat(cell, counts)
    words |= keys >> np.uint32(cell_bits)
    return words


def _words_of_64_bits(keys: npt.NDArray[Any], counts: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """(cell, key, position) in 16 + 32 + 16 bits; all different, and none has all bits set."""
    words = np.repeat(np.arange(len(counts), dtype=np.uint64) << np.uint64(48), counts)
    words |= (keys.astype(np.uint64) << np.uint64(16)) | np.arange(len(keys), dtype=np.uint64)
    return words


def _mark_cell(keys: npt.NDArray[Any], k: int) -> npt.NDArray[np.bool_] | bool:
    """Mark the k smallest keys of one cell, of equal ones the first."""
    if not 0 < k < len(keys):
        return k > 0
    words = (keys.astype(np.uint64) << np.uint64(32)) | np.arange(len(keys), dtype=np.uint64)
    marked: npt.NDArray[np.bool_] = words <= np.partition(words, k - 1)[k - 1]
    return marked


def _runs_of_cells(offsets: npt.NDArray[Any], most: int) -> list[slice]:
    """Cut the cells into runs of at most `most` rows; a larger cell is a run of its own."""
    runs, start, last = [], 0, len(offsets) - 1
    while start < last:
        stop = int(np.searchsorted(offsets, offsets[start] + most, side="right")) - 1
        stop = max(stop, start + 1)
        runs.append(slice(start, stop))
        start = stop
    return runs


def _bottom_k_torch(offsets: Any, keys: Any, k: Any) -> Any:
    import torch

    counts = offsets[1:] - offsets[:-1]
    places = torch.arange(len(keys), device=keys.device)
    cell = torch.repeat_interleave(
        torch.arange(len(counts), device=keys.device), counts, output_size=len(keys)
    )
    order = torch.sort((cell << 32) | keys, stable=True).indices
    marked = torch.empty(len(keys), dtype=torch.bool, device=keys.device)
    marked[order] = places < (offsets[:-1] + k)[cell]
    return marked


def one_per_cell(offsets: Any, uniforms: Any) -> Any:
    """The position of one row of each cell, drawn by one uniform number a cell.

    Args:
        offsets: (C + 1,) int64, no cell empty.
        uniforms: (C,) float64 in [0, 1).

    Returns:
        (C,) int64 positions in sorted-row order: offsets[c] + floor(u[c] n[c]).
    """
    counts = offsets[1:] - offsets[:-1]
    # u <= 1 - 2^-53 and n < 2^53: the product may round up to n itself, hence the minimum.
    if isinstance(offsets, np.ndarray):
        step = np.minimum((uniforms * counts).astype(np.int64), counts - 1)
    else:
        step = (uniforms * counts.double()).long().minimum(counts - 1)
    return offsets[:-1] + step


def random_keys(order: Any, stream: int) -> Any:
    """Random keys in sorted-row order.

    Args:
        order: (N,) rows of the input file in sorted-row order.

    Returns:
        (N,) uint32, or int64 below 2^32 from a torch `order`.
    """
    if not isinstance(order, np.ndarray):
        return hashing.row_keys(order.long(), stream)
    keys = np.empty(len(order), np.uint32)

    def fill(part: slice) -> None:
        keys[part] = hashing.row_keys(order[part].astype(np.uint64), stream)

    parallel.for_each(fill, parallel.blocks(len(order)))
    return keys


def ordered_keys(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """uint32 keys that sort as the float32 roundings of `values` do; NaN comes last.

    A float's bits order like integers once negative ones are flipped. Adding 0 makes -0 into +0.
    """
    with np.errstate(over="ignore"):  # beyond float32 is infinity, as rounding has it
        rounded = values.astype(np.float32) + np.float32(0)
    rounded = np.where(np.isnan(rounded), np.float32(np.inf), rounded)
    bits = rounded.view(np.uint32)
    keys: npt.NDArray[Any] = np.where(bits >> np.uint32(31), ~bits, bits | np.uint32(1 << 31))
    return keys


def counts_from_ratio(counts: Any, ratios: Any, rounding: Any, at_least: int) -> tuple[Any, Any]:
    """Keep floor(n r + rounding) of the n rows of each cell, clamped to [min(at_least, n), n].

    Args:
        counts: (C,) int64.
        ratios: (C,) float64 in [0, 1].
        rounding: 0.0 rounds down; (C,) uniforms in [0, 1) make the expectation exactly n r.

    Returns:
        (C,) int64, and the number of cells that the minimum raised: of tensors one, for which nothing waits.
    """
    wanted = counts * ratios + rounding
    if isinstance(wanted, np.ndarray):
        wanted = np.floor(wanted).astype(np.int64)
        least = np.minimum(at_least, counts)
        return np.clip(wanted, least, counts), int(np.count_nonzero(wanted < least))
    wanted = wanted.floor().long()
    least = counts.clamp(max=at_least)
    return wanted.maximum(least).minimum(counts), (wanted < least).sum()


def at_most(counts: Any, k: int) -> Any:
    """min(n, k) for the counts of all cells."""
    return np.minimum(counts, k) if isinstance(counts, np.ndarray) else counts.clamp(max=k)
