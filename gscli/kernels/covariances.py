"""Covariances of Gaussians: out of axes and rotations and back, and how large they are to look at.

A covariance is six numbers, xx, xy, xz, yy, yz, zz; arrays are (6, N), one column a Gaussian, float64.
Nothing here depends on the machine, nor on whether kernels are compiled: see `gscli.kernels.elementary`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from . import quaternions

Array = npt.NDArray[Any]

SWEEPS = 8  # of Jacobi's method: three axes are apart to the last bit by then
PAIRS = ((0, 1, 2), (0, 2, 1), (1, 2, 0))

_OF_AXES = _core.Kernel("covariances_of_axes", np.float64, np.float64, int, np.float64)
_AXES = _core.Kernel("axes_of_covariances", np.float64, int, np.float64, np.float64)


def of_axes(scales: Array, rotations: Array) -> Array:
    """(6, N) covariances.

    Args:
        scales: (3, N) standard deviations. rotations: (4, N) w x y z, of any length but zero.
    """
    scales, rotations = np.asarray(scales, np.float64), np.asarray(rotations, np.float64)
    if _core.available():
        out = np.empty((6, scales.shape[1]))
        _OF_AXES(_core.laid_out(scales), _core.laid_out(rotations), out.shape[1], out)
        return out
    turns = quaternions.rows(*(rotations / np.sqrt((rotations * rotations).sum(0))))
    a = [[turn * scale for turn, scale in zip(row, scales, strict=True)] for row in turns]
    return np.stack([
        a[i][0] * a[j][0] + a[i][1] * a[j][1] + a[i][2] * a[j][2]
        for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
    ])  # fmt: skip


def outer(d: Array) -> Array:
    """(6, N) the products of (3, N) with themselves."""
    x, y, z = d
    return np.stack([x * x, x * y, x * z, y * y, y * z, z * z])


def footprint(covariances: Array) -> Array:
    """(N,) the root mean square over all directions of how large a Gaussian's footprint is, over 2 pi.

    Seen along n it is sqrt(n' cof(C) n), of which the mean square is the trace of the cofactors over three.
    """
    a, b, c, d, e, f = covariances
    trace = (a * d - b * b) + (a * f - c * c) + (d * f - e * e)
    size: Array = np.sqrt(np.maximum(trace, 0.0) / 3.0)
    return size


def axes(covariances: Array) -> tuple[Array, Array]:
    """The variances along the axes of Gaussians, and their rotations.

    Returns:
        (3, N) variances, 0 at least, but of what is not finite; (4, N) unit quaternions, w first.
    """
    if _core.available():
        variances, rotations = (np.empty((rows, covariances.shape[1])) for rows in (3, 4))
        _AXES(_core.laid_out(np.asarray(covariances, np.float64)), covariances.shape[1], variances, rotations)
        return variances, rotations
    a, b, c, d, e, f = covariances.copy()
    matrix = [[a, b, c], [b, d, e], [c, e, f]]
    zero, one = np.zeros_like(a), np.ones_like(a)
    turns = [[one if i == j else zero for j in range(3)] for i in range(3)]
    for _ in range(SWEEPS):
        for p, q, r in PAIRS:
            off = matrix[p][q]
            apart = matrix[q][q] - matrix[p][p]
            with np.errstate(all="ignore"):  # nothing to turn where off is 0
                theta = apart / (2 * off)
                tangent = np.where(theta < 0, -1.0, 1.0) / (np.abs(theta) + np.sqrt(theta * theta + 1))
            tangent = np.where((off == 0) | ~np.isfinite(tangent), 0.0, tangent)
            cosine = 1 / np.sqrt(tangent * tangent + 1)
            sine = tangent * cosine
            matrix[p][p], matrix[q][q] = matrix[p][p] - tangent * off, matrix[q][q] + tangent * off
            matrix[p][q] = matrix[q][p] = zero
            first, second = matrix[p][r], matrix[q][r]
            matrix[p][r] = matrix[r][p] = cosine * first - sine * second
            matrix[q][r] = matrix[r][q] = sine * first + cosine * second
            for row in turns:
                row[p], row[q] = cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]
    variances = np.stack([np.maximum(matrix[i][i], 0.0) for i in range(3)])
    return variances, quaternions.of_matrices(turns)
