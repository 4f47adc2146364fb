"""A cloud as the attributes of a glTF primitive: which columns each holds, and the bytes of some rows.

One module: what an attribute is made of is told where the attribute is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud
from ..containers.gltf import TYPES
from ..kernels.columns import spreader
from . import _gltf_colours, _rows
from ._activated import Encode, Made, diffuse, finite, is_splats, lengths, normals_of, opacities, rotations
from ._gltf_attributes import MOST, OPACITY, ROTATION, SCALE, coefficient, harmonics, rest
from ._turn import Signs, of_harmonics

Array = npt.NDArray[Any]

_COMPONENTS = {kind: code for code, kind in TYPES.items()}
_ACTIVATED = fields.ROTATION, fields.SCALE, (fields.OPACITY,)  # what attributes hold as what it means
_FLOAT = np.dtype(np.float32)
_AS = {"b1": "<u1", "u1": "<u1", "i1": "<i1", "u2": "<u2", "i2": "<i2"}  # attributes of one's own; else float


@dataclass(frozen=True)
class Plain:
    """Columns as they are, each with 1, or with -1 where values change their sign."""

    columns: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, names: Sequence[str], signs: Sequence[float] = (1.0, 1.0, 1.0)) -> Plain:
        return cls(tuple(zip(names, signs[: len(names)], strict=True)))


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
    encode: Encode | Plain
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


def coloured(cloud: GaussianCloud) -> tuple[str, ...]:
    """The columns of points that COLOR_0 holds alone, being bytes."""
    bytes_of = [
        name for name in (*fields.RGB, "alpha") if name in cloud.fields and cloud.rows.dtype[name] == np.uint8
    ]
    return tuple(bytes_of) if set(fields.RGB) <= set(bytes_of) else ()


def own_of(cloud: GaussianCloud) -> list[str]:
    """The columns that are attributes of their own."""
    taken = {*fields.POSITION, *normals_of(cloud)}
    if is_splats(cloud):
        taken |= {*_rows.splat_names(fields.sh_degree(cloud.fields) or 0)}
        taken |= {*fields.RGB} if _rows.is_coloured(cloud.fields) else set()
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


def attributes_of(cloud: GaussianCloud, signs: Signs) -> list[Attribute]:
    """What is written of a cloud, positions first, in axes that are reversed by signs."""
    out = [Attribute("POSITION", "<f4", 3, Plain.of(fields.POSITION, signs))]
    if normals := normals_of(cloud):
        out.append(Attribute("NORMAL", "<f4", 3, Plain.of(normals, signs)))
    if is_splats(cloud):
        held = fields.sh_degree(cloud.fields) or 0
        degree = min(held, MOST)
        turned = of_harmonics(signs, degree)
        out += [
            Attribute(ROTATION, "<f4", 4, partial(rotations, signs)),
            Attribute(SCALE, "<f4", 3, lengths),
            Attribute(OPACITY, "<f4", 1, opacities),
            Attribute(
                coefficient(0, 0),
                "<f4",
                3,
                diffuse if _rows.is_coloured(cloud.fields) else Plain.of(fields.SH_DC),
            ),
            Attribute("COLOR_0", "<u1", 4, _shown, normalized=True),
        ]
        for name, place in harmonics(degree):
            sign = float(turned[place])
            out.append(Attribute(name, "<f4", 3, Plain.of(rest(held, place), (sign, sign, sign))))
    elif _rows.is_coloured(cloud.fields):
        own = coloured(cloud)
        shown = [name for name in (*fields.RGB, "alpha") if name in (own or fields.RGB)]
        out.append(Attribute("COLOR_0", "<u2", len(shown), partial(_colours, shown), normalized=True))
    for name in own_of(cloud):
        kind = _AS.get(cloud.rows.dtype[name].str[1:], "<f4")
        encode = Plain.of((name,)) if kind == "<f4" else partial(_bytes, name)
        out.append(Attribute(f"_{name}", kind, 1, encode))
    return out


def encoder(
    attributes: Sequence[Attribute], cloud: GaussianCloud
) -> Callable[[GaussianCloud, int, npt.NDArray[np.float32]], dict[str, Array]]:
    """What makes of a block of rows of a cloud what attributes hold of it: by name, (rows, width) numbers.

    It takes the block, the number of its first row, for messages, and as many floats as the block has values,
    for some of what is returned to lie in. It raises a GscliError where a value is not finite.
    """
    plain = {one.name: one.encode.columns for one in attributes if isinstance(one.encode, Plain)}
    taken = {name for columns in plain.values() for name, _ in columns}
    beside = [
        names
        for names in _ACTIVATED
        if set(names) <= set(cloud.fields) - taken and {cloud.rows.dtype[name] for name in names} == {_FLOAT}
    ]
    groups = [*plain.values(), *([(name, 1.0) for name in names] for names in beside)]
    take = spreader(cloud.rows.dtype, groups)  # all that is stored, in one pass over the rows
    called = [*plain, *(names[0] for names in beside)]

    def encode(block: GaussianCloud, first: int, room: npt.NDArray[np.float32]) -> dict[str, Array]:
        tables, clean = take(block.rows, room)
        made = dict(zip(called, tables, strict=True))
        if not clean:
            for name, columns in plain.items():
                finite(made[name], block, [column for column, _ in columns], first)
        for one in attributes:
            if not isinstance(one.encode, Plain):
                made[one.name] = one.encode(block, first, made)
        return made

    return encode


def _bytes(name: str, cloud: GaussianCloud, first: int, made: Made) -> Array:
    return cloud.rows[name][:, None]


def _shown(cloud: GaussianCloud, first: int, made: Made) -> Array:
    """The colour and opacity of splats where they are shown as points."""
    return _gltf_colours.shown(made[coefficient(0, 0)], made[OPACITY])


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
