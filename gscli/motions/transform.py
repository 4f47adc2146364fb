"""A 4x4 transformation of a scene: of its positions, and of its Gaussians where that is possible."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import files
from ..containers.bytes import MAX_JSON, parsed, read_small
from ..device import to_numpy
from ..errors import InputError, UsageError
from ..kernels import parallel
from .algebra import quaternion
from .motion import Motion

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Similarity:
    """A rotation (or a rotation with a reflection), a uniform scale and a shift.

    Attributes:
        scale: factor of every length.
        rotation: (4,) quaternion w x y z. Of a reflection it is the rotation left when all axes are
            turned round, which covariances do not notice.
    """

    scale: float
    rotation: Array


@dataclass(frozen=True)
class Transform:
    """x -> matrix @ (x, 1).

    Attributes:
        matrix: (4, 4) float64 whose last row is 0 0 0 1.
        path: where it was read from.
    """

    matrix: Array
    path: str | None = None

    def __post_init__(self) -> None:
        if self.matrix.shape != (4, 4) or not np.isfinite(self.matrix).all():
            raise InputError("is no 4x4 matrix of finite numbers", path=self.path)
        if (self.matrix[3] != (0, 0, 0, 1)).any():
            raise InputError(
                "is no affine transformation: its last row is not 0 0 0 1",
                path=self.path,
                remedy="write it row by row, the shift in the last column",
            )

    @classmethod
    def of(cls, transform: str | os.PathLike[str] | npt.ArrayLike) -> Transform:
        """That of a (4, 4) matrix, or of a JSON file of one.

        Raises:
            InputError: a file that is unreadable, no JSON, or holds no such matrix.
            UsageError: neither a path nor such a matrix.
        """
        if isinstance(transform, (str, os.PathLike)):
            return read(transform)
        matrix = np.asarray(to_numpy(transform))
        if matrix.dtype.kind not in "iuf":
            raise UsageError(f"`transform` is no 4x4 matrix of finite numbers, but of {matrix.dtype}")
        try:
            return cls(matrix.astype(np.float64))
        except InputError as error:
            raise UsageError(f"`transform` {error.what}", remedy=error.remedy) from None

    def apply(self, xyz: Array) -> Array:
        """(N, 3) float64 of (N, 3) positions; each coordinate is summed in the order x, y, z, shift."""
        out = np.empty((len(xyz), 3))
        with np.errstate(over="ignore", invalid="ignore"):  # the search refuses what comes of it
            for axis, (a, b, c, shift) in enumerate(self.matrix[:3]):
                for part in parallel.blocks(len(xyz)):
                    x, y, z = xyz[part].T
                    out[part, axis] = ((a * x + b * y) + c * z) + shift
        return out

    def similarity(self) -> Similarity | None:
        """Rotation and scale, or None where lengths change with direction or vanish."""
        found = Motion.of_matrix(self.matrix).similarity
        return None if found is None else Similarity(found[0], quaternion(found[1]))

    def require_similarity(self) -> Similarity:
        """Rotation and scale.

        Raises:
            UsageError: lengths change with direction or vanish.
        """
        found = self.similarity()
        if found is None:
            raise UsageError(
                "stretches some directions more than others, which rotations and scales cannot follow",
                path=self.path,
                remedy="add `gaussians=False` to compare centres alone",
            )
        return found


def read(path: str | os.PathLike[str]) -> Transform:
    """Read a 4x4 matrix from JSON: four rows of four numbers.

    Raises:
        InputError: unreadable, no JSON, or no such matrix.
    """
    with files.rereadable(path) as readable:
        text = read_small(readable, MAX_JSON, name=files.display(path))
    try:
        rows = parsed(text, parse_int=float)
        if not all(isinstance(entry, float) for row in rows for entry in row):
            raise ValueError("NumPy would make numbers of strings and truth values")
        matrix = np.array(rows, np.float64)
    except (ValueError, TypeError):
        raise InputError(
            "is no JSON of a 4x4 matrix", path=path, remedy="write four rows of four numbers"
        ) from None
    return Transform(matrix, os.fspath(path))
