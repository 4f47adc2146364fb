"""Every pair tried: slow, obviously right, and what every other engine is held to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..device import is_torch
from ..kernels.distances import nearest_by_trial, square_roots
from ..positions import as_array, as_tensor
from ._answers import Neighbors, in_kind
from ._engine import Engine

if TYPE_CHECKING:
    import torch

BLOCK = 256  # queries at a time: 1M pairs with a tile of targets


class Index:
    """Targets to search by trying all of them."""

    def __init__(self, targets: Any, *, device: torch.device | None = None) -> None:
        self._on_torch = device is not None or is_torch(targets)
        if self._on_torch:
            self._targets: Any = as_tensor(targets, "targets", device)
        else:
            self._targets = as_array(targets, "targets").astype(np.float64, order="F")

    def nearest(self, queries: Any, *, advance: Callable[[int], object] | None = None) -> Neighbors:
        """The nearest target of each query; see `gscli.neighbors`."""
        if self._on_torch:
            import torch

            points: Any = as_tensor(queries, "queries", self._targets.device)
            distances: Any = torch.empty(len(points), dtype=torch.float64, device=points.device)
            rows: Any = torch.empty(len(points), dtype=torch.int64, device=points.device)
        else:
            points = as_array(queries, "queries").astype(np.float64)
            distances, rows = np.empty(len(points)), np.empty(len(points), np.int64)
        for start in range(0, len(points), BLOCK):
            part = slice(start, start + BLOCK)
            squared, rows[part] = nearest_by_trial(points[part], self._targets)
            distances[part] = square_roots(squared)
            if advance is not None:
                advance(len(squared))
        return in_kind(Neighbors(distances, rows, proven=len(points)), queries)


ENGINE = Engine("brute", "tries every pair; the slow twin of the others, on NumPy or torch", Index)
