"""Faiss brute force in float32, each answer proven exact or handed to the k-d tree.

See `gscli.kernels.certificate` for the proof.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import EngineUnavailable, installing
from ..kernels import certificate, morton
from ..kernels.distances import squared_distances
from ..positions import as_array
from ..runtime import libraries
from . import kdtree
from ._after_fork import safe_after_fork
from ._answers import Neighbors, in_kind
from ._engine import Engine

if TYPE_CHECKING:
    import torch

CANDIDATES = 4  # per query
TRIAL = 1000  # queries; where more than half of them stay unproven, or one refutes the bound, faiss is left
BLOCK = 1 << 14  # queries at a time


def gpu_count() -> int:
    """How many GPUs faiss can use; 0 where it is missing, broken or built for CPUs. Never aborts."""
    if libraries.trouble("faiss") is not None:
        return 0
    import faiss

    return int(faiss.get_num_gpus()) if hasattr(faiss, "get_num_gpus") else 0


class Index:
    """The distinct targets, centred and rounded to float32, in a flat faiss index."""

    @safe_after_fork
    def __init__(self, targets: Any, *, device: torch.device | None = None) -> None:
        libraries.require(
            "faiss",
            "the faiss engine",
            get=f"{installing('faiss')}, or faiss-gpu in its place on a GPU",
            instead="choose another engine",
        )
        import faiss

        if device is not None and device.type == "cuda" and gpu_count() == 0:
            raise EngineUnavailable(
                f"faiss sees no GPU, so it cannot run on {device}",
                remedy="pip uninstall faiss-cpu, pip install faiss-gpu, or choose `engine='torch-tree'`",
            )
        self._targets = as_array(targets, "targets")
        self._points, self._rows = morton.distinct(self._targets)
        self._centre = self._points.mean(axis=0)
        self._k = min(CANDIDATES, len(self._points))
        self._index: Any = faiss.IndexFlatL2(3)
        if device is not None and device.type == "cuda":
            self._resources = faiss.StandardGpuResources()  # must outlive the index
            self._index = faiss.index_cpu_to_gpu(self._resources, device.index or 0, self._index)
        self._index.add(self._small(self._points))
        self._tree: kdtree.Index | None = None

    @safe_after_fork
    def nearest(self, queries: Any, *, advance: Callable[[int], object] | None = None) -> Neighbors:
        """The nearest target of each query; see `gscli.neighbors`."""
        points = as_array(queries, "queries")
        distances, rows = np.empty(len(points)), np.empty(len(points), np.int64)
        unproven = []
        start, stop = 0, TRIAL
        while start < len(points):
            block = points[start:stop].astype(np.float64)
            squared, rows[start:stop], good = self._attempt(block)
            distances[start:stop] = np.sqrt(squared)
            if not good.all():
                unproven.append(start + np.flatnonzero(~good))
            if start == 0 and 2 * good.sum() < len(good):
                unproven = [np.arange(len(points))]
                break
            if advance is not None:
                advance(int(good.sum()))
            start, stop = stop, stop + BLOCK
        left = np.concatenate(unproven) if unproven else np.empty(0, np.int64)
        if len(left):
            if self._tree is None:
                self._tree = kdtree.Index(self._targets)
            found = self._tree.nearest(points[left], advance=advance)
            distances[left], rows[left] = found.distances, found.rows
        return in_kind(Neighbors(distances, rows, len(points) - len(left), len(left)), queries)

    def _attempt(
        self, queries: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint32], npt.NDArray[np.bool_]]:
        """The squared distance and row of the best candidate of each query, and whether it is proven."""
        computed, slots = self._candidates(self._small(queries))
        exact = squared_distances(queries[:, None], self._points[slots])
        squared = exact.min(axis=1)
        rows = np.where(exact == squared[:, None], self._rows[slots], np.uint32(0xFFFFFFFF)).min(axis=1)
        if self._k == len(self._points):  # all are candidates, unless not-a-number hid some
            return squared, rows, (np.sort(slots, axis=1) == np.arange(self._k)).all(axis=1)
        q = np.sqrt(squared_distances(queries, self._centre))
        t = np.sqrt(squared_distances(self._points[slots], self._centre))
        if not certificate.sound(q, t, exact, computed):
            return squared, rows, np.zeros(len(queries), bool)
        return squared, rows, certificate.proven(q, squared, computed)

    def _candidates(
        self, queries: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """(Q, k) squared distances as faiss computes them, and the slots of those targets."""
        computed, slots = self._index.search(queries, self._k)
        found = slots >= 0  # faiss leaves places empty where distances are not numbers
        computed[~found], slots[~found] = np.nan, 0
        return computed, slots

    def _small(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        with np.errstate(over="ignore"):
            small: npt.NDArray[np.float32] = (points - self._centre).astype(np.float32)
        return small


ENGINE = Engine(
    "faiss",
    "brute force in float32 (faiss), on CPU or GPU, with proof; unproven queries go to the k-d tree",
    Index,
)
