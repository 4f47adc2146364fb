"""COLOR_0 of glTF: colours in linear light, for points, and for splats where they are shown as points."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..kernels import activations

Array = npt.NDArray[Any]

NOTE = "colours are linear by the specification, and brought to sRGB"


def linear(srgb: Array) -> Array:
    """Linear light of sRGB, both from 0 to 1 (IEC 61966-2-1), in float64."""
    srgb = np.asarray(srgb, np.float64)
    return np.where(srgb <= 0.04045, srgb / 12.92, ((np.maximum(srgb, 0.0) + 0.055) / 1.055) ** 2.4)


def srgb(light: Array) -> Array:
    """The inverse of `linear`."""
    light = np.asarray(light, np.float64)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 0.0) ** (1 / 2.4) - 0.055)


def from_linear(stored: Array) -> Array:
    """Colours as they are stored, the fourth being alpha, as sRGB: float32 of floats, else bytes."""
    out: Array
    if stored.dtype.kind == "f":
        out = stored.astype(np.float32)
        out[:, :3] = srgb(stored[:, :3])
        return out
    colours, alpha = _tables(stored.dtype.itemsize)
    out = colours[stored]
    out[:, 3:] = alpha[stored[:, 3:]]
    return out


def to_linear(bytes_of: Array) -> npt.NDArray[np.uint16]:
    """Colour bytes in linear light of 16 bits, which give the same bytes back."""
    return _light()[bytes_of]


def shown(colours: npt.NDArray[np.float32], opacities: npt.NDArray[np.float32]) -> Array:
    """(n, 4) bytes of linear light, to within a 2048th of sRGB, and alpha: splats where they are points.

    Args:
        colours: (n, 3) first harmonics. opacities: (n, 1) from 0 to 1.
    """
    return activations.shade(colours, opacities, 0.5, fields.SH_C0, _coarse())


@cache
def _tables(width: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """What normalised integers of 1 or 2 bytes are in sRGB, and as they are, as bytes."""
    share = np.linspace(0.0, 1.0, 1 << 8 * width)
    return np.rint(srgb(share) * 255).astype(np.uint8), np.rint(share * 255).astype(np.uint8)


@cache
def _light() -> npt.NDArray[np.uint16]:
    light: npt.NDArray[np.uint16] = np.rint(linear(np.arange(256) / 255) * 65535).astype(np.uint16)
    return light


@cache
def _coarse() -> npt.NDArray[np.uint8]:
    light: npt.NDArray[np.uint8] = np.rint(linear(np.arange(1024) / 1023) * 255).astype(np.uint8)
    return light
