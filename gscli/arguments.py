"""Arguments of the library that cannot be what they are for, refused in one line by their names."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from .cloud import GaussianCloud
from .device import to_numpy
from .errors import UsageError


def array(values: Any, name: str, kinds: str, wanted: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """(N, *shape) values as a NumPy array.

    Args:
        values: what was given for the argument of this name, NumPy or torch.
        kinds: NumPy's letters of the types that will do; wanted: all that is asked for, in words.

    Raises:
        UsageError: another type or shape.
    """
    if isinstance(values, GaussianCloud):
        raise UsageError(f"`{name}` must be {wanted}, not a cloud", remedy="give its .xyz, or a column")
    found: npt.NDArray[Any] = np.asarray(to_numpy(values))
    if found.ndim == 0 or found.shape[1:] != shape or found.dtype.kind not in kinds:
        raise not_numbers(found, name, wanted)
    return found


def not_numbers(found: Any, name: str, wanted: str) -> UsageError:
    """The refusal of an array or tensor of another type or shape than is wanted."""
    kind = str(found.dtype).removeprefix("torch.")
    return UsageError(f"`{name}` must be {wanted}, not {kind} of shape {tuple(found.shape)}")


def is_number(value: Any) -> bool:
    """Whether an argument is one real number, Python's or NumPy's."""
    return isinstance(value, Real)


def spelt(value: Any) -> str:
    """A number in short; anything else as Python writes it."""
    return f"{value:g}" if is_number(value) else repr(value)
