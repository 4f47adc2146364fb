"""Spherical harmonics of turned and mirrored scenes: real rotation matrices, degree by degree.

Harmonics are real, of degrees 1 to 4, in the order and with the signs of Kerbl et al. (2023): -y, z, -x and
so on. A turn mixes those of one degree by an orthogonal matrix (Wigner's, for real harmonics), which is found
from that of degree 1 by recursion: Ivanic and Ruedenberg, J. Phys. Chem. 1996, 100, 6342, corrected in 1998,
102, 9099. Only sums, products and square roots: the same bits on every machine.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Rows = list[list[float]]  # of a matrix whose indices run from -degree to degree

MOST = 4  # degrees


def turns(rotation: Array, degree: int) -> list[Array]:
    """What turns the coefficients of each degree with the scene that they are of.

    Args:
        rotation: (3, 3) float64, orthogonal; it may mirror.
        degree: the highest, 0 to `MOST`.

    Returns:
        For degrees 1 to `degree` the orthogonal (2 l + 1, 2 l + 1) float64 that the coefficients of that
        degree, a column of them, are multiplied by: what was seen along d is seen along rotation @ d.

    Raises:
        ValueError: a degree out of range.
    """
    if not 0 <= degree <= MOST:
        raise ValueError(f"harmonics of degree {degree}")
    axes = (1, 2, 0)  # of the harmonics of degree 1
    first = [[float(rotation[i, j]) for j in axes] for i in axes]
    found = [first][:degree]
    while len(found) < degree:
        found.append(_next(first, found[-1]))
    signed = []
    for order, rows in enumerate(found, 1):
        sign = np.where(np.arange(-order, order + 1) % 2, -1.0, 1.0)
        signed.append(sign[:, None] * np.array(rows) * sign)
    return signed


def turned(planes: Array, by: list[Array]) -> Array:
    """The coefficients of harmonics that are multiplied degree by degree.

    Args:
        planes: (channels K, N) float32 or float64, channel by channel, each from degree 1 on; K is
            (L + 1)^2 - 1.
        by: L matrices, as of `turns`.

    Returns:
        (channels K, N) float64. Products are added in the order of the coefficients.
    """
    width = (len(by) + 1) ** 2 - 1
    out = np.zeros((len(planes), planes.shape[1]))
    product = np.empty(planes.shape[1])
    for channel in range(0, len(planes), width) if width else ():
        for order, matrix in enumerate(by, 1):
            first = channel + order * order - 1
            for row, factors in zip(out[first:], matrix, strict=False):
                for plane, factor in zip(planes[first:], factors.tolist(), strict=False):
                    if factor:  # 0 of a turn about an axis, where it spares most products
                        np.multiply(plane, factor, out=product, dtype=np.float64)
                        row += product
    return out


def _next(first: Rows, last: Rows) -> Rows:
    """The matrix of the next degree, from that of degree 1 and the last one's."""
    l = len(last) // 2 + 1  # noqa: E741  as the degree is called

    def p(i: int, a: int, b: int) -> float:
        r, row = first[i + 1], last[a + l - 1]
        if b == l:
            return r[2] * row[-1] - r[0] * row[0]
        if b == -l:
            return r[2] * row[0] + r[0] * row[-1]
        return r[1] * row[b + l - 1]

    def entry(m: int, n: int) -> float:
        below = (2 * l) * (2 * l - 1) if abs(n) == l else (l + n) * (l - n)
        size, total = abs(m), 0.0
        if size < l:  # u
            total += sqrt((l + m) * (l - m) / below) * p(0, m, n)
        v = sqrt((1 + (m == 0)) * (l + size - 1) * (l + size) / below) * (1 - 2 * (m == 0)) / 2
        if m == 0:
            total += v * (p(1, 1, n) + p(-1, -1, n))
        elif m > 0:
            total += v * (p(1, 0, n) * sqrt(2.0) if m == 1 else p(1, m - 1, n) - p(-1, 1 - m, n))
        else:
            total += v * (p(-1, 0, n) * sqrt(2.0) if m == -1 else p(1, m + 1, n) + p(-1, -m - 1, n))
        if m and size < l - 1:  # w
            w = -sqrt((l - size - 1) * (l - size) / below) / 2
            side = 1 if m > 0 else -1
            total += w * (p(1, m + side, n) + side * p(-1, -m - side, n))
        return total

    return [[entry(m, n) for n in range(-l, l + 1)] for m in range(-l, l + 1)]
