"""What the engines answer, in the kind of the queries."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..device import is_torch, to_numpy
from ..errors import UsageError
from ..results.shown import shown

if TYPE_CHECKING:
    import torch


@shown
@dataclass(frozen=True)
class Neighbors:
    """The nearest target of each query.

    Attributes:
        distances: (Q,) float64, in scene units.
        rows: (Q,) int64; targets[rows[i]] is the nearest target of queries[i].
        proven: how many queries the engine itself answered with a proof of exactness.
        fallback: how many it handed to the k-d tree; proven + fallback = Q.
        box_tests: point-to-box distances that were computed, where the engine counts them.
        evaluations: point-to-point distances that were computed, where the engine counts them.
    """

    distances: Any
    rows: Any
    proven: int
    fallback: int = 0
    box_tests: int | None = None
    evaluations: int | None = None

    def _facts(self) -> dict[str, object]:
        return {"queries": len(self.rows), "proven": self.proven, "fallback": self.fallback}


def in_kind(found: Neighbors, queries: Any) -> Neighbors:
    """The same answer as NumPy arrays, or as tensors on the device of the queries."""
    return replace(found, distances=like(found.distances, queries), rows=like(found.rows, queries))


def require_cpu(device: torch.device | None, engine: str) -> None:
    """Refuse a device other than the CPU for an engine that has no code for it."""
    if device is not None and device.type != "cpu":
        raise UsageError(
            f"the {engine} engine runs on the CPU only, not on {device}",
            remedy="choose `engine='torch-tree'`, or `device='cpu'`",
        )


def like(values: Any, queries: Any) -> Any:
    """Values as a NumPy array, or as a tensor on the device of the queries."""
    if is_torch(queries):
        import torch

        return (values if is_torch(values) else torch.from_numpy(values)).to(queries.device)
    return to_numpy(values)
