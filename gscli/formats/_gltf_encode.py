"""A cloud as the attributes of a glTF primitive: which columns each holds, and the bytes of some rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud
from ..containers.gltf import TYPES
from ..errors import GscliError
from . import _gltf_colours, _rows
from ._gltf_attributes import MOST, OPACITY, ROTATION, SCALE, coefficient, harmonics, rest
from ._rows import RGB
from ._turn import Signs, half_turn, of_harmonics, put_signed

Array = npt.NDArray[Any]
Made = Mapping[str, Array]  # what attributes before it have of the same rows
Encode = Callable[[GaussianCloud, int, Made], Array]  # of a block of rows, the first of which has a number

_UNIT = 5e-3  # normals that are longer or shorter by more are none to glTF
_NEARLY_UNIT = 2.0**-22  # what float32 leaves of lengths of one
_EXACT_INTEGER = 2**24  # a float32 holds every integer up to here
_COMPONENTS = {kind: code for code, kind in TYPES.items()}
_AS = {"b1": "<u1", "u1": "<u1", "i1": "<i1", "u2": "<u2", "i2": "<i2"}  # attributes of one's own; else float


@dataclass(frozen=True)
class Attribute:
    """An attribute as it is written.

    Attributes:
        name: its semantic. kind: the type of its numbers. width: how many a row has.
        encode: makes (rows, width) of them.
        normalized: whether integers stand for 0 to 1.
    """

    name: str
    kind: str
    width: int
    encode: Encode
    normalized: bool = False

    @property
    def step(self) -> int:
        """Bytes from row to row: a multiple of four."""
        return -(-self.width * np.dtype(self.kind).itemsize // 4) * 4

    def padded(self, values: Array) -> Array:
        """What the file holds of (rows, width) numbers, as its bytes are to be."""
        if self.step == self.width * np.dtype(self.kind).itemsize:
            return values.astype(self.kind, order="C", copy=False)
        out = np.zeros((len(values), self.step // np.dtype(self.kind).itemsize), self.kind)
        out[:, : self.width] = values
        return out

    def accessor(self, view: int, count: int) -> dict[str, Any]:
        """As the JSON has it."""
        kind = "SCALAR" if self.width == 1 else f"VEC{self.width}"
        about = {"bufferView": view, "componentType": _COMPONENTS[self.kind], "count": count, "type": kind}
        return about | ({"normalized": True} if self.normalized else {})


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


def coloured(cloud: GaussianCloud) -> tuple[str, ...]:
    """The columns of points that COLOR_0 holds alone, being bytes."""
    bytes_of = [
        name for name in (*RGB, "alpha") if name in cloud.fields and cloud.rows.dtype[name] == np.uint8
    ]
    return tuple(bytes_of) if set(RGB) <= set(bytes_of) else ()


def own_of(cloud: GaussianCloud) -> list[str]:
    """The columns that are attributes of their own."""
    taken = {*fields.POSITION, *normals_of(cloud)}
    if is_splats(cloud):
        taken |= {*_rows.splat_names(fields.sh_degree(cloud.fields) or 0)}
        taken |= {*RGB} if _rows.is_coloured(cloud.fields) else set()
    else:
        taken |= {*coloured(cloud)}
    return [
        name
        for name in cloud.fields
        if name not in taken
        and name
        and _rows.is_text(name)
        and cloud.rows.dtype[name].str[1] in "biuf"  # no several numbers, nor complex ones
    ]


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


def attributes_of(cloud: GaussianCloud, signs: Signs) -> list[Attribute]:
    """What is written of a cloud, positions first, in axes that are reversed by signs."""
    out = [Attribute("POSITION", "<f4", 3, _floats(fields.POSITION, signs))]
    if normals := normals_of(cloud):
        out.append(Attribute("NORMAL", "<f4", 3, _floats(normals, signs)))
    if is_splats(cloud):
        held = fields.sh_degree(cloud.fields) or 0
        degree = min(held, MOST)
        turned = of_harmonics(signs, degree)
        out += [
            Attribute(ROTATION, "<f4", 4, partial(_rotations, signs)),
            Attribute(SCALE, "<f4", 3, _lengths),
            Attribute(OPACITY, "<f4", 1, _opacities),
            Attribute(coefficient(0, 0), "<f4", 3, _diffuse),
            Attribute("COLOR_0", "<u1", 4, _shown, normalized=True),
        ]
        for name, place in harmonics(degree):
            sign = float(turned[place])
            out.append(Attribute(name, "<f4", 3, _floats(rest(held, place), (sign, sign, sign))))
    elif _rows.is_coloured(cloud.fields):
        own = coloured(cloud)
        shown = [name for name in (*RGB, "alpha") if name in (own or RGB)]
        out.append(Attribute("COLOR_0", "<u2", len(shown), partial(_colours, shown), normalized=True))
    for name in own_of(cloud):
        kind = _AS.get(cloud.rows.dtype[name].str[1:], "<f4")
        out.append(
            Attribute(f"_{name}", kind, 1, _floats((name,)) if kind == "<f4" else partial(_bytes, name))
        )
    return out


def _floats(names: Sequence[str], signs: Sequence[float] | None = None) -> Encode:
    """What makes float32 of columns, refusing what is not finite by its row."""

    def encode(cloud: GaussianCloud, first: int, made: Made) -> Array:
        out = np.empty((len(cloud), len(names)), np.float32)
        with np.errstate(all="ignore"):
            for place, name in enumerate(names):
                put_signed(cloud.rows[name], 1.0 if signs is None else signs[place], out[:, place])
        return _finite(out, cloud, names, first)

    return encode


def _finite(values: Array, cloud: GaussianCloud, names: Sequence[str], first: int) -> Array:
    """Values that come of columns, each of one.

    Raises:
        GscliError: one is not finite, which no number of glTF may be.
    """
    with np.errstate(all="ignore"):
        if np.isfinite(values.sum()):  # nothing is lost in a sum that is
            return values
    finite = np.isfinite(values)
    if not finite.all():
        row, column = (int(place[0]) for place in np.nonzero(~finite))
        what = f"row {first + row} has {names[column]} = {cloud.rows[names[column]][row]}"
        raise GscliError(f"{what}, which glTF cannot hold", remedy="write .ply, or drop such rows first")
    return values


def _bytes(name: str, cloud: GaussianCloud, first: int, made: Made) -> Array:
    return cloud.rows[name][:, None]


def _lengths(cloud: GaussianCloud, first: int, made: Made) -> Array:
    out = np.empty((len(cloud), 3), np.float32)
    with np.errstate(all="ignore"):
        out.T[...] = np.exp(cloud.columns(fields.SCALE), dtype=np.float64)
    return _finite(out, cloud, fields.SCALE, first)


def _opacities(cloud: GaussianCloud, first: int, made: Made) -> Array:
    logits = cloud.columns((fields.OPACITY,)).T
    return _finite(fields.sigmoid(logits).astype(np.float32), cloud, (fields.OPACITY,), first)


def _rotations(signs: Signs, cloud: GaussianCloud, first: int, made: Made) -> Array:
    """Components x y z w of length one; those that are, to within what float32 leaves, keep their bits."""
    stored = cloud.columns(fields.ROTATION)
    _finite(stored.T, cloud, fields.ROTATION, first)
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


def _diffuse(cloud: GaussianCloud, first: int, made: Made) -> Array:
    if _rows.is_coloured(cloud.fields):
        return _rows.planes(cloud, fields.SH_DC, first=first).astype(np.float32)
    return _floats(fields.SH_DC)(cloud, first, made)


def _shown(cloud: GaussianCloud, first: int, made: Made) -> Array:
    """The colour and opacity of splats where they are shown as points."""
    out = np.empty((len(cloud), 4), np.uint8)
    with np.errstate(all="ignore"):
        out[:, :3] = _gltf_colours.to_bytes(
            np.float32(0.5) + np.float32(fields.SH_C0) * made[coefficient(0, 0)]
        )
        out[:, 3] = np.rint(np.float32(255.0) * made[OPACITY][:, 0])
    return out


def _colours(names: Sequence[str], cloud: GaussianCloud, first: int, made: Made) -> Array:
    """Colours of points, and alpha, in 16 bits of linear light."""
    out = np.empty((len(cloud), len(names)), np.uint16)
    for place, name in enumerate(names):
        values = cloud.rows[name]
        if values.dtype != np.uint8:
            full = np.iinfo(values.dtype).max if values.dtype.kind in "iu" else 1.0
            values = _rows.to_bytes(255.0 * np.nan_to_num(values.astype(np.float64) / full))
        out[:, place] = values.astype(np.uint16) * 257 if name == "alpha" else _gltf_colours.to_linear(values)
    return out
