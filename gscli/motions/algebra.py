"""(3, 3) matrices and what they make of vectors, to the same bits everywhere: without BLAS."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ..kernels import quaternions

Array = npt.NDArray[Any]


def applied(linear: Array, vectors: Array) -> Array:
    """(3, ...) products of a matrix with (3, ...) vectors; each coordinate is summed in the order x, y, z.

    What is multiplied by 0 is left out, so that a coordinate that stays keeps its bits.
    """
    out = np.zeros(vectors.shape)
    for axis, factors in enumerate(linear.tolist()):
        used = [(factor, vector) for factor, vector in zip(factors, vectors, strict=True) if factor]
        for place, (factor, vector) in enumerate(used):
            term = vector if factor == 1 else factor * vector
            out[axis] = out[axis] + term if place else term
    return out


def determinant(m: Array) -> float:
    return math.fsum((m[0] * cofactors(m)[0]).tolist())


def cofactors(m: Array) -> Array:
    """(3, 3) what normals go by: the inverse transposed, times the determinant."""
    found = np.empty((3, 3))
    for i in range(3):
        for j in range(3):
            a, b, c, d = (i + 1) % 3, (i + 2) % 3, (j + 1) % 3, (j + 2) % 3
            found[i, j] = m[a, c] * m[b, d] - m[a, d] * m[b, c]
    return found


def quaternion(rotation: Array) -> Array:
    """(4,) w x y z of a (3, 3) rotation; of one that mirrors, what is left once all axes are turned round.

    An ellipsoid shows no more of it than that.
    """
    turn = (-rotation if determinant(rotation) < 0 else rotation)[..., None]
    return quaternions.of_matrices([list(row) for row in turn])[:, 0]
