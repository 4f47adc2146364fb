"""Points in an order in which each chunk of so many spans little: for formats that round within a chunk.

A tree of boxes, cut as kd-trees are (J. L. Bentley, 1975), but where the spans lose most, as the surface area
heuristic cuts those of rays (J. D. MacDonald and K. S. Booth, 1990). Along a Morton curve chunks would reach
across its jumps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

SAMPLE = 4096  # points that the bulk is taken from
FAR = 8  # half widths of the bulk, beyond which a point is far


def order_of(points: npt.NDArray[np.float32], weight: Array, size: int) -> npt.NDArray[np.int64]:
    """The order of points in chunks, of which all but the last are full.

    Far points come first, as one of them costs all others of its chunk their precision. What they leave of
    their last chunk is filled with the points that weigh least.

    Args:
        points: (3, N) finite, in units in which a step of each axis counts alike; overwritten.
        weight: (N,) without NaN.
        size: points of a chunk.

    Returns:
        (N,) int64 columns; those of a chunk ascend.
    """
    beyond = _far(points)
    if not beyond.any():
        return _cut(points, size)
    far, near = np.flatnonzero(beyond), np.flatnonzero(~beyond)
    filling = lowest(weight[near], min(-len(far) % size, len(near)))
    rest = near[~filling]
    parts = far[_cut(points[:, far], size)], near[filling], rest[_cut(points[:, rest], size)]
    return np.concatenate(parts)


def lowest(values: Array, count: int) -> npt.NDArray[np.bool_]:
    """(N,) bool, which are the `count` least of (N,) values; of equal ones the first."""
    if not count:
        return np.zeros(len(values), bool)
    return _to(values, np.partition(values, count - 1)[count - 1], count)


def _to(values: Array, last: Any, count: int) -> npt.NDArray[np.bool_]:
    """`lowest`, where the last of them is known."""
    chosen: npt.NDArray[np.bool_] = values <= last
    surplus = int(np.count_nonzero(chosen)) - count
    if surplus:
        chosen[np.flatnonzero(values == last)[-surplus:]] = False
    return chosen


def _far(points: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """(N,) bool, which points are far from the bulk: the 2nd to 98th percentile of evenly spaced ones."""
    if not points.shape[1]:
        return np.zeros(0, bool)
    sample = points[:, :: -(-points.shape[1] // SAMPLE)].astype(np.float64)
    low, high = np.quantile(sample, (0.02, 0.98), axis=1)
    reach = FAR * (high - low).max() / 2
    beyond = np.zeros(points.shape[1], bool)
    for axis, middle in zip(points, (low + high) / 2, strict=True):
        beyond |= (axis < middle - reach) | (axis > middle + reach)
    return beyond


def _cut(points: npt.NDArray[np.float32], size: int) -> npt.NDArray[np.int64]:
    """The order of (3, N) points, which are overwritten, in chunks by a tree of boxes.

    A box is cut across its widest axis, after as many chunks as make the squared spans of both sides, each
    times its points, the least.
    """
    order = np.arange(points.shape[1])
    boxes = [slice(0, len(order))]
    while boxes:
        box = boxes.pop()
        count = box.stop - box.start
        if count <= size:
            continue
        inside = points[:, box]
        spans = [float(axis.max()) - float(axis.min()) for axis in inside]
        if not max(spans):
            continue
        across = inside[spans.index(max(spans))]
        ranked = np.sort(across)
        cuts = np.arange(size, count, size)
        before = ranked[cuts - 1].astype(np.float64) - ranked[0]
        behind = ranked[-1] - ranked[cuts].astype(np.float64)
        cut = int(cuts[np.argmin(before * before * cuts + behind * behind * (count - cuts))])
        side = _to(across, ranked[cut - 1], cut)
        sorted_out = np.concatenate([np.flatnonzero(side), np.flatnonzero(~side)])
        for values in (*inside, order[box]):
            values[:] = values[sorted_out]
        middle = box.start + cut
        boxes += [slice(middle, box.stop), slice(box.start, middle)]
    return order
