"""What is asked of a comparison of centres and Gaussians."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, get_type_hints

from .. import arguments, neighbors
from ..errors import UsageError
from ..kernels import hashing
from . import budget, gates, pairing, search
from .centers import Centers
from .gates import Limit
from .pairing import Pairing
from .result import NUMBERS, OF_CENTERS, Compared
from .spacing import parse_threshold
from .two import Two

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Asked:
    """What is asked of two clouds; attributes as the arguments of `gscli.compare.compare`.

    Attributes:
        thresholds: as given; empty for the default.
        memory: bytes; None for any number.
    """

    thresholds: list[float | str]
    pair: str | None
    gaussians: bool
    max_queries: int | None
    seed: int
    engine: str
    memory: int | None
    axes: str | None

    def check(self, limits: Sequence[Limit]) -> None:
        """Refuse what no two clouds could make sense of, before any is read.

        Args:
            limits: on the numbers that are going to be found.
        """
        for threshold in self.thresholds:
            parse_threshold(threshold)
        if self.pair is not None:
            if not self.gaussians:
                raise UsageError("`pair` has no effect with `gaussians=False`")
            pairing.parse(self.pair)
        search.check_max_queries(self.max_queries)
        hashing.require_seeds(seed=self.seed)
        if self.engine != "auto":
            neighbors.ENGINES.get(self.engine)
        types = get_type_hints(Compared) | {name: get_type_hints(Centers)[name] for name in OF_CENTERS}
        for limit in limits:
            numbers = {name: types[name] for name in NUMBERS}
            gates.require_number(limit.metric, numbers, len(self.thresholds) or 1)

    def require_tiles(self, where: torch.device | None) -> None:
        """Refuse an engine or a device that does not search in tiles, where those are needed."""
        if self.memory is not None:
            budget.require_tiles(self.engine, where)

    def pieces(self, two: Two) -> budget.Pieces | None:
        """How two clouds are to be cut up; None where they fit whole.

        Raises:
            UsageError: they do not fit in pieces either.
        """
        if self.memory is None:
            return None
        return budget.pieces(
            self.memory,
            two.clouds,
            moved=two.moved is not None,
            listed=(self.pair or "").startswith("index:"),
            sampled=self.max_queries,
        )

    def pairs(self, two: Two) -> Pairing | None:
        """Which Gaussians are to be held against each other; None for none.

        Raises:
            UsageError: pairs that are named, of points.
        """
        lacking = two.lacking
        if lacking is not None and self.pair is not None:
            raise UsageError(f"`pair` has no effect: {lacking} has no opacity, scales and rotation")
        return pairing.parse(self.pair or "nearest") if self.gaussians and lacking is None else None

    def options(self, two: Two, pairs: Pairing | None) -> dict[str, Any]:
        """Its part of a report; `pairs` is what became of `pair`."""
        return {
            "threshold": [str(t) for t in self.thresholds] or None,
            "axes": self.axes,
            "pair": None if pairs is None else self.pair or "nearest",
            "gaussians": self.gaussians,
            "transform": None if two.moved is None else two.moved.matrix.tolist(),
            "max_queries": self.max_queries,
            "seed": self.seed,
            "engine": self.engine,
            "memory_limit": self.memory,
        }


def thresholds(given: float | str | Sequence[float | str] | None) -> list[float | str]:
    """The distances of one or several, or none.

    Raises:
        UsageError: something else, or an empty list.
    """
    if given is None:
        return []
    found = arguments.several(given, "threshold", (str, Real), "a distance, or several")
    if not found:
        raise UsageError("`threshold` names no distance", remedy="leave it out for 2spacing")
    return found
