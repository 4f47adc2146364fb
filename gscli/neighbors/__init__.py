"""Exact nearest neighbours, by several engines.

The directory is the registry: ``neighbors/faiss.py`` *is* the engine ``faiss``. An engine
module defines ``ENGINE``, an `Engine`, which makes an index of targets that is asked for the nearest of each
query.

Every engine gives the answer of ``brute``, to the last bit. The squared distance of a pair is
``dx * dx + dy * dy + dz * dz`` in float64 on the coordinates as stored, added in that order; the
nearest target is the one where that is least, among equals the one with the lowest row, and its
distance is the square root. Answers come in the kind of the queries: NumPy for NumPy, a tensor on
the same device for a tensor.

Engines whose library uses OpenMP mark their methods with `_after_fork.safe_after_fork`.

Every engine raises `InputError` for an empty cloud and for coordinates that are not finite (or
beyond 1e150, whose squares are not), on either side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..results.shown import counted
from ._answers import Neighbors as Neighbors
from ._engine import ENGINES as ENGINES
from ._engine import Engine as Engine
from ._engine import Index as Index
from ._engine import SpacingIndex as SpacingIndex

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    import numpy as np
    import numpy.typing as npt
    import torch

__all__ = ["knn", "mean_squared_distance"]

BRUTE_PAIRS = 250_000  # up to here the pairs are faster tried than a tree is built
FAISS = (  # the distributions that bring faiss
    *("faiss-cpu", "faiss-gpu", "faiss-gpu-cu11", "faiss-gpu-cu12", "faiss-gpu-cuvs"),
    *("faiss-cuda", "faiss-cuda-cu128"),
)


def choose(n_queries: int, n_targets: int, device: torch.device | None = None) -> tuple[str, str]:
    """The engine that ``auto`` stands for, and why.

    On a CPU: `brute` up to 250,000 pairs, `kdtree` beyond. On a GPU: `triton-walk`, or `torch-tree` where
    Triton's kernels cannot be launched. With the torch code on CPU tensors: `torch-tree`. Only speed is at
    stake, for all engines give the same answer.

    Args:
        n_queries: how many queries there are to answer.
        n_targets: how many targets there are to search.
        device: what `gscli.device.resolve` returned.
    """
    pairs = n_queries * n_targets
    if device is None:
        if pairs <= BRUTE_PAIRS:
            return "brute", f"{counted(pairs, 'pair')}, faster tried than a tree is built"
        return "kdtree", f"the fastest on a CPU for {counted(pairs, 'pair')}"
    if device.type == "cuda":
        from ..kernels import launches

        if found := launches.trouble(device):
            return "torch-tree", f"slow, but triton {found.what}"
        return "triton-walk", "the fastest on a GPU, whatever the size"
    return "torch-tree", "it is the one that runs in torch on a CPU"


def nearest(index: Index, queries: Any, advance: Callable[[int], object]) -> Neighbors:
    """As ``index.nearest``, in smaller pieces where a GPU has no memory for all queries at once.

    Raises:
        EngineUnavailable: there is no memory for 4,096 queries either.
    """
    from ._pieces import nearest

    return nearest(index, queries, advance)


def knn(points: Any, k: int = 1, *, queries: Any = None) -> tuple[Any, Any]:
    """The k nearest points, exactly: of each point among the others, or of each query.

    Args:
        points: (N, 3) float32 or float64, NumPy or torch. Tensors on a GPU are searched there by Triton, or
            on the CPU where it is missing or k is over 16.
        k: 1 to 100.
        queries: (Q, 3); None asks for each point, which is then none of its own neighbours.

    Returns:
        (Q, k) float64 distances, ascending; (Q, k) int64 rows of `points`, of equal distances the lowest
        first. In the kind of the queries and on their device.

    Raises:
        InputError: fewer points than `k`, or coordinates that are not finite or beyond 1e150.
        UsageError: a `k` out of range, or positions of another type or shape.
    """
    from ._several import knn

    return knn(points, k, queries=queries)


def mean_squared_distance(points: Any, k: int = 3) -> Any:
    """The mean of the squared distances from each point to its k nearest others.

    With three it is what 3DGS sizes its first Gaussians by (``distCUDA2`` of simple-knn: Kerbl et al., 2023),
    on any device:

    >>> import numpy as np
    >>> mean_squared_distance(np.eye(3), k=2)
    array([2., 2., 2.])

    Args:
        points: (N, 3) float32 or float64, NumPy or torch. k: 1 to 100.

    Returns:
        (N,), of the kind and type of `points` and on their device; computed in float64. Duplicates are
        neighbours at distance 0.

    Raises:
        InputError: no more than `k` points, or coordinates that are not finite or beyond 1e150.
        UsageError: a `k` out of range, or positions of another type or shape.
    """
    from ._several import mean_squared_distance

    return mean_squared_distance(points, k)


def mean_distance(points: npt.NDArray[Any], k: int) -> npt.NDArray[np.float64]:
    """The mean distance from each point to its k nearest others.

    Args:
        points: (N, 3) float32 or float64, in any order in memory. k: 1 to 100.

    Returns:
        (N,) float64: the distances of `knn`, added up nearest first, of which no more is held than is needed.

    Raises:
        InputError, UsageError: as `knn` does.
    """
    from ._several import mean_distance

    return mean_distance(points, k)


def notes() -> list[str]:
    """What a user should know about the engines' libraries on this machine."""
    found = [name for name in FAISS if _installed(name)]
    if len(found) < 2:
        return []
    return [
        f"{' and '.join(found)} are installed together and overwrite each other: "
        "pip uninstall them all, then install one"
    ]


def _installed(distribution: str) -> bool:
    from importlib import metadata  # takes longer to import than a small comparison to search

    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
