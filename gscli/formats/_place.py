"""Splats and points put where a file has them below nodes: turned, scaled, stretched and moved.

A matrix that only reverses axes changes signs and nothing else. Any other turns positions, rotations and
harmonics in float64; one that stretches some directions more than others goes through covariances, whose
axes it may change. Products are added up in one order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..kernels import covariances, harmonics, quaternions
from ._rows import columns_of
from ._turn import Signs, half_turn, of_harmonics

Array = npt.NDArray[Any]

_ALIKE = 1e-6  # lengths that differ by less, and angles: what float32 matrices leave of them
FAR = 4096.0  # moved further, positions are float64: float32 would leave steps of 1/2048 and more


@dataclass(frozen=True)
class Place:
    """Where points go.

    Attributes:
        linear: (3, 3) float64. shift: (3,) float64, added afterwards.
        signs: of the axes, where all that it does is to reverse some of them and to shift; else None.
        turn: (3, 3) the rotation in it, which may mirror. scales: (3,) the lengths before it.
    """

    linear: Array
    shift: Array
    signs: Signs | None
    turn: Array
    scales: Array

    @classmethod
    def of(cls, matrix: Array, axes: Signs, name: str) -> Place:
        """What a matrix does, seen in other axes.

        Args:
            matrix: (4, 4) float64.
            axes: signs of the axes that it leads into, see `gscli.files.axes.signs`.
            name: what messages call what is placed.

        Raises:
            ValueError: splats are flattened or sheared, which makes no Gaussian.
        """
        to = np.array(axes)
        linear, shift = to[:, None] * matrix[:3, :3], to * matrix[:3, 3]
        scales = np.sqrt((linear * linear).sum(axis=0))
        if not (scales > 0).all():
            raise ValueError(f"{name} is flattened by what is above it")
        turn = linear / scales
        across = [abs(float((turn[:, i] * turn[:, j]).sum())) for i, j in ((0, 1), (0, 2), (1, 2))]
        if max(across) > 1e3 * _ALIKE:
            raise ValueError(f"{name} is sheared by what is above it")
        signs = None
        diagonal = np.sign(np.diag(linear))
        if np.abs(linear - np.diag(diagonal)).max() < _ALIKE:
            signs = (float(diagonal[0]), float(diagonal[1]), float(diagonal[2]))
        return cls(linear, shift, signs, turn, scales)

    @property
    def far(self) -> bool:
        """Whether float32 would be too coarse for positions there."""
        return bool(np.abs(self.shift).max() > FAR)

    def reversed(self, columns: Sequence[str], degree: int | None) -> list[tuple[str, float]] | None:
        """Where columns go, and their signs, if but for a shift it reverses axes and no more; else None.

        Args:
            columns: their names, of splats of an SH degree, or of points where that is None. Of normals they
                are those of all three; one alone is a number that happens to be called so.
        """
        if self.signs is None:
            return None
        to = {name: (name, sign) for name, sign in zip(fields.POSITION, self.signs, strict=True)}
        if tuple(columns) == fields.NORMAL:
            to |= {name: (name, sign) for name, sign in zip(fields.NORMAL, self.signs, strict=True)}
        if degree is not None:
            order, factors = half_turn(self.signs)
            for place, old in enumerate(order):
                to[fields.ROTATION[old]] = fields.ROTATION[place], float(factors[place])
            signs = of_harmonics(self.signs, degree).tolist()
            to |= {name: (name, sign) for name, sign in zip(fields.sh_rest(degree), signs, strict=True)}
        return [to.get(name, (name, 1.0)) for name in columns]

    def put(self, rows: Array, degree: int | None, *, normals: bool) -> None:
        """Move new rows in place, whose axes are reversed already if that and a shift is all.

        Args:
            rows: of splats of an SH degree, or of points where that is None; positions, rotations and so on
                are neighbouring columns.
            normals: whether nx, ny and nz are directions, and turn.
        """
        xyz = columns_of(rows, fields.POSITION)
        if self.signs is not None:
            if self.shift.any():
                xyz[...] += self.shift
            return
        xyz[...] = _applied(self.linear, xyz) + self.shift
        if normals:
            directions = columns_of(rows, fields.NORMAL)
            turned = _applied(self.turn / self.scales, directions)
            lengths = np.sqrt((turned * turned).sum(axis=1, keepdims=True))
            directions[...] = turned / np.where(lengths > 0, lengths, 1.0)
        if degree is not None:
            self._put_splats(rows, degree)

    def _put_splats(self, rows: Array, degree: int) -> None:
        rotations, scales = columns_of(rows, fields.ROTATION), columns_of(rows, fields.SCALE)
        turn = self.turn * np.sign(np.linalg.det(self.turn))  # a Gaussian and its mirror image are one
        if np.ptp(self.scales) <= _ALIKE * self.scales.max():
            turns = quaternions.of_matrices([[np.array([value]) for value in row] for row in turn])[:, 0]
            rotations[...] = quaternions.product(turns, rotations.astype(np.float64))
            scales[...] += np.log(self.scales.mean())
        else:
            wxyz = quaternions.unit(rotations.astype(np.float64)).T
            xx, xy, xz, yy, yz, zz = covariances.of_axes(np.exp(scales.T.astype(np.float64)), wxyz)
            rows_of = _applied(
                self.linear, np.stack([xx, xy, xz, xy, yy, yz, xz, yz, zz]).reshape(3, 3, -1).T
            )
            xx, xy, xz, yy, yz, zz = _sides(_applied(self.linear, rows_of.swapaxes(1, 2)))
            variances, found = covariances.axes(np.stack([xx, xy, xz, yy, yz, zz]))
            rotations[...] = found.T
            scales[...] = 0.5 * np.log(np.maximum(variances.T, np.finfo(np.float64).tiny))
        if degree:
            rest = columns_of(rows, fields.sh_rest(degree))
            rest[...] = harmonics.turned(rest.T, harmonics.turns(self.turn, degree)).T


def _applied(matrix: Array, vectors: Array) -> Array:
    """(..., 3) float64: a matrix times vectors."""
    x, y, z = np.moveaxis(vectors.astype(np.float64), -1, 0)
    return np.stack([row[0] * x + row[1] * y + row[2] * z for row in matrix], axis=-1)


def _sides(symmetric: Array) -> tuple[Array, ...]:
    """xx, xy, xz, yy, yz and zz of (N, 3, 3)."""
    return tuple(symmetric[:, i, j] for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)))
