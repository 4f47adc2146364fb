"""What the engines accept, checked once, and how they answer in kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..device import is_torch, to_numpy
from ..errors import InputError, UsageError

if TYPE_CHECKING:
    import torch

    from . import Neighbors

LARGEST = 1e150  # squared differences of anything larger overflow float64


def as_array(points: Any, what: str) -> npt.NDArray[Any]:
    """(N, 3) positions as a NumPy array of float32 or float64, without a copy where that is possible.

    Args:
        points: (N, 3), a NumPy array or a torch tensor.
        what: ``queries`` or ``targets``, for the message.

    Raises:
        InputError: no points, or coordinates that are not finite or beyond 1e150.
        TypeError: not (N, 3), or neither float32 nor float64.
    """
    array = np.asarray(to_numpy(points))
    _require_shape(array.shape, array.dtype in (np.float32, np.float64), what)
    with np.errstate(invalid="ignore"):
        low, high = float(array.min()), float(array.max())
    if not (low >= -LARGEST and high <= LARGEST):  # true of NaN
        odd = int(np.sum(~np.all(np.abs(array) <= LARGEST, axis=1)))
        raise _not_finite(odd, len(array), what)
    return array


def as_tensor(points: Any, what: str, device: torch.device | None) -> torch.Tensor:
    """(N, 3) positions as a float64 tensor on `device` (None: where they are); errors as `as_array`."""
    import torch

    tensor = points.detach() if is_torch(points) else torch.from_numpy(np.ascontiguousarray(points))
    _require_shape(tuple(tensor.shape), tensor.dtype in (torch.float32, torch.float64), what)
    tensor = tensor.to(device=device or tensor.device, dtype=torch.float64)
    good = (tensor.abs() <= LARGEST).all(dim=1)
    if not bool(good.all()):
        raise _not_finite(int((~good).sum()), len(tensor), what)
    return tensor


def in_kind(found: Neighbors, queries: Any) -> Neighbors:
    """The same answer as NumPy arrays, or as tensors on the device of the queries."""
    from dataclasses import replace

    return replace(found, distances=_like(found.distances, queries), rows=_like(found.rows, queries))


def require_cpu(device: torch.device | None, engine: str) -> None:
    """Refuse a device other than the CPU for an engine that has no code for it."""
    if device is not None and device.type != "cpu":
        raise UsageError(
            f"the {engine} engine runs on the CPU only, not on {device}",
            remedy="choose --engine torch-tree, or --device cpu",
        )


def _like(values: Any, queries: Any) -> Any:
    if is_torch(queries):
        import torch

        return (values if is_torch(values) else torch.from_numpy(values)).to(queries.device)
    return to_numpy(values)


def _require_shape(shape: tuple[int, ...], floats: bool, what: str) -> None:
    if len(shape) != 2 or shape[1] != 3 or not floats:
        raise TypeError(f"{what} must be (N, 3) of float32 or float64")
    if shape[0] == 0:
        raise InputError(f"no points among the {what}", remedy="there is no nearest neighbour to find")


def _not_finite(odd: int, count: int, what: str) -> InputError:
    return InputError(
        f"{odd:,} of {count:,} {what} have coordinates that are not finite or beyond {LARGEST:g}",
        remedy="remove them first: they have no nearest neighbour",
    )
