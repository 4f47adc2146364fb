"""Exponentials, logarithms and sines that are the same on every machine.

NumPy's and those of C libraries differ in the last bit from processor to processor. These are sums, products
and quotients in float64, each rounded, so that what is decided by them is decided alike. Compiled kernels
give the same bits.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core

LN2 = math.log(2.0)
LN2_HIGH = float.fromhex("0x1.62e42feep-1")  # its leading bits, of which small multiples are exact
LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")  # and the rest
_RIGHT = math.pi / 2
_RIGHT_HIGH = float.fromhex("0x1.921fb544p+0")
_RIGHT_LOW = float.fromhex("0x1.0b4611a626331p-34")
LARGEST = 700.0  # an exponent
NORMAL = float(np.finfo(np.float64).tiny), float(np.finfo(np.float64).max)

_EXP = _core.Kernel("exponentials", np.float64, int, np.float64)
_LOG = _core.Kernel("logarithms", np.float64, int, np.float64)


def exp(x: npt.ArrayLike) -> Any:
    """e^x in float64 within 1e-15 of it; x is held within -700 and 700, and NaN stays."""
    given = np.asarray(x, np.float64)
    if given.ndim and _core.available():
        return _of_each(_EXP, given)
    x = np.clip(given, -LARGEST, LARGEST)
    power = np.rint(x / LN2)
    rest = (x - power * LN2_HIGH) - power * LN2_LOW
    series = np.full_like(rest, 1.0 / math.factorial(14))
    for degree in range(13, -1, -1):
        series = series * rest + 1.0 / math.factorial(degree)
    with np.errstate(invalid="ignore"):
        return np.ldexp(series, power.astype(np.int64))


def log(x: npt.ArrayLike) -> Any:
    """The natural logarithm of positive normal numbers in float64, within 1e-13 of it."""
    given = np.asarray(x)
    normal = given.ndim and given.dtype == np.float64 and ((given >= NORMAL[0]) & (given <= NORMAL[1])).all()
    if normal and _core.available():
        return _of_each(_LOG, given)
    fraction, exponent = np.frexp(x)
    low = fraction < math.sqrt(0.5)
    fraction, exponent = np.where(low, fraction * 2.0, fraction), exponent - low
    s = (fraction - 1.0) / (fraction + 1.0)
    square = s * s
    series: Any = 1.0 / 17.0
    for odd in (15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0):
        series = series * square + 1.0 / odd
    return exponent * LN2 + 2.0 * (s * series)


def _of_each(kernel: _core.Kernel, given: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    out = np.empty(given.shape)
    kernel(_core.laid_out(given), given.size, out)
    return out


def sigmoid(x: npt.ArrayLike) -> Any:
    """1 / (1 + e^-x) in float64; of infinities 0 and 1."""
    x = np.asarray(x, np.float64)
    small = np.where(np.isinf(x), 0.0, exp(-np.abs(x)))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def logit(x: npt.ArrayLike) -> Any:
    """The inverse of `sigmoid`, of normal numbers between 0 and 1, both left out."""
    x = np.asarray(x, np.float64)
    return log(x) - log(1.0 - x)


def sine_and_cosine(x: npt.ArrayLike) -> tuple[Any, Any]:
    """The sine and the cosine of angles in float64, within 1e-15 of them where those are below 1000."""
    x = np.asarray(x, np.float64)
    with np.errstate(invalid="ignore"):
        turns = np.rint(x / _RIGHT)
        rest = (x - turns * _RIGHT_HIGH) - turns * _RIGHT_LOW
        quarter = turns - 4.0 * np.floor(turns / 4.0)
    square = rest * rest
    sine, cosine = np.zeros_like(rest), np.zeros_like(rest)
    for degree in range(18, -1, -2):
        sign = -1.0 if degree % 4 else 1.0
        sine = sine * square + sign / math.factorial(degree + 1)
        cosine = cosine * square + sign / math.factorial(degree)
    sine = sine * rest
    along, across = np.where(quarter % 2 == 1, cosine, sine), np.where(quarter % 2 == 1, sine, cosine)
    upper, right = quarter < 2, (quarter == 0) | (quarter == 3)
    return np.where(upper, along, -along), np.where(right, across, -across)
