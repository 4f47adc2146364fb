"""Space cut in boxes, each at the median of its longest side, until few rows are in one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass
class Box:
    """A box: cut in two across an axis, or a leaf.

    Attributes:
        axis, at: what is below `at` is in the first of the children. children: none of a leaf.
    """

    axis: int = 0
    at: float = 0.0
    children: tuple[Box, ...] = ()


def cut(xyz: Array, most: int) -> Box:
    """The boxes of (N, 3) positions, with `most` rows in each, and more only in one place."""
    root = Box()
    todo = [(root, xyz)]
    while todo:
        box, here = todo.pop()
        if len(here) <= most:
            continue
        box.axis = int(np.argmax(here.max(axis=0) - here.min(axis=0)))
        box.at = float(np.partition(here[:, box.axis], len(here) // 2)[len(here) // 2])
        below = here[:, box.axis] < box.at
        if not below.any():  # half of them lie in the lowest place
            box.at = float(np.nextafter(here.dtype.type(box.at), here.dtype.type(np.inf)))
            below = here[:, box.axis] < box.at
            if below.all():
                continue
        box.children = Box(), Box()
        todo += [(box.children[0], here[below]), (box.children[1], here[~below])]
    return root


def placed(tree: Box, xyz: Array) -> list[npt.NDArray[np.int64]]:
    """The rows of (N, 3) positions in each leaf, ascending; the leaf below all cuts first."""
    found: list[npt.NDArray[np.int64]] = []
    todo = [(tree, np.arange(len(xyz)))]
    while todo:
        box, rows = todo.pop()
        if not box.children:
            found.append(rows)
            continue
        below = xyz[rows, box.axis] < box.at
        todo += [(box.children[1], rows[~below]), (box.children[0], rows[below])]
    return found


def rows_of(xyz: Array, most: int) -> list[npt.NDArray[np.int64]]:
    """The rows of (N, 3) positions box by box, `most` at most in each, ascending."""
    return [
        rows[first : first + most]
        for rows in placed(cut(xyz, most), xyz)
        for first in range(0, len(rows), most)
    ]
