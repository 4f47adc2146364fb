"""Morton (Z-curve) order: points that are close in space come close in memory.

G. M. Morton, "A computer oriented geodetic data base", 1966. Trees are searched two to three times
faster by queries in this order, and equal points end up side by side.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

CELLS = 1024  # per axis: 10 bits, three of which fill a uint32
SAMPLE = 4096  # points that the box is taken from
NARROWEST = 1e-150  # of a box: squares of less vanish, and cells of less cannot be counted in float64
CHUNK = 1 << 15  # points at a time: the temporaries stay in the processor's cache


def codes(xyz: npt.NDArray[Any]) -> npt.NDArray[np.uint32]:
    """The 30-bit Morton code of each point within a box around the bulk of them.

    The box spans twice the 2nd to 98th percentile of each axis, taken from evenly spaced rows, so
    that a few far points do not press all others into one cell; what lies outside is clamped to it.

    Args:
        xyz: (N, 3) finite floats, N > 0.

    Returns:
        (N,) uint32.
    """
    sample = np.asarray(xyz[:: -(-len(xyz) // SAMPLE)], np.float64)
    low, high = np.quantile(sample, (0.02, 0.98), axis=0)
    width = np.where(high - low > NARROWEST, high - low, 1.0)
    origin, scale = low - width / 2, CELLS / (2 * width)
    out = np.empty(len(xyz), np.uint32)
    for start in range(0, len(xyz), CHUNK):
        part = slice(start, start + CHUNK)
        out[part] = sum(
            _spread(np.clip((xyz[part, axis] - origin[axis]) * scale[axis], 0, CELLS - 1)) << np.uint32(axis)
            for axis in range(3)
        )
    return out


def order(*digits: npt.NDArray[np.uint16]) -> npt.NDArray[np.int64]:
    """The stable order of keys given as 16-bit digits, least significant first.

    NumPy sorts 16-bit integers by radix: several times faster than it sorts whole keys on many processors.

    Args:
        digits: (N,) uint16 each.

    Returns:
        (N,) int64 rows, in ascending order of their keys; equal keys by row.
    """
    found = np.argsort(digits[0], kind="stable")
    for digit in digits[1:]:
        found = found[np.argsort(digit[found], kind="stable")]
    return found


def order_of(xyz: npt.NDArray[Any]) -> npt.NDArray[np.uint32]:
    """The rows of (N, 3) points in Morton order, (N,) uint32; equal codes by row."""
    return order(*digits(codes(xyz))).astype(np.uint32)


def digits(keys: npt.NDArray[np.uint32]) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16]]:
    """The low and the high 16 bits of (N,) uint32 keys."""
    return keys.astype(np.uint16), (keys >> np.uint32(16)).astype(np.uint16)


def distinct(xyz: npt.NDArray[Any]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint32]]:
    """The distinct positions, in Morton order.

    Args:
        xyz: (N, 3) finite floats, 0 < N < 2^32.

    Returns:
        (D, 3) float64 positions, no two equal; (D,) uint32, the lowest row of `xyz` at each.
    """
    keys = codes(xyz)
    hashes = _hashes(xyz)
    rows = order(hashes, *digits(keys)).astype(np.uint32)
    points = _gather(xyz, rows)
    repeated = _equals_previous(points)
    # Equal positions have equal keys and hashes. Where others share both, sort by the positions.
    keys, hashes = keys[rows], hashes[rows]
    together = np.zeros(len(rows), bool)
    together[1:] = (keys[1:] == keys[:-1]) & (hashes[1:] == hashes[:-1])
    del keys, hashes
    if (together & ~repeated).any():
        run = np.cumsum(~together, dtype=np.uint32)
        mixed = np.zeros(int(run[-1]) + 1, bool)
        mixed[run[together & ~repeated]] = True
        slots = np.flatnonzero(mixed[run])
        again = points[slots]
        slots_by_position = slots[np.lexsort((again[:, 2], again[:, 1], again[:, 0], run[slots]))]
        rows[slots] = rows[slots_by_position]
        points[slots] = points[slots_by_position]
        repeated = _equals_previous(points)
    if not repeated.any():
        return points, rows
    kept = ~repeated
    return points[kept], rows[kept]


def _spread(cells: npt.NDArray[Any]) -> npt.NDArray[np.uint32]:
    """10-bit integers with two zero bits between any two of their bits."""
    bits = cells.astype(np.uint32)
    for shift, mask in ((16, 0x030000FF), (8, 0x0300F00F), (4, 0x030C30C3), (2, 0x09249249)):
        bits = (bits | bits << np.uint32(shift)) & np.uint32(mask)
    return bits


def _hashes(xyz: npt.NDArray[Any]) -> npt.NDArray[np.uint16]:
    """A 16-bit hash of each position; equal positions hash alike, 0.0 and -0.0 too."""
    out = np.empty(len(xyz), np.uint16)
    for start in range(0, len(xyz), CHUNK):
        bits = np.add(xyz[start : start + CHUNK].T, 0.0, dtype=np.float64, order="C").view(np.uint64)
        mixed = bits[0] * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(29)) ^ bits[1]) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(32)) ^ bits[2]) * np.uint64(0x94D049BB133111EB)
        out[start : start + CHUNK] = mixed >> np.uint64(48)
    return out


def _gather(xyz: npt.NDArray[Any], rows: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """xyz[rows] as C-ordered float64, with 0.0 for -0.0."""
    together = np.ascontiguousarray(xyz)  # one cache line for each point instead of three
    out = np.empty((len(rows), 3))
    for start in range(0, len(rows), CHUNK):
        part = slice(start, start + CHUNK)
        np.add(together.take(rows[part], axis=0), 0.0, out=out[part])
    return out


def _equals_previous(points: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """(N,) bool: whether a point equals the one before it."""
    out = np.zeros(len(points), bool)
    out[1:] = (points[1:, 0] == points[:-1, 0]) & (points[1:, 1] == points[:-1, 1])
    out[1:] &= points[1:, 2] == points[:-1, 2]
    return out
