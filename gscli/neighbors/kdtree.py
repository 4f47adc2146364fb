"""A k-d tree on the stored coordinates: the engine for CPUs.

Compiled kernels search it, or pykdtree where there are none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..positions import as_array
from . import _compiled, _pykdtree
from ._answers import Neighbors, in_kind, require_cpu
from ._engine import Engine

if TYPE_CHECKING:
    import torch


class Index:
    """A k-d tree over the targets."""

    def __init__(self, targets: Any, *, device: torch.device | None = None) -> None:
        require_cpu(device, "kdtree")
        self._points = as_array(targets, "targets")
        self._tree = _compiled.tree_of_distinct(self._points) or _pykdtree.Tree(self._points)

    def nearest(self, queries: Any, *, advance: Callable[[int], object] | None = None) -> Neighbors:
        """The nearest target of each query; see `gscli.neighbors`.

        Args:
            queries: (Q, 3) positions, or an `Index` over them, which saves the time to make another.
            advance: told of each number of queries that are answered.
        """
        known = queries if isinstance(queries, Index) else None
        points = known._points if known else as_array(queries, "queries")
        if isinstance(self._tree, _pykdtree.Tree):
            distances, rows = self._tree.nearest(points, advance)
        else:
            other = known._tree if known else None
            if isinstance(other, _compiled.Tree):
                distances, rows = self._tree.nearest(other, advance)
            else:
                distances, rows = self._tree.nearest_to(points, advance)
        return in_kind(Neighbors(distances, rows, proven=len(points)), points if known else queries)

    def spacing(self, queries: Any) -> npt.NDArray[np.float64]:
        """The distance from each query to the nearest target elsewhere; see `SpacingIndex`."""
        points = as_array(queries, "queries")
        if isinstance(self._tree, _pykdtree.Tree):
            return self._tree.spacing(points)
        return self._tree.spacing(_compiled.Tree(points))


ENGINE = Engine("kdtree", "k-d tree on all CPU cores", Index)
