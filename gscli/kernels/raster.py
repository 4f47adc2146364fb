"""Arrays into pictures: histograms with logarithmic bins, and views of points from one side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

EMPTY = 255  # the level of a pixel without points
DOTS = (500, 3), (8_000, 2), (150_000, 1)  # so many points, at most, have dots of this radius


def log_edges(values: Sequence[Array], marks: Sequence[float], bins: int) -> Array:
    """Edges of logarithmic bins that span what is positive, at most ten decades of it.

    Args:
        values: arrays of (N,) distances >= 0.
        marks: positive values to have in range too, if they are less than a decade outside, or alone.
        bins: how many.

    Returns:
        (bins + 1,) float64, ascending; from a power of ten to a power of ten.
    """
    positive = [part[part > 0] for part in values if (part > 0).any()]
    if positive:
        most, least = (
            max(float(p.max()) for p in positive),
            min(float(np.quantile(p, 0.002)) for p in positive),
        )
        marks = [mark for mark in marks if least / 10 < mark < most * 10]
        ends = [least, most, *marks]
    else:
        ends = [mark for mark in marks if 1e-150 < mark < 1e150] or [1.0]
    high = np.ceil(np.log10(max(ends)) * 2) / 2
    low = np.floor(np.log10(min(ends)) * 2) / 2
    return np.logspace(max(low, high - 10), max(high, low + 0.5), bins + 1)


def log_histogram(values: Array, edges: Array) -> tuple[int, Array]:
    """Count values between edges.

    Args:
        values: (N,) distances >= 0, none beyond the last edge.
        edges: (B + 1,) ascending.

    Returns:
        How many are zero; (B,) int64, how many of the others each bin holds: what is below the first
        edge is in the first bin, and an edge belongs to the bin above it, the last one excepted.
    """
    positive = values[values > 0]
    bins = np.clip(np.searchsorted(edges, positive, side="right") - 1, 0, len(edges) - 2)
    return len(values) - len(positive), np.bincount(bins, minlength=len(edges) - 1)


def frame(clouds: Sequence[Array]) -> tuple[Array, float]:
    """A cube around the bulk of several clouds.

    Args:
        clouds: (N, 3) positions each.

    Returns:
        (3,) its middle; its edge. It spans the 4th to 96th percentile of each axis, and with a margin of
        12 % on every side all of what is evenly spread; a distant backdrop stays outside.
    """
    stride = [cloud[:: -(-len(cloud) // 100_000)].astype(np.float64) for cloud in clouds]
    low = np.min([np.quantile(part, 0.04, axis=0) for part in stride], axis=0)
    high = np.max([np.quantile(part, 0.96, axis=0) for part in stride], axis=0)
    edge = float((high - low).max()) * 1.24
    return (low + high) / 2, edge or 1.0


def dot(count: int) -> int:
    """The radius, in pixels, of the dots that so many points are drawn as."""
    return next((radius for most, radius in DOTS if count < most), 0)


def view(across: Array, up: Array, levels: Array, pixels: int, dot: int) -> tuple[Array, int]:
    """Points seen from one side; each pixel shows the largest level of the points behind it.

    Args:
        across, up: (N,) coordinates in the picture, 0 to 1 from left to right and bottom to top.
        levels: (N,) uint8 below 255.
        pixels: edge of the square picture.
        dot: radius of a point in pixels; 0 is a single pixel.

    Returns:
        (pixels, pixels) uint8, `EMPTY` where no point is; how many points are outside.
    """
    column, row = np.floor(across * pixels), np.floor((1.0 - up) * pixels)
    inside = (column >= 0) & (column < pixels) & (row >= 0) & (row < pixels)
    where = (row[inside] * pixels + column[inside]).astype(np.int64)
    picture = np.full(pixels * pixels, -1, np.int16)
    np.maximum.at(picture, where, levels[inside].astype(np.int16))
    out = _dotted(picture.reshape(pixels, pixels), dot)
    out[out < 0] = EMPTY
    return out.astype(np.uint8), int(len(across) - np.count_nonzero(inside))


def nearest(across: Array, down: Array, depth: Array, size: tuple[int, int], dot: int) -> Array:
    """Which point is seen in each pixel of a picture: the nearest there.

    Args:
        across, down: (N,) pixels from the left and from above. depth: (N,) how far, in any unit.
        size: width and height. dot: as of `view`.

    Returns:
        (height, width) int64 numbers of points, -1 where none is.
    """
    width, height = size
    column, row = np.floor(across), np.floor(down)
    inside = np.flatnonzero((column >= 0) & (column < width) & (row >= 0) & (row < height))
    order = inside[np.argsort(-depth[inside], kind="stable")]  # the nearest last
    where = (row[order] * width + column[order]).astype(np.int64)
    picture = np.full(width * height, -1, np.int64)
    np.maximum.at(picture, where, np.arange(len(order)))
    seen = _dotted(picture.reshape(height, width), dot)
    return np.append(order, -1)[seen]


def _dotted(picture: Array, dot: int) -> Array:
    """(H, W) whole numbers of which each has spread into a disc; the largest stay, and -1 is nothing."""
    height, width = picture.shape
    padded = np.pad(picture, dot, constant_values=-1)
    out = np.full_like(picture, -1)
    for dy in range(-dot, dot + 1):
        for dx in range(-dot, dot + 1):
            if dx * dx + dy * dy <= dot * dot + dot:
                moved = padded[dot + dy : dot + dy + height, dot + dx : dot + dx + width]
                np.maximum(out, moved, out=out)
    return out
