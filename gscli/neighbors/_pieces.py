"""A search whose queries go in smaller pieces where a GPU has no memory for all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import device as devices
from ._answers import Neighbors
from ._engine import Index

LEAST = 4096  # queries: where these are too many, fewer would not help


def nearest(index: Index, queries: Any, advance: Callable[[int], object]) -> Neighbors:
    """As ``index.nearest``; where a GPU runs out of memory, again with pieces of half as many queries.

    Args:
        queries: (Q, 3), an array or a tensor.

    Raises:
        EngineUnavailable: there is no memory for a piece of 4,096 queries either.
    """
    count, shown = len(queries), 0

    def search(part: slice) -> Neighbors:
        done = part.start

        def show(number: int) -> None:
            nonlocal done, shown
            done += number
            if done > shown:  # what is done again has been shown already
                advance(done - shown)
                shown = done

        return index.nearest(queries[part], advance=show)

    with devices.enough_memory(f"to search for {min(LEAST, count):,} queries at a time"):
        found = [*devices.pieces(search, count, count, LEAST)] or [search(slice(0))]
    return found[0] if len(found) == 1 else _joined(found)


def _joined(parts: list[Neighbors]) -> Neighbors:
    def side_by_side(name: str) -> Any:
        arrays = [getattr(part, name) for part in parts]
        if isinstance(arrays[0], np.ndarray):
            return np.concatenate(arrays)
        import torch

        return torch.cat(arrays)

    def together(name: str) -> Any:
        counts = [getattr(part, name) for part in parts]
        return None if None in counts else sum(counts)

    counts = ("proven", "fallback", "box_tests", "evaluations")
    return Neighbors(
        side_by_side("distances"), side_by_side("rows"), **{name: together(name) for name in counts}
    )
