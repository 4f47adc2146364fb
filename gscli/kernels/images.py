"""How alike two images are: squared errors, PSNR and SSIM, by compiled kernels where there are any.

Images are (H, W) or (H, W, C). Sums are taken down the columns of fixed blocks of rows, block after block,
then over columns, in float64 and in one order: neither threads nor compiled kernels change a bit.

There are two conventions. `psnr` and `ssim` are what papers on images define. `trainers_psnr` and
`trainers_ssim` are what splatting trainers log, which is bounded where images are equal and counts zeros
beyond the border.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import _core
from . import parallel

Image = npt.NDArray[Any]

WINDOW, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03
FOREGROUND = np.float32(1 / 255)  # of an alpha: what is not above it no 8-bit picture shows
ROWS = 64  # of a block
STRIP = 128  # of core.h
MOMENTS = 4
HALF = WINDOW // 2

_ERRORS = _core.Kernel(
    "error_sums",
    *(np.float32, np.float32, int, int, int, int, np.float32, np.float32),
    *(int, float, float, np.float64, np.float64),
)
_SSIM = _core.Kernel(
    "ssim_sums", np.float32, np.float32, int, int, int, int, np.float64, np.float64, np.float64
)


class Errors(NamedTuple):
    """What two images, of any number of channels, differ by.

    Attributes:
        squares: the sum of the squared errors of all values; values: how many there are.
        front, front_values: the same where either alpha is above `FOREGROUND`; 0 without alphas.
        alpha: the sum of the absolute differences of alphas; 0 without them.
    """

    squares: float
    values: int
    front: float
    front_values: int
    alpha: float


def errors(
    a: Image,
    b: Image,
    alpha_a: Image | None = None,
    alpha_b: Image | None = None,
    *,
    behind: float | None = None,
) -> Errors:
    """Add up the errors of two images of finite numbers.

    Args:
        a, b: (H, W) or (H, W, C) floats of one shape.
        alpha_a, alpha_b: (H, W) floats, both or neither.
        behind: from 0, black, to 1, white: both are colours, (H, W, C), on black, and are put on this and
            clipped to 0..1 first, by their alphas. None takes them as they are.

    Raises:
        ValueError: shapes that do not go together.
    """
    _require_alike(a, b)
    if (alpha_a is None) != (alpha_b is None) or any(
        alpha is not None and alpha.shape != a.shape[:2] for alpha in (alpha_a, alpha_b)
    ):
        raise ValueError(f"alphas that do not go with images of {a.shape}")
    height, width, channels = a.shape if a.ndim == 3 else (*a.shape, 1)
    parts = parallel.blocks(height, ROWS)
    sums = np.zeros((len(parts), 4, width))  # squares, those in front, pixels in front, differences of alphas
    given = alpha_a is not None and alpha_b is not None
    if behind is not None and (a.ndim < 3 or not given or not 0 <= behind <= 1):
        raise ValueError("images that cannot be put on a background")
    nothing = np.empty(0, np.float32)
    both = [
        a,
        b,
        *((alpha_a, alpha_b) if alpha_a is not None and alpha_b is not None else (nothing, nothing)),
    ]
    compiled = _compiled(*both)
    if compiled:
        both = [_core.laid_out(image) for image in both]

    def add(i: int) -> None:
        rows = parts[i]
        if compiled:
            spare = np.empty(width)
            _ERRORS(
                *(both[0], both[1], rows.start, rows.stop, width, channels, both[2], both[3]),
                *(given, float(FOREGROUND), -1.0 if behind is None else float(behind), spare, sums[i]),
            )
            return
        one, other = both[0][rows], both[1][rows]
        if behind is not None:
            one, other = (
                (color + (1 - alpha[rows])[..., None] * np.float32(behind)).clip(0, 1)
                for color, alpha in ((one, both[2]), (other, both[3]))
            )
        error = one.astype(np.float64) - other
        error *= error
        if error.ndim == 3:
            error = sum((error[..., c] for c in range(1, channels)), error[..., 0])
        _add_rows(error, sums[i, 0])
        if given:
            seen = np.maximum(both[2][rows], both[3][rows]) > FOREGROUND
            _add_rows(np.where(seen, error, 0.0), sums[i, 1])
            sums[i, 2] = seen.sum(axis=0)
            _add_rows(np.abs(both[2][rows].astype(np.float64) - both[3][rows]), sums[i, 3])

    parallel.for_each(add, range(len(parts)))
    squares, front, count, alpha = (_total(sums[:, i]) for i in range(4))
    return Errors(squares, a.size, front, int(count) * channels, alpha)


def mean_squared_error(a: Image, b: Image) -> float:
    """The mean of the squared errors of two images, as of `errors`, in float64."""
    found = errors(a, b)
    return found.squares / found.values


def psnr(mean_squared_error: float, data_range: float = 1.0) -> float | None:
    """Peak signal-to-noise ratio in dB, 10 log10(range² / MSE); None where there is no error."""
    if mean_squared_error == 0:
        return None
    return 20 * math.log10(data_range) - 10 * math.log10(mean_squared_error)


def ssim(a: Image, b: Image, data_range: float = 1.0) -> float | None:
    """Mean structural similarity (Wang et al. 2004) over windows within the image; 1 for equal images.

    A Gaussian window of 11 pixels with sigma 1.5, K1 = 0.01, K2 = 0.03, weighted variances, every channel
    on its own.

    Args:
        a, b: (H, W) or (H, W, C) finite floats of one shape.
        data_range: what values span; more than 0.

    Returns:
        None where the image is lower or narrower than a window.
    """
    _require_alike(a, b)
    return None if min(a.shape[:2]) < WINDOW else _ssim(a, b, data_range)


def trainers_psnr(a: Image, b: Image, data_range: float = 1.0) -> float:
    """PSNR as splatting trainers log it, 10 log10(1 / (MSE / range² + 1e-8)); 80 dB for equal images."""
    return 10 * math.log10(1 / (mean_squared_error(a, b) / data_range**2 + 1e-8))


def trainers_ssim(a: Image, b: Image, data_range: float = 1.0) -> float:
    """`ssim` as splatting trainers log it: a window around every pixel, and zeros beyond the border."""
    _require_alike(a, b)
    border = [(HALF, HALF), (HALF, HALF), (0, 0)][: a.ndim]
    return _ssim(np.pad(a, border), np.pad(b, border), data_range)


def _ssim(a: Image, b: Image, data_range: float) -> float:
    """`ssim` of images that hold at least one window."""
    step = int(a.shape[2]) if a.ndim == 3 else 1
    height, length = len(a) - WINDOW + 1, (int(a.shape[1]) - WINDOW + 1) * step
    compiled = _compiled(a, b)
    a, b = (_core.laid_out(image) if compiled else image.reshape(len(image), -1) for image in (a, b))
    constants = np.array([*_weights(), (K1 * data_range) ** 2, (K2 * data_range) ** 2])
    parts = parallel.blocks(height, ROWS)
    sums = np.zeros((len(parts), length))

    def add(i: int) -> None:
        rows = parts[i]
        if compiled:
            room = WINDOW * MOMENTS * STRIP + MOMENTS * STRIP + MOMENTS * (STRIP + (WINDOW - 1) * step)
            _SSIM(a, b, rows.start, rows.stop, length, step, constants, np.empty(room), sums[i])
        else:
            block = slice(rows.start, rows.stop + WINDOW - 1)
            _add_rows(_similarity(a[block], b[block], step, constants), sums[i])

    parallel.for_each(add, range(len(parts)))
    return _total(sums) / (height * length)


def _similarity(a: Image, b: Image, step: int, constants: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """SSIM at every window of rows of values; the next pixel's are `step` further on."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    first, second, squares, product = (
        _weighted(_weighted(moment, constants, 1, step), constants, 0, 1)
        for moment in (a, b, a * a + b * b, a * b)
    )
    c1, c2 = constants[HALF + 1 :]
    both, own = first * second, first * first + second * second
    above = (2 * both + c1) * (2 * (product - both) + c2)
    similar: npt.NDArray[np.float64] = above / ((own + c1) * (squares - own + c2))
    return similar


def _weighted(values: Image, weights: npt.NDArray[np.float64], axis: int, step: int) -> Image:
    """The window's weighted mean along an axis; those at one distance from its middle add up first."""
    count = values.shape[axis] - (WINDOW - 1) * step

    def tap(k: int) -> Image:
        return values[:, k * step : k * step + count] if axis else values[k * step : k * step + count]

    out: Image = weights[HALF] * tap(HALF)
    pair = np.empty_like(out)
    for k in range(HALF - 1, -1, -1):
        np.add(tap(k), tap(WINDOW - 1 - k), out=pair)
        pair *= weights[k]
        out += pair
    return out


def _weights() -> list[float]:
    """Those of the window from its edge to its middle; all eleven add up to 1."""
    half = [math.exp(-((HALF - k) ** 2) / (2 * SIGMA**2)) for k in range(HALF + 1)]
    whole = math.fsum([*half, *half[:-1]])
    return [weight / whole for weight in half]


def _compiled(*images: Image) -> bool:
    return _core.available() and all(image.dtype == np.float32 and image.dtype.isnative for image in images)


def _require_alike(a: Image, b: Image) -> None:
    if a.shape != b.shape or a.ndim not in (2, 3) or not a.size:
        raise ValueError(f"images of shapes {a.shape} and {b.shape}")


def _add_rows(values: Image, sums: npt.NDArray[np.float64]) -> None:
    """Add row after row, as compiled kernels do; a sum along an axis may take another order."""
    for row in values:
        sums += row


def _total(sums: npt.NDArray[np.float64]) -> float:
    """The sum of (blocks, columns), rounded once over columns."""
    columns = np.zeros(sums.shape[1])
    _add_rows(sums, columns)
    return math.fsum(columns.tolist())
