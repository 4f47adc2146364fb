"""How alike two images are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[Any]

WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2


def psnr(a: Image, b: Image) -> float:
    """Peak signal-to-noise ratio in dB of values in 0..1: 10 log10(1 / (MSE + 1e-8)); 80 for equal images.

    Args:
        a, b: arrays of one shape.
    """
    error = a.astype(np.float64) - b.astype(np.float64)
    return 10 * math.log10(1 / (float(np.mean(error * error)) + 1e-8))


def ssim(a: Image, b: Image) -> float:
    """Mean structural similarity of values in 0..1 (Wang et al. 2004); 1 for equal images.

    A Gaussian window of 11 pixels with sigma 1.5, K1 = 0.01, K2 = 0.03, every channel on its own.
    Pixels beyond the border count as zero, as splatting trainers do it.

    Args:
        a, b: (..., H, W) arrays of one shape.
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    mean_a, mean_b = _blurred(a), _blurred(b)
    var_a, var_b = _blurred(a * a) - mean_a**2, _blurred(b * b) - mean_b**2
    covariance = _blurred(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    return float(np.mean(luminance * (2 * covariance + C2) / (var_a + var_b + C2)))


def _blurred(image: Image) -> Image:
    """The Gaussian window's weighted mean around each pixel, one axis after the other."""
    half = WINDOW // 2
    weights = np.exp(-(np.arange(-half, half + 1) ** 2) / (2 * SIGMA**2))
    weights /= weights.sum()
    for axis in (-2, -1):
        padding = [(0, 0)] * image.ndim
        padding[axis] = (half, half)
        padded = np.pad(image, padding)
        size = image.shape[axis]
        image = np.zeros_like(image)
        for place, weight in enumerate(weights):
            image += weight * padded.take(np.arange(place, place + size), axis=axis)
    return image
