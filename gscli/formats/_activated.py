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
from ..kernels.columns import put_signed, spread
from . import _rows
from ._turn import Signs, half_turn

Array = npt.NDArray[Any]
Made = Mapping[str, Array]  # of the same rows what attributes before it have, and some columns as they are
Encode = Callable[[GaussianCloud, int, Made], Array]  # of a block of rows, the first of which has a number

QUATERNION = (*fields.ROTATION[1:], fields.ROTATION[0])  # x y z w
FLOAT_ENDS = 2.0**-151, 1 - 2.0**-26  # 0 and 1 in float32, with finite logits
_UNIT = 5e-3  # normals that are longer or shorter by more are none
_NEARLY_UNIT = 2.0**-22  # what float32 leaves of lengths of one
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
    out = np.empty((len(cloud), 3), np.float32)
    with np.errstate(all="ignore"):
        for place, plane in enumerate(_planes(cloud, fields.SCALE, made)):
            out[:, place] = np.exp(plane, dtype=np.float64)
    return finite(out, cloud, fields.SCALE, first)


def opacities(cloud: GaussianCloud, first: int, made: Made) -> Array:
    """(n, 1) float32: opacities from 0 to 1."""
    (logits,) = _planes(cloud, (fields.OPACITY,), made)
    alpha = fields.sigmoid(logits).astype(np.float32)[:, None]
    return finite(alpha, cloud, (fields.OPACITY,), first)


def rotations(signs: Signs, cloud: GaussianCloud, first: int, made: Made) -> Array:
    """Components x y z w of length one; those that are, to within what float32 leaves, keep their bits."""
    stored = _planes(cloud, fields.ROTATION, made)
    with np.errstate(all="ignore"):
        lengths = np.sqrt(sum(np.square(plane, dtype=np.float64) for plane in stored))
        if lengths.size and not lengths.max() <= _rows.LARGEST:  # NaN is not
            finite(np.stack(stored, axis=1).astype(np.float32), cloud, fields.ROTATION, first)
    lengths[np.abs(lengths - 1.0) < _NEARLY_UNIT] = 1.0
    missing = lengths == 0
    lengths[missing] = 1.0
    units = [(plane / lengths).astype(np.float32) for plane in stored]
    units[0][missing] = 1.0  # as everywhere, no rotation
    order, factors = half_turn(signs)
    out = np.empty((len(cloud), 4), np.float32)
    for place, component in enumerate((1, 2, 3, 0)):
        back = order.index(component)  # the inverse of what is read
        put_signed(units[back], factors[back], out[:, place])
    return out


def _planes(cloud: GaussianCloud, names: Sequence[str], made: Made) -> list[Array]:
    """Columns as native floats, each in one piece: those that are made already, if all of them are."""
    return [made[name] for name in names] if set(names) <= made.keys() else [*cloud.columns(names)]


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
    return np.log(np.maximum(lengths, low, dtype=np.float64))


def logits(path: Path, opacities: Array, low: float = FLOAT_ENDS[0], high: float = FLOAT_ENDS[1]) -> Array:
    """Logits of opacities, those beyond `low` and `high` as theirs.

    Raises:
        InputError: one is beyond 0 to 1 or no number.
    """
    if not ((opacities >= 0) & (opacities <= 1)).all():
        raise InputError("has opacities beyond 0 to 1, where the format has none", path=path)
    return fields.logit(np.clip(opacities.astype(np.float64), low, high))
