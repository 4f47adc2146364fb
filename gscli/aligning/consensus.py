"""Poses at which many places that look alike lie on each other, of matches most of which are wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..kernels.registration import motion, scale_of
from ..neighbors import kdtree
from .icp import moved_by
from .landmarks import Landmarks, unlike

Array = npt.NDArray[Any]

ALIKE = 2  # the likest places of either cloud for each of the other: matches
FEW = 500  # matches that are the likest both ways: where there are fewer, those of one way do too
MOST = 1500  # matches, the likest, that are held against each other
SEEDS, KEEPING = 200, 12  # matches, each of which makes a pose; others that it is made of
REACH = 1.5  # cells: how far apart places are that a pose is drawn to
APART = 2.0  # cells: what is nearer to each other says nothing
FLUSH = 0.8  # cosine from which on surfaces lie on each other
TURNED = 0.3  # by which the cosines between normals of two matches may differ


class Recognised:
    """Two clouds by their landmarks, of the same cells.

    Matches agree where their places are as far apart in either cloud; the more others agree with both, the
    likelier they are right: Z. Chen et al., "SC2-PCR: A second order spatial compatibility", CVPR 2022.

    Args:
        cell: the edge of the cells.
    """

    def __init__(self, source: Landmarks, target: Landmarks, cell: float) -> None:
        self._source, self._target, self._cell = source, target, cell
        self._unlike = unlike(source, target)
        self._usual = float(self._unlike.mean(dtype=np.float64)) or 1.0
        self._tree = kdtree.Index(target.places)

    def poses(self) -> list[Array]:
        """(4, 4) poses without change of length, each of matches that agree, at most `SEEDS`."""
        one, other = self._matches()
        here, there = self._source.places[one], self._target.places[other]
        far, apart = _distances(here), _distances(there)
        turned = np.abs(_cosines(self._source.normals[one]) - _cosines(self._target.normals[other]))
        agree = np.abs(far - apart) < self._cell
        agree &= (np.minimum(far, apart) > APART * self._cell) & (turned < TURNED)
        first = agree.astype(np.float32)
        second = first * (first @ first)  # whole numbers, exact in any order
        found = []
        for seed in np.argsort(-second.sum(1), kind="stable")[:SEEDS]:
            best = np.argsort(-second[seed], kind="stable")[:KEEPING]
            rows = np.append(seed, best[second[seed, best] > 0])
            for _ in range(3):
                if len(rows) < 3:
                    break
                matrix = motion(here[rows], there[rows], scaled=False)
                away = np.square(moved_by(matrix, here) - there).sum(1)
                rows = np.flatnonzero(away < (REACH * self._cell) ** 2)
            else:
                found.append(matrix)
        return found

    def rated(self, matrix: Array, overlap: float) -> float:
        """How alike landmarks are that lie on each other in a pose, no more of them counting than may be."""
        found = self._tree.nearest(moved_by(matrix, self._source.places))
        near = np.flatnonzero(found.distances < self._cell)
        rows = found.rows[near]
        turn = matrix[:3, :3] / scale_of(matrix)
        flush = np.abs((self._source.normals[near] @ turn.T * self._target.normals[rows]).sum(1)) > FLUSH
        alike = 1 - self._unlike[near, rows].astype(np.float64) / self._usual
        count = min(len(self._source.places), len(self._target.places))
        return float(alike[flush].sum()) / count * min(1.0, overlap * count / max(1, len(near)))

    def _matches(self) -> tuple[Array, Array]:
        """(K,) rows of either cloud that are among the likest of each other, the likest first."""
        forth, back = (_least(self._unlike, axis) for axis in (1, 0))
        one, other = np.nonzero(forth & back)
        if len(one) < FEW:
            one, other = np.nonzero(forth | back)
        order = np.argsort(self._unlike[one, other], kind="stable")[:MOST]
        return one[order], other[order]


def _least(unlike: Array, axis: int) -> Array:
    """(N, M) bool, the `ALIKE` least along an axis, and what equals them."""
    last = min(ALIKE, unlike.shape[axis]) - 1
    found: Array = unlike <= np.partition(unlike, last, axis=axis).take([last], axis=axis)
    return found


def _distances(places: Array) -> Array:
    found: Array = np.sqrt(sum(np.square(axis[:, None] - axis) for axis in places.T))
    return found


def _cosines(normals: Array) -> Array:
    found: Array = np.abs(sum(axis[:, None] * axis for axis in normals.T))
    return found
