"""Rotations as (N, 4) quaternions, w first."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def unit(quaternions: Array) -> Array:
    """(N, 4) quaternions of length one; a zero one becomes the identity (w first)."""
    lengths = np.linalg.norm(quaternions, axis=1, keepdims=True)
    identity = np.array([1.0, 0.0, 0.0, 0.0])
    return np.where(lengths > 0, quaternions / np.where(lengths > 0, lengths, 1.0), identity)


def product(one: Array, other: Array) -> Array:
    """(N, 4) the rotations that turn by `other` first, then by `one`; either may be (4,), for all."""
    (a, b, c, d), (w, x, y, z) = (np.moveaxis(np.asarray(q), -1, 0) for q in (one, other))
    return np.stack([
        a * w - b * x - c * y - d * z,
        a * x + b * w + c * z - d * y,
        a * y - b * z + c * w + d * x,
        a * z + b * y - c * x + d * w,
    ], axis=-1)  # fmt: skip


def rows(w: Any, x: Any, y: Any, z: Any) -> tuple[tuple[Any, Any, Any], ...]:
    """The rows of the matrices of unit quaternions, which are arrays or tensors of one shape."""
    return (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )


def matrices(turns: Array) -> Array:
    """(N, 3, 3) the matrices of (N, 4) unit quaternions."""
    return np.moveaxis(np.array(rows(*turns.T)), 2, 0)


def axes(turns: Array, which: Array) -> Array:
    """(N, 3) that axis, 0 to 2, of what (N, 4) unit quaternions turn."""
    found: Array = matrices(turns)[np.arange(len(turns)), :, which]
    return found


def of_matrices(m: list[list[Array]]) -> Array:
    """(4, N) unit quaternions of rotations, by whichever component is largest (Shepperd 1978)."""
    (a, b, c), (d, e, f), (g, h, i) = m
    squares = np.stack([1 + a + e + i, 1 + a - e - i, 1 - a + e - i, 1 - a - e + i])  # of w x y z, times 4
    sides = np.array([
        [squares[0], h - f, c - g, d - b],
        [h - f, squares[1], b + d, c + g],
        [c - g, b + d, squares[2], f + h],
        [d - b, c + g, f + h, squares[3]],
    ])  # fmt: skip
    best = squares.argmax(0)
    found = sides[best, :, np.arange(len(a))].T
    unit: Array = found / np.sqrt((found * found).sum(0))
    return unit


def split_largest(quaternions: Array) -> tuple[Array, Array]:
    """Unit quaternions as the place of their largest component and the other three.

    The sign is turned so that the largest is positive: q and -q are one rotation.

    Returns:
        (N,) which component is the largest, and (N, 3) the others in order, within 1 / sqrt 2.
    """
    largest = np.abs(quaternions).argmax(axis=1)
    rows = np.arange(len(quaternions))
    turned = quaternions * np.where(quaternions[rows, largest] < 0, -1.0, 1.0)[:, None]
    others = turned[_others(largest)].reshape(len(quaternions), 3)
    return largest, others


def join_largest(largest: Array, others: Array) -> Array:
    """The inverse of `split_largest`: (N, 4) unit quaternions."""
    out = np.empty((len(largest), 4), np.float64)
    out[np.arange(len(largest)), largest] = np.sqrt(np.maximum(0.0, 1.0 - (others**2).sum(axis=1)))
    out[_others(largest)] = others.reshape(-1)
    return out


def _others(largest: Array) -> Array:
    """(N, 4) mask of the three components that are not the largest."""
    mask: Array = np.arange(4)[None, :] != largest[:, None]
    return mask
