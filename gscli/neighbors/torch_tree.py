"""A box tree made of torch operations: the engine for large clouds on a GPU, the same on CPU tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..device import is_torch
from ..positions import as_tensor
from ..runtime import libraries
from ._after_fork import safe_after_fork
from ._answers import Neighbors, in_kind
from ._engine import Engine

if TYPE_CHECKING:
    import torch

PIECE = 1 << 18  # (query, box) pairs at a time, and queries: about 1 KB each at most


class Index:
    """A tree over the distinct targets, on `device`; by default where the targets are, or on the CPU."""

    @safe_after_fork
    def __init__(self, targets: Any, *, device: torch.device | None = None) -> None:
        libraries.require("torch", "the torch-tree engine", instead="choose another engine")
        import torch

        from ..kernels import box_tree

        if device is None and not is_torch(targets):
            device = torch.device("cpu")
        points = as_tensor(targets, "targets", device)
        self._rows = _first_of_equals(points)
        self._points = points[self._rows]  # in ascending order of rows, so that ties go to the lowest
        self._tree = box_tree.build(self._points)

    @safe_after_fork
    def nearest(self, queries: Any, *, advance: Callable[[int], object] | None = None) -> Neighbors:
        """The nearest target of each query, with the work it took; see `gscli.neighbors`."""
        import torch

        from ..kernels import box_tree
        from ..kernels.distances import square_roots

        points = as_tensor(queries, "queries", self._points.device)
        distances = torch.empty(len(points), dtype=torch.float64, device=points.device)
        rows = torch.empty(len(points), dtype=torch.int64, device=points.device)
        box_tests = evaluations = 0
        for part in torch.split(box_tree.order(points), PIECE):
            found = box_tree.search(self._tree, self._points, points[part], piece=PIECE)
            distances[part] = square_roots(found.squared)
            rows[part] = self._rows[found.slots]
            box_tests += found.box_tests
            evaluations += found.evaluations
            if advance is not None:
                advance(len(part))
        answer = Neighbors(distances, rows, proven=len(points), box_tests=box_tests, evaluations=evaluations)
        return in_kind(answer, queries)


def _first_of_equals(points: torch.Tensor) -> torch.Tensor:
    """The lowest row at each distinct position of (N, 3) points, ascending."""
    rows = points[:, 2].argsort(stable=True)
    for axis in (1, 0):
        rows = rows[points[rows, axis].argsort(stable=True)]
    ordered = points[rows]
    first = rows.new_ones(len(rows)).bool()
    first[1:] = (ordered[1:] != ordered[:-1]).any(dim=1)
    return rows[first].sort().values


ENGINE = Engine("torch-tree", "box tree in float64 made of torch operations, on GPU or CPU", Index)
