"""Gaussians into footprints on a picture, by a kernel in Triton that reads each once.

A footprint's covariance is the Gram matrix of two vectors, the scaled axes of the Gaussian as they lie across
and down the picture (EWA: Zwicker et al. 2001), and its determinant a sum of squares, so that no digits are
lost on needles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from ..device import sent
from . import launches

if TYPE_CHECKING:
    from torch import Tensor

LOW_PASS = 0.3  # square pixels, added to the diagonal of a covariance in colour
COLOR_CUT, XRAY_CUT = 1 / 255, 1e-5  # what would give a pixel less is left out
FIELDS = 10  # of a record: u, v, shear, kx, ky, peak, depth, red, green, blue
NOWHERE = 0x7FFFFFFF  # comes after the bits of every depth
_GAUSSIANS = 128  # taken by one program


class Gaussians(NamedTuple):
    """What is drawn, column by column; all float32 but for positions, which may be float64.

    Attributes:
        positions: (3, N). opacities: (N,), or densities. scales: (3, N). rotations: (4, N), w first.
        colors: (3, K, N) harmonics of each channel; None where there are none, and for X-rays.
    """

    positions: Tensor
    opacities: Tensor
    scales: Tensor
    rotations: Tensor
    colors: Tensor | None


class Lens(NamedTuple):
    """From where, and how, in pixels and scene units; the names are those of `gscli.cameras.Camera`."""

    position: Sequence[float]
    rotation: Sequence[Sequence[float]]
    fx: float
    fy: float
    cx: float
    cy: float
    near: float
    width: int
    height: int
    parallel: bool


class Footprints(NamedTuple):
    """What a picture shows of Gaussians.

    Attributes:
        records: (N, 10) float32, of those that are seen: u, v, shear, kx, ky, peak, depth, red, green, blue.
            What a Gaussian gives to the point (u + dx, v + dy) is peak 2^(kx (dx - shear dy)² + ky dy²).
        order: (N,) int64, the rows of those that are seen, the nearest first; of X-rays as they ascend.
        keys: (N,) int32 in that order, `NOWHERE` of those that are not seen.
    """

    records: Tensor
    order: Tensor
    keys: Tensor


def footprints(gaussians: Gaussians, lens: Lens, *, raw: bool, antialiased: bool, xray: bool) -> Footprints:
    """The footprints of a view; nothing waits for them.

    Args:
        raw: opacities are logits and scales logarithms. antialiased: opacities make up for the low-pass
            filter (Yu et al. 2024). xray: opacities are densities, which a ray adds up (Zha et al. 2024).
    """
    import torch

    from .gpu import project

    opacities, colors = gaussians.opacities, gaussians.colors
    count, device = len(opacities), opacities.device
    degree = -1 if colors is None else math.isqrt(colors.shape[1]) - 1
    records = opacities.new_empty((count, FIELDS))
    keys = torch.empty(count, dtype=torch.int32, device=device)
    if count:
        launches.launch(
            project.project,
            (-(-count // _GAUSSIANS),),
            *(gaussians.positions, opacities, gaussians.scales, gaussians.rotations),
            *(opacities if colors is None else colors, sent(_numbers(lens, degree), device), records, keys),
            count,
            RAW=raw,
            ANTIALIASED=antialiased,
            XRAY=xray,
            PARALLEL=lens.parallel,
            DEGREE=degree,
            CUT=XRAY_CUT if xray else COLOR_CUT,
            LOW=0.0 if xray else LOW_PASS,
            NOWHERE=NOWHERE,
            FIELDS=FIELDS,
            B=_GAUSSIANS,
        )
    keys, order = torch.sort(keys, stable=True)
    return Footprints(records, order, keys)


def _numbers(lens: Lens, degree: int) -> npt.NDArray[np.float64]:
    """What the kernel is told of a camera, and of harmonics of that degree."""
    turn = [number for row in lens.rotation for number in row]
    return np.array([*lens.position, *turn, *lens[2:9], *_recurrence(degree)], np.float64)


def _recurrence(degree: int) -> list[float]:
    """The factors by which real spherical harmonics follow from each other, with the signs of 3DGS.

    For orders m and degrees l, each from 0 to `degree`, two numbers: where l = m what begins, then by how
    much z times the last and by how much the one before enter the next.
    """
    found = []
    start = math.sqrt(0.25 / math.pi)
    for m in range(degree + 1):
        if m:
            start *= -math.sqrt((1 + 0.5 / m) * (2 if m == 1 else 1))
        for l in range(degree + 1):  # noqa: E741  as the degree is called
            up = fall = 0.0
            if l > m:
                up = math.sqrt((4 * l * l - 1) / (l * l - m * m))
                fall = math.sqrt(((l - 1) ** 2 - m * m) / (4 * (l - 1) ** 2 - 1))
            found += [start if l == m else up, fall]
    return found
