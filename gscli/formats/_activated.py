"""Columns as formats have them that store what values mean: lengths, opacities, unit quaternions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud
from ..errors import GscliError, InputError
from ..kernels.columns import put_signed
from . import _rows
from ._turn import Signs, half_turn

Array = npt.NDArray[Any]
Made = Mapping[str, Array]  # what attributes before it have of the same rows
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

    def encode(cloud: GaussianCloud, first: int, made: Made) -> Array:
        out = np.empty((len(cloud), len(names)), np.float32)
        with np.errstate(all="ignore"):
            for place, name in enumerate(names):
                put_signed(cloud.rows[name], 1.0 if signs is None else signs[place], out[:, place])
        return finite(out, cloud, names, first)

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
        what = f"row {first + row} has {names[column]} = {cloud.rows[names[column]][row]}"
        raise GscliError(
            f"{what}, which this format cannot hold", remedy="write .ply, or drop such rows first"
        )
    return values


def lengths(cloud: GaussianCloud, first: int, made: Made) -> Array:
    """(n, 3) float32: scales as lengths."""
    out = np.empty((len(cloud), 3), np.float32)
    with np.errstate(all="ignore"):
        out.T[...] = np.exp(cloud.columns(fields.SCALE), dtype=np.float64)
    return finite(out, cloud, fields.SCALE, first)


def opacities(cloud: GaussianCloud, first: int, made: Made) -> Array:
    """(n, 1) float32: opacities from 0 to 1."""
    logits = cloud.columns((fields.OPACITY,)).T
    return finite(fields.sigmoid(logits).astype(np.float32), cloud, (fields.OPACITY,), first)


def rotations(signs: Signs, cloud: GaussianCloud, first: int, made: Made) -> Array:
    """Components x y z w of length one; those that are, to within what float32 leaves, keep their bits."""
    stored = cloud.columns(fields.ROTATION)
    finite(stored.T, cloud, fields.ROTATION, first)
    lengths = np.sqrt(sum(plane * plane for plane in stored.astype(np.float64)))
    lengths[np.abs(lengths - 1.0) < _NEARLY_UNIT] = 1.0
    missing = lengths == 0
    units = (stored / np.where(missing, 1.0, lengths)).astype(np.float32)
    units[0][missing] = 1.0  # as everywhere, no rotation
    order, factors = half_turn(signs)
    out = np.empty((len(cloud), 4), np.float32)
    for place, component in enumerate((1, 2, 3, 0)):
        back = order.index(component)  # the inverse of what is read
        put_signed(units[back], factors[back], out[:, place])
    return out


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
