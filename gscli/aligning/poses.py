"""Poses that may bring one cloud roughly onto another: boxes and axes laid on each other, all ways round."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..kernels.registration import pose

Array = npt.NDArray[Any]

BULK = 0.96  # of the points, around their median, that tell where a cloud is: the others may be floaters


class Frame(NamedTuple):
    """Where a cloud is: its middle, (3,); its deviations, (3,), the largest first; their axes, in columns."""

    middle: Array
    deviations: Array
    axes: Array

    @property
    def size(self) -> float:
        return float(np.sqrt(np.square(self.deviations).sum()))


def frame(xyz: Array) -> Frame:
    """Where (N, 3) positions are, floaters aside."""
    median = np.median(xyz, axis=0)
    away = np.square(xyz - median).sum(1)
    bulk = xyz[away <= np.quantile(away, BULK)]
    middle = bulk.mean(0)
    apart = bulk - middle
    variances, axes = np.linalg.eigh(apart.T @ apart / len(apart))
    axes = axes[:, ::-1] * np.array([1, 1, np.copysign(1.0, np.linalg.det(axes[:, ::-1]))])
    return Frame(middle, np.sqrt(variances[::-1].clip(0)), axes)


def candidates(source: Frame, target: Frame, *, scaled: bool) -> list[Array]:
    """(4, 4) poses that lay the source on the target, the likeliest first; none reflects.

    They are where it is; turned by the 24 right angles about the scene's axes, which is what
    files with other axes are; and principal axis on axis, all ways round.

    Args:
        scaled: whether sizes may be made equal.
    """
    scale = target.size / source.size if scaled else 1.0
    quarters = right_angles()
    onto = [target.axes @ quarter @ source.axes.T for quarter in quarters]
    moved = [pose(rotation, scale, source.middle, target.middle) for rotation in quarters + onto]
    return [np.eye(4), *moved]


def right_angles() -> list[Array]:
    """The 24 rotations that map axes to axes, that by nothing first."""
    found = []
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1.0, -1.0), repeat=3):
            matrix = np.zeros((3, 3))
            matrix[range(3), order] = signs
            if np.linalg.det(matrix) > 0:
                found.append(matrix)
    return found
