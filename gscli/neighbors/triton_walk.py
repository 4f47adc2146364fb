"""Packets of queries that walk a tree of boxes, in Triton: the engine for GPUs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from ..device import is_torch, to_numpy
from ..errors import UsageError
from ..positions import as_tensor
from ..runtime import libraries
from ._after_fork import safe_after_fork
from ._answers import Neighbors, in_kind
from ._engine import Engine

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch


class Index:
    """A tree over the targets as they are stored, on `device`; by default where the targets are."""

    @safe_after_fork
    def __init__(self, targets: Any, *, device: torch.device | None = None) -> None:
        libraries.require("torch", "the triton-walk engine", instead="choose another engine")
        import torch

        from ..kernels import launches, walk

        if device is None:
            device = targets.device if is_torch(targets) else torch.device("cpu")
        launches.require(device, "the triton-walk engine")
        points = as_tensor(targets, "targets", device, stored=True)
        if len(points) > walk.MOST:
            raise UsageError(
                f"the triton-walk engine numbers {walk.MOST:,} targets at most, not {len(points):,}",
                remedy="choose `engine='torch-tree'`",
            )
        self._device = device
        self._tree = walk.build(points)

    @safe_after_fork
    def nearest(self, queries: Any, *, advance: Callable[[int], object] | None = None) -> Neighbors:
        """The nearest target of each query, with the work it took; see `gscli.neighbors`."""
        from ..kernels import walk
        from ..kernels.distances import square_roots

        points = as_tensor(queries, "queries", self._device, stored=True)
        found = walk.nearest(self._tree, points, advance=advance)
        answer = Neighbors(
            square_roots(found.squared[:, 0]),
            found.rows[:, 0].long(),
            proven=len(points),
            box_tests=found.box_tests,
            evaluations=found.evaluations,
        )
        return in_kind(answer, queries)

    @safe_after_fork
    def spacing(self, queries: Any) -> npt.NDArray[np.float64]:
        """The distance from each query to the nearest target elsewhere; see `SpacingIndex`."""
        from ..kernels import walk
        from ..kernels.distances import square_roots

        points = as_tensor(queries, "queries", self._device, stored=True)
        found = walk.nearest(self._tree, points, elsewhere=True)
        return cast("npt.NDArray[np.float64]", to_numpy(square_roots(found.squared[:, 0])))


ENGINE = Engine(
    "triton-walk", "packets of queries walk a box tree in float64 (Triton), on GPU", Index, needs="cuda"
)
