"""Motions of a scene: turned, mirrored, scaled and shifted, and what becomes of the columns of its rows."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..errors import InputError, UsageError
from ..kernels import elementary, harmonics, quaternions
from ..kernels.columns import gather
from ..splats import DENSITY
from .algebra import applied, cofactors, quaternion

Array = npt.NDArray[Any]

TOLERANCE = 1e-5  # of a rotation's entries: poses are often stored as float32 or printed to six digits
_DIGITS = 15  # of sines and cosines, in whose last one machines differ


@dataclass(frozen=True)
class Motion:
    """x -> linear @ x + shift.

    Attributes:
        linear: (3, 3) float64. shift: (3,) float64, in scene units.
    """

    linear: Array
    shift: Array

    @classmethod
    def turn(cls, degrees: tuple[float, float, float]) -> Motion:
        """About the x axis, then about y, then about z, each counter-clockwise as seen from its tip."""
        linear = np.eye(3)
        for axis, angle in enumerate(degrees):
            sine, cosine = (
                round(of(math.radians(math.fmod(angle, 360))), _DIGITS) for of in (math.sin, math.cos)
            )
            i, j = (axis + 1) % 3, (axis + 2) % 3
            about = np.eye(3)
            about[i, i] = about[j, j] = cosine
            about[i, j], about[j, i] = -sine, sine
            linear = applied(about, linear)
        return cls(linear, np.zeros(3))

    @classmethod
    def least_turn(cls, one: tuple[int, int, int], other: tuple[int, int, int]) -> Motion:
        """The one that brings one axis, either way along it, where another is by the smallest angle.

        Where that is 180 degrees it is about x, or about y where the axis is x itself.
        """
        a, b = np.array(one, np.float64), np.array(other, np.float64)
        if (a == b).all():
            return cls(np.eye(3), np.zeros(3))
        if (a == -b).all():
            about = 1 if one[0] else 0
            return cls(np.diag([1.0 if axis == about else -1.0 for axis in range(3)]), np.zeros(3))
        c = np.cross(a, b)
        columns = np.outer(b, a) - np.outer(a, b) + np.outer(c, c)  # a to b, b to -a, c to itself
        return cls(columns + 0.0, np.zeros(3))

    @classmethod
    def scaling(cls, factor: float) -> Motion:
        """All lengths from the origin times a positive factor."""
        return cls(np.eye(3) * factor, np.zeros(3))

    @classmethod
    def shifting(cls, shift: tuple[float, float, float]) -> Motion:
        return cls(np.eye(3), np.array(shift, np.float64))

    @classmethod
    def of_matrix(cls, matrix: Array) -> Motion:
        """That of a (4, 4) matrix whose last row is 0 0 0 1."""
        return cls(matrix[:3, :3].astype(np.float64), matrix[:3, 3].astype(np.float64))

    def then(self, other: Motion) -> Motion:
        """Both in one: this one first."""
        return Motion(applied(other.linear, self.linear), applied(other.linear, self.shift) + other.shift)

    @cached_property
    def similarity(self) -> tuple[float, Array] | None:
        """The factor of all lengths, and the (3, 3) rotation, which may mirror, orthogonal to the last bits.

        None where lengths change with direction, vanish, or become more than a float holds.
        """
        _, power = math.frexp(np.abs(self.linear).max())
        linear = np.ldexp(self.linear, -power)  # exactly as much, and its squares are numbers
        scale = math.sqrt(math.fsum((linear * linear).ravel().tolist()) / 3)
        if not 0 < scale < math.inf or power + math.frexp(scale)[1] > sys.float_info.max_exp:
            return None
        rotation = linear / scale
        if np.abs(applied(rotation.T, rotation) - np.eye(3)).max() > TOLERANCE:
            return None
        for _ in range(2):  # of Newton's to the orthogonal matrix nearest to it
            rotation = applied(rotation, 1.5 * np.eye(3) - 0.5 * applied(rotation.T, rotation))
        return math.ldexp(scale, power), rotation

    @property
    def turns(self) -> bool:
        """Whether any direction changes."""
        found = self.similarity
        return found is None or not np.array_equal(found[1], np.eye(3))

    def require(self, names: tuple[str, ...]) -> None:
        """Refuse a motion that rows with columns of these names cannot follow.

        Raises:
            UsageError: Gaussians that would be stretched, or X-rays scaled.
            InputError: no positions, or harmonics of no degree.
        """
        if not set(fields.POSITION) <= set(names):
            raise InputError("has no x, y and z to be moved", remedy="give a scene of points")
        if not directed(names):
            return
        if self.similarity is None:
            raise UsageError(
                "stretches some directions more than others, which Gaussians and their colours cannot follow",
                remedy="give a rotation, one scale and a shift",
            )
        if DENSITY in names and self.similarity[0] != 1:
            raise UsageError(
                "scales X-ray Gaussians, whose densities are by unit of length", remedy="leave the scale out"
            )
        if self.turns and set(fields.SH_DC) <= set(names) and fields.sh_degree(names) is None:
            raise InputError(f"has harmonics of no degree from 0 to {fields.MAX_SH_DEGREE} to be turned")

    def move(self, rows: Array) -> None:
        """Move rows in place: positions, normals, rotations, scales and harmonics, whichever there are.

        Args:
            rows: (N,) structured and writable, of columns that `require` lets pass. What a motion does not
                change keeps its bytes; everything is calculated in float64 and rounded once.

        Raises:
            InputError: positions that would be beyond what their columns hold, or are stored as integers.
        """
        if not len(rows):
            return
        names = rows.dtype.names or ()
        self._place(rows)
        if self.turns and set(fields.NORMAL) <= set(names):
            self._normals(rows)
        if self.similarity is None or not directed(names):
            return
        scale, rotation = self.similarity
        if scale != 1:
            grown = float(elementary.log(scale))
            for name, plane in zip(fields.SCALE, _planes(rows, fields.scale_names(names)), strict=False):
                _put(rows, (name,), (plane + grown)[None])
        if not self.turns:
            return
        if set(fields.ROTATION) <= set(names):
            by = quaternion(rotation)
            _put(rows, fields.ROTATION, quaternions.product(by, _planes(rows, fields.ROTATION).T).T)
        if degree := fields.sh_degree(names):
            rest = fields.sh_rest(degree)
            _put(rows, rest, harmonics.turned(_planes(rows, rest), harmonics.turns(rotation, degree)))

    def _place(self, rows: Array) -> None:
        whole = [name for name in fields.POSITION if rows.dtype[name].kind != "f"]
        if whole:
            raise InputError(
                f"stores {whole[0]} as {rows.dtype[whole[0]]}, which holds no moved points",
                remedy="have positions in float32 written by what it comes from",
            )
        before = _planes(rows, fields.POSITION)
        with np.errstate(over="ignore", invalid="ignore"):
            after = applied(self.linear, before)
            for plane, shift in zip(after, self.shift.tolist(), strict=True):
                if shift:
                    plane += shift
        _put(rows, fields.POSITION, after)
        lost = np.isfinite(before).all(0) & ~np.isfinite(_planes(rows, fields.POSITION)).all(0)
        if lost.any():
            raise InputError(f"moves points beyond what {rows.dtype['x']} holds", remedy="move it less far")

    def _normals(self, rows: Array) -> None:
        """Turn normals, which stay as long as they are; those of length 0 keep their bytes."""
        before = _planes(rows, fields.NORMAL)
        linear = self.similarity[1] if self.similarity is not None else cofactors(self.linear)
        with np.errstate(all="ignore"):
            after = applied(linear, before)
            if self.similarity is None:
                long = np.sqrt((before * before).sum(0)) / np.sqrt((after * after).sum(0))
                after = after * long
        some = (before != 0).any(0)
        _put(rows, fields.NORMAL, np.where(some, after, before))


def directed(names: tuple[str, ...]) -> bool:
    """Whether rows have more than positions and normals that a motion has to change."""
    told = {*fields.ROTATION, *fields.SCALE, *fields.SH_DC}
    return bool(told & set(names))


def _planes(rows: Array, names: tuple[str, ...]) -> Array:
    """(len(names), N) float64."""
    out = np.empty((len(names), len(rows)))
    gather(rows, names, out)
    return out


def _put(rows: Array, names: tuple[str, ...], planes: Array) -> None:
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for name, plane in zip(names, planes, strict=True):
            rows[name] = plane
