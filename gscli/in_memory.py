"""Clouds of what others hold in memory: arrays, tensors, and tables of named columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from . import arguments, fields
from .cloud import GaussianCloud, Header, array_of
from .errors import UsageError

if TYPE_CHECKING:
    import torch

Points: TypeAlias = "GaussianCloud | npt.NDArray[Any] | torch.Tensor | Mapping[str, npt.ArrayLike]"


def as_cloud(
    points: Points, name: str = "points", wanted: str = "a cloud or (N, 3) numbers"
) -> GaussianCloud:
    """A cloud as it is, or that of an array, as `gscli.read` would give it from a ``.npy`` file.

    Args:
        points: a cloud; (N, D >= 3) numbers with x, y, z first, NumPy or torch, whose further columns have no
            names and are called ``column_3``, ``column_4`` and so on; a structured array; or a table, a
            mapping or a data frame, of (N,) columns by name.
        name, wanted: what the argument is called, and what is asked for, in words.

    Raises:
        UsageError: none of them, or columns of different lengths.
    """
    if isinstance(points, GaussianCloud):
        return points
    table = _table(points)
    if table is not None:
        return GaussianCloud(GaussianCloud.from_columns(table).rows, Header("npy", native=1))
    array = array_of(points, f"`{name}`")
    if array.dtype.names is not None and array.ndim == 1:
        return GaussianCloud(array, Header("npy", native=1))
    if array.ndim != 2 or array.shape[1] < 3 or array.dtype.kind not in "biuf":
        raise arguments.not_numbers(points, name, wanted)
    return GaussianCloud(plain_rows(array), Header("npy", native=2))


class Returned(NamedTuple):
    """What a tool made in memory, where no path was given.

    Attributes:
        cloud: what would have been written.
        rows: row numbers that go with it; None where the tool has none.
    """

    cloud: GaussianCloud
    rows: npt.NDArray[np.int64] | None = None


def returned(found: Returned | None, path: str) -> Returned:
    """What a tool made in memory.

    Raises:
        UsageError: nothing, as it was written to a path.
    """
    if found is None:
        raise UsageError("was written, and is not held in memory", path=path, remedy="read it")
    return found


def plain_rows(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(N,) rows of an (N, D >= 3) array, without a copy where that is possible."""
    packed = np.ascontiguousarray(array).reshape(-1)
    found: npt.NDArray[Any] = packed.view(plain_type(array.dtype, array.shape[1]))
    return found


def plain_type(kind: np.dtype[Any], width: int) -> np.dtype[Any]:
    """The type of rows of a plain array, whose columns have no names of their own."""
    names = (*fields.POSITION, *(f"column_{i}" for i in range(3, width)))
    return np.dtype([(name, kind) for name in names])


def _table(points: Any) -> dict[str, Any] | None:
    """The columns of a mapping, or of a data frame that names them; None of anything else."""
    names = points if isinstance(points, Mapping) else getattr(points, "columns", None)
    if not isinstance(names, Iterable) or not hasattr(points, "__getitem__"):
        return None
    names = list(names)
    if not names or not all(isinstance(name, str) for name in names):
        return None
    return {name: points[name] for name in names}
