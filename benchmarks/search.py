"""The nearest neighbours of many points by gscli, batched `torch.cdist` and scipy's tree."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from gscli.bench.compare import Call, duplicates, searches

from .tables import markdown, show


def tables(quick: bool, repeats: int) -> Iterator[str]:
    """50,000 among 50,000, and 200,000 equal points among themselves."""
    points = 500 if quick else 50_000
    yield markdown(searches(points, repeats=repeats, peers=trees))
    yield markdown(duplicates(points * 4, repeats=repeats))


def trees(queries: Any, targets: Any) -> dict[str, Call | str]:
    """What other libraries offer."""
    if find_spec("scipy") is None:
        return {"scipy cKDTree": "scipy is not installed"}
    from scipy.spatial import cKDTree

    return {"scipy cKDTree": lambda: cKDTree(targets).query(queries, workers=-1)}


if __name__ == "__main__":
    show(tables, __doc__)
