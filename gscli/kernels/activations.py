"""What numbers of splats mean, as float32 that are the same on every machine, and back.

Lengths are exponentials, opacities sigmoids, rotations of length one. Each is worked out in float64, see
`elementary`, and rounded once: compiled kernels, which take float32 alone, do the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from . import elementary

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]

_EXP = _core.Kernel("exp_f32", np.float32, int, np.float32)
_SIGMOID = _core.Kernel("sigmoid_f32", np.float32, int, np.float32)
_LOG = _core.Kernel("log_f32", np.float32, int, float, np.float32)
_LOGIT = _core.Kernel("logit_f32", np.float32, int, float, float, np.float32)
_UNIT = _core.Kernel("unit_f32", np.float32, int, float, np.int64, np.float32, np.float32, np.uint32)
_SHADE = _core.Kernel("shade_f32", np.float32, np.float32, int, float, float, np.uint8, np.uint8)
_NEARLY_UNIT = 2.0**-22  # what float32 leaves of lengths of one
_LARGEST = float(np.finfo(np.float32).max)


def exp(x: Array) -> Floats:
    """e^x of numbers of any shape; infinite beyond float32."""
    return _each(_EXP, x) if _is_compiled(x) else _narrow(elementary.exp(x))


def sigmoid(x: Array) -> Floats:
    """1 / (1 + e^-x) of numbers of any shape."""
    return _each(_SIGMOID, x) if _is_compiled(x) else _narrow(elementary.sigmoid(x))


def log(x: Array, low: float) -> Floats:
    """The logarithm of numbers of any shape, none NaN, those below `low`, which is above 0, as of that."""
    if _is_compiled(x):
        return _each(_LOG, x, low)
    bounded = np.maximum(x, low, dtype=np.float64)
    endless = np.isinf(bounded)
    return _narrow(np.where(endless, np.inf, elementary.log(np.where(endless, 1.0, bounded))))


def logit(x: Array, low: float, high: float) -> Floats:
    """The inverse of `sigmoid`, of what is below `low` or above `high`, both between 0 and 1, as of those."""
    if _is_compiled(x):
        return _each(_LOGIT, x, low, high)
    return _narrow(elementary.logit(np.clip(x.astype(np.float64), low, high)))


def unit(x: Array, order: Sequence[int], factors: npt.NDArray[np.float32]) -> tuple[Floats, bool]:
    """Quaternions brought to length one, unless float32 leaves no more of that; of zero, 1 and three zeros.

    Args:
        x: (n, 4). order: which component comes first, and so on. factors: (4,) 1 or -1, what each of what is
            put so is multiplied by.

    Returns:
        (n, 4), and whether every length was within float32.
    """
    if _is_compiled(x):
        out, odd = np.empty((len(x), 4), np.float32), np.zeros(1, np.uint32)
        _UNIT(x, len(x), _NEARLY_UNIT, np.array(order, np.int64), factors, out, odd)
        return out, not odd[0]
    planes = x.T.astype(np.float64)
    with np.errstate(all="ignore"):
        length = np.sqrt(sum(plane * plane for plane in planes))
        clean = bool((length <= _LARGEST).all())
        length[np.abs(length - 1.0) < _NEARLY_UNIT] = 1.0
        missing = length == 0.0
        length[missing] = 1.0
        units = _narrow(planes / length)
    units[0][missing] = 1.0
    return np.ascontiguousarray(units[[*order]].T * factors), clean


def shade(colours: Floats, shares: Floats, grey: float, by: float, light: npt.NDArray[np.uint8]) -> Array:
    """(n, 4) bytes of colours, by a table of 1024 shades of grey + by * colour from 0 to 1, and of shares.

    Args:
        colours: (n, 3). shares: (n, 1), from 0 to 1. light: (1024,) the table.
    """
    out = np.empty((len(colours), 4), np.uint8)
    if _is_compiled(colours) and _is_compiled(shares):
        _SHADE(colours, shares, len(colours), grey, by, light, out)
        return out
    with np.errstate(all="ignore"):
        steps = (np.float32(grey) + np.float32(by) * colours) * np.float32(1023.0)
        out[:, :3] = light[np.clip(np.rint(steps), 0, 1023).astype(np.intp)]
        out[:, 3] = np.rint(np.float32(255.0) * shares[:, 0])
    return out


def _is_compiled(x: Array) -> bool:
    native = x.dtype == np.float32 and x.dtype.isnative
    return native and x.flags.c_contiguous and x.flags.aligned and _core.available()


def _each(kernel: _core.Kernel, x: Array, *bounds: float) -> Floats:
    out = np.empty(x.shape, np.float32)
    kernel(x, x.size, *bounds, out)
    return out


def _narrow(x: Array) -> Floats:
    with np.errstate(all="ignore"):
        return x.astype(np.float32)
