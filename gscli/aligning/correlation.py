"""Where two clouds overlap most, whatever either lacks: rotations all over, each at its best shift."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..kernels import quaternions
from ..kernels.registration import pose

Array = npt.NDArray[Any]

CELLS = 40  # along each side of the box, which repeats itself: what lies that far apart is taken for near
SIDE = 5.5  # of the box, in sizes of the target
TURNS = 1000  # rotations: none is farther than about 20 degrees from the nearest
FINE = 8000  # rotations: none is farther than about 10 degrees from the nearest
_SPIRAL = 2**0.5, 1.533751168755204288118041


class _Overlap(NamedTuple):
    """How alike two clouds are in a pose, (4, 4)."""

    likeness: float
    matrix: Array


def overlaps(
    source: Array, target: Array, scales: list[float], count: int, advance: Callable[[int], object]
) -> list[Array]:
    """(4, 4) poses at which two clouds overlap most, the best first, no two of one rotation and scale.

    What is occupied of either, blurred by a cell, is correlated at every shift at once.

    Args:
        source, target: (N, 3) and (M, 3) positions around the origin, about 1 in size.
        scales: of the source, to try.
        count: how many poses, at most. advance: told of each number of those that are tried, `TURNS` a scale.
    """
    blur = np.square(_blur())
    there = np.fft.rfftn(_occupied(target[np.linalg.norm(target, axis=1) < SIDE / 2]))
    steps = np.fft.fftfreq(CELLS, 1 / SIDE)
    found = []
    for scale in scales:
        near = scale * source[np.linalg.norm(scale * source, axis=1) < SIDE / 2]
        for rotation in rotations(TURNS):
            here = np.fft.rfftn(_occupied(near @ rotation.T))
            alike = np.fft.irfftn(here.conj() * there * blur, s=(CELLS,) * 3, axes=(0, 1, 2))
            best = int(alike.argmax())
            shift = steps[np.array(np.unravel_index(best, alike.shape))]
            size = np.sqrt(float((np.square(np.abs(here)) * blur).sum())) or np.inf  # where nothing is near
            matrix = pose(rotation, scale, np.zeros(3), shift)
            found.append(_Overlap(float(alike.flat[best]) / size, matrix))
            advance(1)
    return [each.matrix for each in heapq.nlargest(count, found, key=lambda each: each.likeness)]


def rotations(count: int) -> Array:
    """(count, 3, 3) rotations all over.

    Spirals on the sphere of quaternions: M. Alexa, "Super-Fibonacci Spirals", CVPR 2022.
    """
    number = np.arange(count) + 0.5
    one, other = np.sqrt(number / count), np.sqrt(1 - number / count)
    a, b = (2 * np.pi * number / turn for turn in _SPIRAL)
    turns = other * np.cos(b), one * np.sin(a), one * np.cos(a), other * np.sin(b)
    return np.ascontiguousarray(quaternions.matrices(np.stack(turns, 1)))


def slightly(degrees: float) -> Array:
    """(K, 3, 3) rotations by no more than this, all over."""
    every = rotations(FINE)
    cosines = (np.trace(every, axis1=1, axis2=2) - 1) / 2
    found: Array = every[cosines >= np.cos(np.radians(degrees))]
    return found


def _occupied(xyz: Array) -> Array:
    """(CELLS, CELLS, CELLS) float32, 1 where there are points."""
    x, y, z = (np.floor(xyz.T * (CELLS / SIDE)).astype(np.int64)) % CELLS
    cells = np.zeros((CELLS,) * 3, np.float32)
    cells[x, y, z] = 1
    return cells


def _blur() -> Array:
    """What multiplies the transform of cells to blur them by one."""
    whole = np.exp(-0.5 * np.square(2 * np.pi * np.fft.fftfreq(CELLS)))
    half = np.exp(-0.5 * np.square(2 * np.pi * np.fft.rfftfreq(CELLS)))
    found: Array = whole[:, None, None] * whole[:, None] * half
    return found
