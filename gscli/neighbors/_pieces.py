"""A search whose queries go in smaller pieces where a GPU has no memory for all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import device as devices
from ..errors import EngineUnavailable
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
    piece, done, tried, shown = len(queries), 0, 0, 0
    found: list[Neighbors] = []

    def show(number: int) -> None:
        nonlocal tried, shown
        tried += number
        if done + tried > shown:  # what is done again has been shown already
            advance(done + tried - shown)
            shown = done + tried

    while not found or done < len(queries):
        part = queries if piece >= len(queries) else queries[done : done + piece]
        tried = 0
        try:
            found.append(index.nearest(part, advance=show))
        except RuntimeError as error:
            if not devices.out_of_memory(error):
                raise
            if piece <= LEAST:
                raise EngineUnavailable(
                    f"the GPU has not enough memory to search for {piece:,} queries at a time",
                    remedy="free some of it, or use `device='cpu'`",
                ) from error
            piece = max(LEAST, -(-piece // 2))
            continue
        done += len(part)
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
