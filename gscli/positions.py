"""Positions: which are finite, which can be searched, and the refusal of those that are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from . import arguments
from .device import is_torch, require_numbers
from .errors import InputError
from .kernels import parallel
from .results.shown import counted

if TYPE_CHECKING:
    import torch

WANTED = "(N, 3) of float32 or float64"
LARGEST = 1e150  # squared differences of anything larger overflow float64


def finite_rows(xyz: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
    """(N,) bool, which of (3, N) positions are finite; None when all are."""
    if all(np.isfinite(axis[part]).all() for axis in xyz for part in parallel.blocks(xyz.shape[1])):
        return None
    valid: npt.NDArray[Any] = np.isfinite(xyz).all(0)
    return valid


def not_finite(
    count: int, points: int, first: int, *, remedy: str = "add `drop_invalid=True` to leave them out"
) -> InputError:
    """The refusal of so many positions that are not finite, the first of them in row `first`."""
    of = f"{counted(points, 'point')} {'has' if count == 1 else 'have'}"
    return InputError(
        f"{count:,} of {of} a NaN or infinite position, the first in row {first}",
        remedy=remedy,
    )


def as_array(points: Any, what: str) -> npt.NDArray[Any]:
    """(N, 3) positions as a NumPy array of float32 or float64, without a copy where that is possible.

    Args:
        points: (N, 3), a NumPy array or a torch tensor.
        what: ``points``, ``queries`` or ``targets``, for the message.

    Raises:
        InputError: no points, or coordinates that are not finite or beyond 1e150.
        UsageError: not (N, 3), or neither float32 nor float64.
    """
    array = arguments.array(points, what, "f", WANTED, (3,))
    _require_shape(points if is_torch(points) else array, what)
    with np.errstate(invalid="ignore"):
        low, high = float(array.min()), float(array.max())
    if not (low >= -LARGEST and high <= LARGEST):  # true of NaN
        wide = array.astype(np.float64)  # in float32 the bound would be infinite, and hold infinity
        odd = int(np.sum(~np.all(np.abs(wide) <= LARGEST, axis=1)))
        raise _unsearchable(odd, len(array), what)
    return array


def as_tensor(points: Any, what: str, device: torch.device | None, *, stored: bool = False) -> torch.Tensor:
    """(N, 3) positions as a tensor on `device` (None: where they are); errors as `as_array`.

    Args:
        stored: keep the type, float32 or float64, where float64 is the result otherwise.
    """
    import torch

    if is_torch(points):
        require_numbers(points)
        tensor: torch.Tensor = points.detach()
    else:
        tensor = torch.from_numpy(np.ascontiguousarray(as_array(points, what)))
    _require_shape(tensor, what)
    tensor = tensor.to(device=device or tensor.device, dtype=None if stored else torch.float64)
    good = tensor.isfinite()
    if tensor.dtype == torch.float64:
        good &= tensor.abs() <= LARGEST
    if not bool(good.all()):
        raise _unsearchable(int((~good.all(dim=1)).sum()), len(tensor), what)
    return tensor


def _require_shape(points: Any, what: str) -> None:
    shape, kind = tuple(points.shape), str(points.dtype).removeprefix("torch.")
    if len(shape) != 2 or shape[1] != 3 or kind.lstrip("<>") not in ("float32", "float64", "f4", "f8"):
        raise arguments.not_numbers(points, what, WANTED)
    if shape[0] == 0:
        raise InputError(f"there are no {what}", remedy="there is no nearest neighbour to find")


def _unsearchable(odd: int, count: int, what: str) -> InputError:
    return InputError(
        f"{odd:,} of {count:,} {what} have coordinates that are not finite or beyond {LARGEST:g}",
        remedy="remove them first: they have no nearest neighbour",
    )
