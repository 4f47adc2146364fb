"""What an engine module says of itself: one record, ``ENGINE``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ..registry import Registry
from ._answers import Neighbors

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch


class Index(Protocol):
    """Targets that are ready to be searched."""

    def nearest(self, queries: Any, *, advance: Callable[[int], object] | None = None) -> Neighbors:
        """The nearest target of each of (Q, 3) queries; `advance` is told of each number answered."""


class SpacingIndex(Index, Protocol):
    """Targets that can also be asked how far apart they lie."""

    def spacing(self, queries: Any) -> npt.NDArray[np.float64]:
        """The distance from each of (Q, 3) queries to the nearest target at another position than its own.

        Returns:
            (Q,) float64, always NumPy; infinite where there is no such target.
        """


class Prepare(Protocol):
    """Make an `Index` of (N, 3) targets, float32 or float64, a NumPy array or a torch tensor.

    Args:
        targets: where to search.
        device: what `gscli.device.resolve` returned.

    Raises:
        InputError: no targets, or coordinates that are not finite or beyond 1e150.
        UsageError: a device on which the engine does not run.
        EngineUnavailable: its library is missing.
    """

    def __call__(self, targets: Any, *, device: torch.device | None = None) -> Index: ...


@dataclass(frozen=True)
class Engine:
    """A way to search.

    Attributes:
        name: that of its module.
        description: one line for people.
        index: what makes its index.
        needs: the device that it runs on alone; empty where it does without one being named.
    """

    name: str
    description: str
    index: Prepare
    needs: str = ""


ENGINES = Registry("gscli.neighbors", Engine, separator="-", beside=("auto",))
