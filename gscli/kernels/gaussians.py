"""How far apart two Gaussians are: the closed form of their 2-Wasserstein distance, and attributes.

All arrays are (axes, N): one row per axis, one column per pair, float64.

For covariances Sa, Sb the squared distance (Givens and Shortt 1984) is

    W2^2 = |d|^2 + shape^2,  shape^2 = tr(Sa + Sb - 2 (Sa^1/2 Sb Sa^1/2)^1/2).

With S = R diag(s)^2 R^T the last trace is the sum n of the singular values of
K = diag(sa) Ra^T Rb diag(sb). The three of a 3 x 3 matrix obey n^2 = F + 2 e and e^2 = G + 2 D n,
where F = |K|^2, G = |cof K|^2, D = |det K|, and F, G, D are sums and products of positive numbers:
no eigenvectors, no cancellation. The function n^2 - F - 2 sqrt(G + 2 D n) is convex and its slope at
the root is at least 16 n / 9, so that Newton's method from above converges quadratically always.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

NEWTON_STEPS = 5  # from within 1.17 of the root: relative errors 0.17, 0.02, 1e-4, 1e-8, 1e-16
RESOLVED = 16 * np.finfo(np.float64).eps  # of the sum of both traces: what is less is rounding


def shape_squared(scales_a: Array, rotation: Array, scales_b: Array) -> Array:
    """The part of W2^2 that two Gaussians owe to their shapes.

    Blind to the order of axes, their signs and the sign of a quaternion, because covariances are.

    Args:
        scales_a: (2 or 3, N) standard deviations in scene units, >= 0; of two, the third is zero.
        rotation: (4, N) w x y z of conj(qa) * qb, of any length but zero; see `relative_rotation`.
        scales_b: like `scales_a`; the number of axes may differ.

    Returns:
        (N,) float64, in squared scene units. What is below rounding, 3.6e-15 of tr(Sa + Sb), is 0.
        NaN where a scale is not finite, a rotation is zero, or a number is NaN.
    """
    a, b = _three(scales_a), _three(scales_b)
    unit = np.maximum(a.max(axis=0), b.max(axis=0))  # products of six scales would overflow
    unit[~np.isfinite(unit)] = np.nan
    divisor = np.where(unit == 0, 1.0, unit)
    a /= divisor
    b /= divisor
    share = np.square(_matrix(rotation))  # (3, 3, N)
    a2, b2 = np.square(a), np.square(b)
    cof_a = np.stack((a2[1] * a2[2], a2[0] * a2[2], a2[0] * a2[1]))
    cof_b = np.stack((b2[1] * b2[2], b2[0] * b2[2], b2[0] * b2[1]))
    f = _bilinear(a2, share, b2)
    g = _bilinear(cof_a, share, cof_b)
    d2 = 2.0 * (a[0] * a[1] * a[2]) * (b[0] * b[1] * b[2])
    n = np.sqrt(f + 2.0 * np.sqrt(3.0 * g))  # e <= sqrt(3 G): at or above the root
    for _ in range(NEWTON_STEPS):
        e = np.sqrt(g + d2 * n)
        slope = 2.0 * n - d2 / np.where(e > 0, e, 1.0)
        n -= (n * n - f - 2.0 * e) / np.where(slope > 0, slope, 1.0)
    traces: Array = a2.sum(axis=0) + b2.sum(axis=0)
    rest: Array = traces - 2.0 * n
    rest[rest < RESOLVED * traces] = 0.0
    rest *= unit * unit
    return rest


def relative_rotation(a: Array, b: Array) -> Array:
    """conj(a) * b of (4, N) quaternions w x y z: the rotation of b as a sees it."""
    aw, ax, ay, az = a
    bw, bx, by, bz = b
    return np.stack(
        (
            aw * bw + ax * bx + ay * by + az * bz,
            aw * bx - ax * bw - ay * bz + az * by,
            aw * by + ax * bz - ay * bw - az * bx,
            aw * bz - ax * by + ay * bx - az * bw,
        )
    )


def log_scale_difference(a: Array, b: Array) -> Array:
    """Root mean square over the axes of the differences of log-scales, largest with largest.

    Args:
        a, b: (axes, N) log-scales, the same number of axes.

    Returns:
        (N,) float64; equal infinities do not differ.
    """
    return root_mean_square(_difference(np.sort(a, axis=0), np.sort(b, axis=0)))


def root_mean_square(differences: Array) -> Array:
    """(N,) root mean square of (C, N) differences over C."""
    mean: Array = np.square(differences).mean(axis=0)
    return np.sqrt(mean)


def _difference(a: Array, b: Array) -> Array:
    with np.errstate(invalid="ignore"):
        out: Array = a - b
    out[a == b] = 0.0  # inf - inf
    return out


def _three(scales: Array) -> Array:
    out = np.zeros((3, scales.shape[1]))
    out[: len(scales)] = scales
    return out


def _matrix(quaternion: Array) -> Array:
    """(3, 3, N) rotation matrices of (4, N) quaternions of any length."""
    w, x, y, z = quaternion
    ww, xx, yy, zz = w * w, x * x, y * y, z * z
    length = ww + xx + yy + zz
    wx, wy, wz, xy, xz, yz = w * x, w * y, w * z, x * y, x * z, y * z
    rows = (
        (ww + xx - yy - zz, 2.0 * (xy - wz), 2.0 * (xz + wy)),
        (2.0 * (xy + wz), ww - xx + yy - zz, 2.0 * (yz - wx)),
        (2.0 * (xz - wy), 2.0 * (yz + wx), ww - xx - yy + zz),
    )
    out = np.empty((3, 3, len(w)))
    with np.errstate(invalid="ignore", divide="ignore"):
        for i in range(3):
            for j in range(3):
                np.divide(rows[i][j], length, out=out[i, j])
    return out


def _bilinear(a: Array, matrix: Array, b: Array) -> Array:
    """Sum over i, j of a[i] matrix[i, j] b[j], for each of N."""
    total = np.zeros(a.shape[1])
    for i in range(3):
        total += a[i] * (matrix[i, 0] * b[0] + matrix[i, 1] * b[1] + matrix[i, 2] * b[2])
    return total
