"""Columns as formats have them that store what values mean: lengths, opacities, unit quaternions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud
from ..errors import InputError
from ..kernels import activations
from ..kernels.columns import spread
from . import _rows
from ._turn import Signs, half_turn

Array = npt.NDArray[Any]
Made = Mapping[str, Array]  # what attributes before it have, and columns by the first of several
Encode = Callable[[GaussianCloud, int, Made], Array]  # of a block of rows, the first of which has a number

QUATERNION = (*fields.ROTATION[1:], fields.ROTATION[0])  # x y z w
FLOAT_ENDS = 2.0**-151, 1 - 2.0**-26  # 0 and 1 in float32, with finite logits
_UNIT = 5e-3  # normals that are longer or shorter by more are none
_EXACT_INTEGER = 2**24  # a float32 holds every integer up to here


def is_splats(cloud: GaussianCloud) -> bool:
    """Whether it has what every splat has; all else is written as points with attributes of their own."""
    names = cloud.fields
    complete = set(_rows.needed(names)) <= set(names)
    return complete and (fields.sh_degree(names) is not None or _rows.is_coloured(names))


def normals_of(cloud: GaussianCloud) -> tuple[str, ...]:
    """The columns of NORMAL: those of normals, where all are of length one as glTF has it."""
    there = [name for name in fields.NORMAL if name in cloud.fields and cloud.rows.dtype[name].kind == "f"]
    if len(there) < 3:
        return ()
    for _, block in cloud.column_blocks(fields.NORMAL):
        with np.errstate(all="ignore"):
            lengths = np.sqrt((block.astype(np.float64) ** 2).sum(axis=0))
        if not (np.abs(lengths - 1.0) <= _UNIT).all():
            return ()
    return fields.NORMAL


def exact(cloud: GaussianCloud, name: str) -> bool:
    """Whether float32, or the integer that is written, holds every value of a column."""
    kind = cloud.rows.dtype[name]
    if np.can_cast(kind, np.float32, "safe"):
        return True
    for _, block in cloud.blocks():
        with np.errstate(all="ignore"):
            values = block[name].astype(np.float32)
            if not ((values == block[name]) | (values != values)).all():
                return False
            if kind.kind in "iu" and len(block) and np.abs(values).max() > _EXACT_INTEGER:
                return False
    return True


def floats(names: Sequence[str], signs: Sequence[float] | None = None) -> Encode:
    """What makes float32 of columns, refusing what is not finite by its row."""
    signed = list(zip(names, signs or [1.0] * len(names), strict=True))

    def encode(cloud: GaussianCloud, first: int, made: Made) -> Array:
        (out,), clean = spread(cloud.rows, [signed])
        return out if clean else finite(out, cloud, names, first)

    return encode


def finite(values: Array, cloud: GaussianCloud, names: Sequence[str], first: int) -> Array:
    """Values that come of columns, each of one.

    Raises:
        GscliError: one is not finite, which numbers of such formats may not be.
    """
    with np.errstate(all="ignore"):
        if np.isfinite(values.sum()):  # nothing is lost in a sum that is
            return values
    finite = np.isfinite(values)
    if not finite.all():
        row, column = (int(place[0]) for place in np.nonzero(~finite))
        raise _rows.not_held(first + row, names[column], cloud.rows[names[column]][row])
    return values


def lengths(cloud: GaussianCloud, first: int, made: Made) -> Array:
    """(n, 3) float32: scales as lengths."""
    return finite(activations.exp(_table(cloud, fields.SCALE, made)), cloud, fields.SCALE, first)


def opacities(cloud: GaussianCloud, first: int, made: Made) -> Array:
    """(n, 1) float32: opacities from 0 to 1."""
    alpha = activations.sigmoid(_table(cloud, (fields.OPACITY,), made))
    return finite(alpha, cloud, (fields.OPACITY,), first)


def rotations(signs: Signs, cloud: GaussianCloud, first: int, made: Made) -> Array:
    """Components x y z w of length one; those that are, to within what float32 leaves, keep their bits."""
    order, factors = half_turn(signs)
    back = [order.index(component) for component in (1, 2, 3, 0)]  # the inverse of what is read
    stored = _table(cloud, fields.ROTATION, made)
    out, clean = activations.unit(stored, back, factors[back])
    if not clean:
        with np.errstate(all="ignore"):
            finite(stored.astype(np.float32), cloud, fields.ROTATION, first)
    return out


def _table(cloud: GaussianCloud, names: Sequence[str], made: Made) -> Array:
    """(n, len(names)) native floats of columns, in one piece: what is made of them already, if it is."""
    return made[names[0]] if names[0] in made else np.ascontiguousarray(cloud.columns(names).T)


def diffuse(cloud: GaussianCloud, first: int, made: Made) -> Array:
    """(n, 3) float32: the first harmonic, of colours where points have these."""
    if _rows.is_coloured(cloud.fields):
        return _rows.planes(cloud, fields.SH_DC, first=first).astype(np.float32)
    return floats(fields.SH_DC)(cloud, first, made)


def logarithms(path: Path, lengths: Array, low: float = FLOAT_ENDS[0]) -> Array:
    """Scales of lengths, zero as what `low` is.

    Raises:
        InputError: one is below zero or no number.
    """
    if not (lengths >= 0).all():  # NaN fails too
        what = "has scales below zero or that are no numbers, where the format has lengths"
        raise InputError(what, path=path, remedy="its writer may have stored logarithms, as PLY has them")
    return activations.log(lengths, low)


def logits(path: Path, opacities: Array, low: float = FLOAT_ENDS[0], high: float = FLOAT_ENDS[1]) -> Array:
    """Logits of opacities, those beyond `low` and `high` as theirs.

    Raises:
        InputError: one is beyond 0 to 1 or no number.
    """
    if not ((opacities >= 0) & (opacities <= 1)).all():
        raise InputError("has opacities beyond 0 to 1, where the format has none", path=path)
    return activations.logit(opacities, low, high)
