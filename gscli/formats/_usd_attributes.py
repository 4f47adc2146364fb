"""A cloud as the attributes of a USD prim: which columns each holds, and its numbers for some rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud
from . import _gltf_colours, _rows
from ._activated import Encode, diffuse, floats, is_splats, lengths, normals_of, opacities, rotations
from ._turn import Signs, of_harmonics

Array = npt.NDArray[Any]

AXES = "rub"  # where y is up, cameras look along -z
DEGREES = range(5)
DEGREE = "radiance:sphericalHarmonicsDegree"
PRIMVAR = "primvars:"
HARMONICS = "radiance:sphericalHarmonicsCoefficients"
NARROW = ("|i1", "<i2", "<u2")  # types that USD has none for: int, and which it was as custom data
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_SHOWN = ("displayColor", "displayOpacity")
_PLAIN = {
    "widths": ("FloatArray", "f4"),
    "ids": ("Int64Array", "i8"),
}  # columns that Points have by themselves
_TYPES = {  # by NumPy's: of primvars
    "b1": "BoolArray",
    "u1": "UCharArray",
    "i1": "IntArray",
    "i2": "IntArray",
    "u2": "IntArray",
    "i4": "IntArray",
    "u4": "UIntArray",
    "i8": "Int64Array",
    "u8": "UInt64Array",
    "f2": "HalfArray",
    "f4": "FloatArray",
    "f8": "DoubleArray",
}


class Attribute(NamedTuple):
    """An attribute as it is written: its name, types in USD and NumPy, numbers a row, what makes them."""

    name: str
    type: str
    kind: str
    width: int
    encode: Encode
    dtype: str = ""  # what a column was, where USD has no such type


def own_of(cloud: GaussianCloud) -> list[str]:
    """The columns that are primvars of their own."""
    if is_splats(cloud):
        taken = {*_rows.splat_names(fields.sh_degree(cloud.fields) or 0)}
        taken |= {*fields.RGB} if _rows.is_coloured(cloud.fields) else set()
    else:
        taken = {*fields.POSITION, *normals_of(cloud), *coloured(cloud), *plain(cloud)}
    return [
        name
        for name in cloud.fields
        if name not in taken
        and name not in _SHOWN
        and _NAME.fullmatch(name)
        and cloud.rows.dtype[name].str[1:] in _TYPES
    ]


def is_held(line: str) -> bool:
    """Whether a comment can be a string of USD."""
    return _rows.is_text(line) and "\0" not in line


def coloured(cloud: GaussianCloud) -> tuple[str, ...]:
    """The columns of points that displayColor and displayOpacity hold, being bytes."""
    bytes_of = [n for n in (*fields.RGB, "alpha") if n in cloud.fields and cloud.rows.dtype[n] == np.uint8]
    return tuple(bytes_of) if set(fields.RGB) <= set(bytes_of) else ()


def plain(cloud: GaussianCloud) -> tuple[str, ...]:
    """The columns that Points have attributes for, of the type that these have."""
    return tuple(n for n, (_, kind) in _PLAIN.items() if n in cloud.fields and cloud.rows.dtype[n] == kind)


def attributes_of(cloud: GaussianCloud, signs: Signs) -> list[Attribute]:
    """What is written of a cloud, positions first, in axes that are reversed by signs."""
    if is_splats(cloud):
        held = fields.sh_degree(cloud.fields) or 0
        degree = min(held, DEGREES[-1])
        out = [
            Attribute("positions", "Point3fArray", "<f4", 3, floats(fields.POSITION, signs)),
            Attribute("orientations", "QuatfArray", "<f4", 4, partial(rotations, signs)),
            Attribute("scales", "Float3Array", "<f4", 3, lengths),
            Attribute("opacities", "FloatArray", "<f4", 1, opacities),
            Attribute(
                HARMONICS, "Float3Array", "<f4", 3 * (degree + 1) ** 2, _harmonics(held, degree, signs)
            ),
        ]
    else:
        out = [Attribute("points", "Point3fArray", "<f4", 3, floats(fields.POSITION, signs))]
        if normals := normals_of(cloud):
            out.append(Attribute("normals", "Normal3fArray", "<f4", 3, floats(normals, signs)))
        out += [Attribute(name, *_PLAIN[name], 1, partial(_stored, name)) for name in plain(cloud)]
        if colours := coloured(cloud):
            out.append(Attribute(f"{PRIMVAR}displayColor", "Color3fArray", "<f4", 3, _light))
            if len(colours) > 3:
                out.append(Attribute(f"{PRIMVAR}displayOpacity", "FloatArray", "<f4", 1, _alpha))
    for name in own_of(cloud):
        kind = cloud.rows.dtype[name].newbyteorder("<").str
        narrow = kind if kind in NARROW else ""
        stored = "<i4" if narrow else kind
        out.append(Attribute(f"{PRIMVAR}{name}", _TYPES[kind[1:]], stored, 1, partial(_stored, name), narrow))
    return out


def _harmonics(held: int, degree: int, signs: Signs) -> Encode:
    """What makes (n, 3 K) of all harmonics, each in red, green and blue."""
    stride, count = (held + 1) ** 2 - 1, (degree + 1) ** 2 - 1
    turned = of_harmonics(signs, degree)
    names = [f"f_rest_{channel * stride + i}" for i in range(count) for channel in range(3)]
    rest = floats(names, [float(turned[i]) for i in range(count) for _ in range(3)])

    def encode(cloud: GaussianCloud, first: int, made: Mapping[str, Array]) -> Array:
        return np.concatenate([diffuse(cloud, first, made), rest(cloud, first, made)], axis=1)

    return encode


def _stored(name: str, cloud: GaussianCloud, first: int, made: Mapping[str, Array]) -> Array:
    return cloud.rows[name][:, None]


def _light(cloud: GaussianCloud, first: int, made: Mapping[str, Array]) -> Array:
    return _gltf_colours.linear(np.stack([cloud.rows[name] for name in fields.RGB], axis=1) / 255.0)


def _alpha(cloud: GaussianCloud, first: int, made: Mapping[str, Array]) -> Array:
    return cloud.rows["alpha"][:, None] / np.float32(255)
