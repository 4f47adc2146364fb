"""Which Gaussian of one cloud is compared with which of the other. Never inferred."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import arguments, files
from ..errors import InputError, UsageError, most_like

__all__ = ["Pairing"]

Array = npt.NDArray[Any]

KINDS = ("nearest", "rows", "index")


@dataclass(frozen=True)
class Pairing:
    """How Gaussians are paired.

    Attributes:
        kind: ``nearest`` (each source point with its nearest target), ``rows`` (row i with row i) or
            ``index`` (as a file of row numbers says).
        path: the file of row numbers.
        thinned: ``source`` or ``target``: the cloud whose rows the file lists; None without a file.
        pairs: how many pairs were compared; None before that.
    """

    kind: str
    path: str | None = None
    pairs: int | None = None
    thinned: str | None = None


@dataclass(frozen=True)
class Pairs:
    """Pairs as row numbers of both clouds.

    Attributes:
        streamed: ``source`` or ``target``: the cloud whose rows come in ascending order.
        rows: (P,) its rows, ascending; None for all of them.
        partners: (P,) rows of the other cloud; None for the same as `rows`.
        distances: (P,) float64 between the centres of each pair, if they are known.
    """

    streamed: str
    rows: Array | None
    partners: Array | None
    distances: Array | None = None


def parse(text: str) -> Pairing:
    """Read ``nearest``, ``rows`` or ``index:FILE``.

    Raises:
        UsageError: it is none of these.
    """
    if not isinstance(text, str):
        raise UsageError(f"`pair` must be nearest, rows or index:FILE, not {arguments.told(text)}")
    kind, colon, path = text.partition(":")
    if kind in KINDS and bool(colon) == (kind == "index") and bool(path) == bool(colon):
        return Pairing(kind, path or None)
    near = None if colon else most_like(text, KINDS[:2])
    what = f"`pair` {text} is none of nearest, rows, index:FILE"
    raise UsageError(what, remedy=near and f"did you mean {near}?")


def given_pairs(pairing: Pairing, sources: int, targets: int) -> Pairs:
    """The pairs of ``rows`` or ``index`` for clouds of so many rows.

    An index file, as `gscli resample --index` writes it, has one number for each row of the thinned
    cloud: that row's number in the other. The thinned cloud is the one with as many rows as the file
    has numbers.

    Raises:
        UsageError: the counts do not fit, or fit both clouds.
        InputError: the file is no such list.
    """
    if pairing.kind == "rows":
        if sources != targets:
            raise UsageError(
                f"`pair='rows'` needs equally many rows, not {sources:,} and {targets:,}",
                remedy="use `pair='nearest'`, or `pair='index:FILE'` with the file of resample's `index`",
            )
        return Pairs("source", None, None)
    assert pairing.path is not None
    index = read_index(pairing.path)
    if len(index) not in (sources, targets):
        raise UsageError(
            f"`pair` index:{pairing.path} has {len(index):,} rows, and neither cloud has: "
            f"they have {sources:,} and {targets:,}"
        )
    if sources == targets:
        raise UsageError(
            f"`pair` index:{pairing.path} could list the rows of either cloud: both have {sources:,}",
            remedy="use `pair='rows'` where row i corresponds to row i",
        )
    streamed, others = ("target", sources) if len(index) == targets else ("source", targets)
    if len(index) and (index.min() < 0 or index.max() >= others):
        raise InputError(
            f"names rows from {index.min()} to {index.max()} of a cloud that has {others:,}",
            path=pairing.path,
            remedy="give the file that resample's `index` wrote for these two",
        )
    return Pairs(streamed, None, index)


def read_index(path: str | os.PathLike[str]) -> Array:
    """(K,) int64 row numbers from a ``.npy`` file.

    Raises:
        InputError: unreadable, or no one-dimensional array of integers.
    """
    files.require_readable(Path(path))
    try:
        index = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        index = None
    if not isinstance(index, np.ndarray) or index.ndim != 1 or index.dtype.kind not in "iu":
        raise InputError(
            "is no .npy file of row numbers", path=path, remedy="`index` of resample or simplify writes one"
        )
    return index.astype(np.int64)
