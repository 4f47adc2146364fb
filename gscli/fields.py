"""What the columns of a 3DGS cloud mean, and how raw values become physical ones.

The vocabulary is the one of the 3D Gaussian Splatting reference code (Kerbl et al. 2023): ``x y z``,
``nx ny nz``, ``f_dc_0..2``, ``f_rest_*`` (channel major), ``opacity`` (logit), ``scale_0..2`` (log),
``rot_0..3`` (w x y z, not normalised). Columns are found by name, never by position.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "dc_from_rgb",
    "ellipsoid_area",
    "is_gaussian",
    "logit",
    "rgb_from_dc",
    "scale_names",
    "sh_degree",
    "sh_rest",
    "sigmoid",
]

Array = npt.NDArray[Any]

POSITION = ("x", "y", "z")
NORMAL = ("nx", "ny", "nz")
SH_DC = ("f_dc_0", "f_dc_1", "f_dc_2")
RGB = ("red", "green", "blue")
OPACITY = "opacity"
SCALE = ("scale_0", "scale_1", "scale_2")
ROTATION = ("rot_0", "rot_1", "rot_2", "rot_3")
INDICES = "indices"  # of a grid file: the cell of each point, or of each valid point
MASK = "valid_feat_mask"  # of a scene folder or grid file: which points are valid
SH_C0 = 0.28209479177387814  # 1 / (2 sqrt(pi)): the constant spherical harmonic
MAX_SH_DEGREE = 4


def lower_position(names: Sequence[str]) -> tuple[str, ...]:
    """Names of columns, X, Y and Z in lower case unless that makes two of one name."""
    low = [name.lower() if name.lower() in POSITION else name for name in names]
    return tuple(low if all(low.count(axis) == 1 for axis in POSITION) else names)


def sh_rest(degree: int) -> tuple[str, ...]:
    """Names of the view-dependent SH coefficients of a degree: 3 ((degree + 1)^2 - 1) of them."""
    return tuple(f"f_rest_{i}" for i in range(3 * ((degree + 1) ** 2 - 1)))


def sh_degree(names: Sequence[str]) -> int | None:
    """The SH degree that the columns hold; None without colour or with other f_rest than a degree has."""
    if not set(SH_DC) <= set(names):
        return None
    rest = {name for name in names if re.fullmatch(r"f_rest_\d+", name)}
    return next((degree for degree in range(MAX_SH_DEGREE + 1) if set(sh_rest(degree)) == rest), None)


def scale_names(names: Sequence[str]) -> tuple[str, ...]:
    """The scale columns present: three, or two for the flat splats of 2DGS."""
    return tuple(name for name in SCALE if name in names)


def is_gaussian(names: Sequence[str]) -> bool:
    """Whether the columns describe Gaussians (opacity, two or three scales, a rotation)."""
    return OPACITY in names and len(scale_names(names)) >= 2 and set(ROTATION) <= set(names)


def folded(types: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Names and types of columns in order, with numbered ones of one type as one: ``f_rest_0..44``.

    >>> list(folded({"x": "float32", "f_dc_0": "float32", "f_dc_1": "float32"}))
    [('x', 'float32'), ('f_dc_0..1', 'float32')]
    """
    for (stem, kind), run in groupby(types.items(), lambda c: (re.sub(r"_\d+$", "_", c[0]), c[1])):
        names = [name for name, _ in run]
        yield names[0] if len(names) == 1 else f"{names[0]}..{names[-1].removeprefix(stem)}", kind


def sigmoid(logit: Array) -> Array:
    """Opacity in [0, 1] from its logit, in float64; -inf and +inf give 0 and 1."""
    logit = np.asarray(logit, np.float64)
    small = np.exp(-np.abs(logit))  # never overflows
    alpha: Array = np.where(logit >= 0, 1.0, small) / (1.0 + small)
    return alpha


def logit(alpha: Array) -> Array:
    """The inverse of `sigmoid`: -inf at 0, +inf at 1."""
    alpha = np.asarray(alpha, np.float64)
    with np.errstate(divide="ignore"):
        return np.log(alpha) - np.log1p(-alpha)


def rgb_from_dc(f_dc: Array) -> Array:
    """Colour in [0, 1] (not clipped) from the constant SH coefficient: 0.5 + SH_C0 f_dc."""
    return 0.5 + SH_C0 * np.asarray(f_dc, np.float64)


def dc_from_rgb(rgb: Array) -> Array:
    """The inverse of `rgb_from_dc`."""
    return (np.asarray(rgb, np.float64) - 0.5) / SH_C0


def ellipsoid_area(scales: Array) -> Array:
    """Surface area of ellipsoids by Thomsen's formula, within 1.061 % (p = 1.6075).

    A = 4 pi (((ab)^p + (ac)^p + (bc)^p) / 3)^(1/p). A flat splat (two axes) counts both faces:
    the third axis is zero.

    Args:
        scales: (2, N) or (3, N) semi-axes in scene units (after exp).

    Returns:
        (N,) float64 areas.
    """
    p = 1.6075
    a, b = np.asarray(scales[0], np.float64), np.asarray(scales[1], np.float64)
    c = np.asarray(scales[2], np.float64) if len(scales) == 3 else np.zeros_like(a)
    mean = ((a * b) ** p + (a * c) ** p + (b * c) ** p) / 3.0
    area: Array = 4.0 * np.pi * mean ** (1.0 / p)
    return area
