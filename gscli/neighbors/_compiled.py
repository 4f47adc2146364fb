"""The k-d tree of compiled kernels, in float32 where that holds the points; see `gscli.kernels.kd_tree`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..kernels import kd_tree, parallel


class Tree:
    """A k-d tree over (N, 3) finite points, of which it keeps nothing else.

    Memory: 20 to 40 bytes per point, 16 more while it is built; 35 to 70 and 32 in float64.
    """

    def __init__(self, points: npt.NDArray[Any]) -> None:
        self._tree = kd_tree.build(points, "f4" if _is_narrow(points) else "f8")

    def nearest(
        self, queries: Tree, advance: Callable[[int], object] | None
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """The distance and the row of the nearest point to each of the points of another tree."""
        found = kd_tree.nearest(*self._alike(queries), advance=advance)
        return found.distances, found.rows

    def nearest_to(
        self, points: npt.NDArray[Any], advance: Callable[[int], object] | None
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """As `nearest`, of any number of points."""
        parts = [points[at : at + kd_tree.MOST] for at in range(0, len(points), kd_tree.MOST)]
        found = [self.nearest(Tree(part), advance) for part in parts]
        if len(found) == 1:
            return found[0]
        return np.concatenate([d for d, _ in found]), np.concatenate([rows for _, rows in found])

    def spacing(self, queries: Tree) -> npt.NDArray[np.float64]:
        """The distance from each of the points of another tree to the nearest point elsewhere."""
        return kd_tree.nearest(*self._alike(queries), elsewhere=True).distances

    def several(
        self, queries: Tree, k: int, *, others: bool
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """The k nearest points to each of the points of another tree; see `gscli.kernels.kd_tree.several`."""
        return kd_tree.several(*self._alike(queries), k, others=others)

    def _alike(self, queries: Tree) -> tuple[kd_tree.Tree, kd_tree.Tree]:
        """Both trees in the type that holds the points of both, in which they then stay."""
        for one, other in ((self, queries), (queries, self)):
            if (one._tree.kind, other._tree.kind) == ("f4", "f8"):
                one._tree = kd_tree.widened(one._tree)
        return self._tree, queries._tree


def tree_of(points: npt.NDArray[Any]) -> Tree | None:
    """A tree of (N, 3) finite points, where there are compiled kernels and not too many points for them."""
    return Tree(points) if _core.available() and len(points) <= kd_tree.MOST else None


def _is_narrow(points: npt.NDArray[Any]) -> bool:
    """Whether float32 holds every coordinate."""
    if points.dtype.itemsize == 4:
        return True
    with np.errstate(over="ignore", under="ignore"):
        return all(
            (points[part].astype(np.float32) == points[part]).all() for part in parallel.blocks(len(points))
        )
