"""The attributes of a primitive in a glTF file as columns of a cloud: names, and what becomes of values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import fields
from ..containers.gltf import TYPES, WIDTHS, Accessor, Gltf, natural
from ..errors import InputError
from . import _gltf_colours, spz
from ._activated import FLOAT_ENDS, QUATERNION, logarithms, logits
from ._gltf_nodes import PACKED, SPLATS, Placed
from ._rows import splat_names

Array = npt.NDArray[Any]
Piece = tuple[tuple[str, ...], Accessor, Callable[[Array], Array]]  # columns, their numbers, what they become

PREFIX = "KHR_gaussian_splatting:"
ROTATION, SCALE, OPACITY = f"{PREFIX}ROTATION", f"{PREFIX}SCALE", f"{PREFIX}OPACITY"
AXES = "luf"
MOST = 3  # the highest SH degree


class Shape(NamedTuple):
    """What rows a primitive has.

    Attributes:
        points: how many. degree: of their harmonics; None for points.
        own: the types of columns that not every primitive has: normals, colours of points, attributes of
            one's own.
        coloured: whether colours are brought from linear light to sRGB.
    """

    points: int
    degree: int | None
    own: dict[str, Any]
    coloured: bool = False


def coefficient(order: int, number: int) -> str:
    """The attribute of a harmonic of a degree."""
    return f"{PREFIX}SH_DEGREE_{order}_COEF_{number}"


def harmonics(degree: int) -> Iterator[tuple[str, int]]:
    """The attributes of the harmonics of degrees 1 to `degree`, and their place among those of a channel."""
    names = (coefficient(order, n) for order in range(1, degree + 1) for n in range(2 * order + 1))
    yield from zip(names, range((degree + 1) ** 2 - 1), strict=True)


def rest(degree: int, place: int) -> tuple[str, ...]:
    """The columns of a harmonic at a place, in red, green and blue, where harmonics are of a degree."""
    width = (degree + 1) ** 2 - 1
    return tuple(f"f_rest_{channel * width + place}" for channel in range(3))


def shape(file: Gltf, one: Placed) -> Shape:
    """What rows a primitive has, as its file claims.

    Raises:
        InputError: splats of a kind that is not read, or without what every splat has.
    """
    attributes, about = one.primitive["attributes"], one.splats
    if about is not None and about.get("kernel", "ellipse") != "ellipse":
        what = f"has splats of the kernel {about['kernel']!r:.40}, and only ellipses are read"
        raise InputError(what, path=file.path)
    if about is not None and (packed := _packed(file, one)) is not None:
        head = spz.head(file.path, packed)
        return Shape(head.points, head.degree, {})
    position = file.item("accessors", attributes["POSITION"])
    others = [*one.primitive.get("extensions", {}), *(about or {}).get("extensions", {})]
    if not {"bufferView", "sparse"} & set(position) and (
        others := [name for name in others if name != SPLATS]
    ):
        raise InputError(f"{one.name} is packed by {others[0]:.60}, which is not read", path=file.path)
    degree = None
    if about is not None:
        degree = max((n for n in range(1, MOST + 1) if coefficient(n, 0) in attributes), default=0)
        needed = ["POSITION", ROTATION, SCALE, OPACITY, coefficient(0, 0), *dict(harmonics(degree))]
        if missing := [name for name in needed if name not in attributes]:
            raise InputError(f"{one.name} has no {missing[0]}, which its splats need", path=file.path)
    own: dict[str, Any] = {}
    colours = about is None and "COLOR_0" in attributes and "_red" not in attributes
    for name, number in attributes.items():
        if name == "NORMAL":
            own |= dict.fromkeys(fields.NORMAL, np.dtype("<f4"))
        elif name == "COLOR_0" and colours:
            entry = file.item("accessors", number)
            names, stored = (*fields.RGB, "alpha")[: WIDTHS[entry["type"]]], TYPES[entry["componentType"]]
            if stored not in ("<u1", "<u2", "<f4"):
                raise ValueError(f"colours of the type {entry['componentType']}")
            own |= dict.fromkeys(names, np.dtype("<f4" if stored == "<f4" else "u1"))
        elif name.startswith("_"):
            entry = file.item("accessors", number)
            kind = np.dtype("<f4" if entry.get("normalized") else TYPES[entry["componentType"]])
            own |= dict.fromkeys(_columns(name, WIDTHS.get(entry["type"], 0)), kind)
    return Shape(natural(position, "count"), degree, own, colours)


def pieces(file: Gltf, one: Placed, degree: int | None) -> Iterator[Piece]:
    """What fills the columns of a primitive, whose harmonics are called as those of a degree.

    Raises:
        InputError: scales or opacities out of range, or accessors of different lengths.
    """
    attributes = one.primitive["attributes"]
    if one.splats is not None and (packed := _packed(file, one)) is not None:
        yield from _unpacked(file.path, one, packed, degree or 0)
        return
    count = file.count(attributes["POSITION"])

    def held(name: str, width: int | None = None) -> Accessor:
        entry = file.item("accessors", attributes[name])
        claimed = [natural(entry, "count"), WIDTHS[entry["type"]]]
        if claimed[0] != count or width not in (None, claimed[1]):  # before a sparse one is made
            what = f"has {name:.60} of shape {claimed} for {count:,} positions"
            raise InputError(what, path=file.path)
        return file.accessor(attributes[name])

    yield fields.POSITION, held("POSITION", 3), _same
    if one.splats is not None:
        for name, place in harmonics(MOST):
            if name in attributes:
                yield rest(degree or 0, place), held(name, 3), _same
        yield fields.SH_DC, held(coefficient(0, 0), 3), _same
        yield QUATERNION, held(ROTATION, 4), _same
        low, high = FLOAT_ENDS
        yield fields.SCALE, held(SCALE, 3), lambda v: logarithms(file.path, v, low)
        opacity = held(OPACITY, 1)
        if opacity.full is not None:
            low, high = 0.25 / opacity.full, 1 - 0.25 / opacity.full
        yield (fields.OPACITY,), opacity, lambda v: logits(file.path, v, low, high)
    taken = set(fields.POSITION if one.splats is None else splat_names(degree or 0))
    for name in attributes:
        if name == "NORMAL":
            yield fields.NORMAL, held(name, 3), _same
        elif name == "COLOR_0" and one.splats is None and "_red" not in attributes:
            accessor = held(name)
            columns = (*fields.RGB, "alpha")[: accessor.stored.shape[1]]
            yield columns, Accessor(accessor.stored), _gltf_colours.from_linear
        elif name.startswith("_") and file.item("accessors", attributes[name])["type"] in WIDTHS:
            accessor = held(name)
            columns = _columns(name, accessor.stored.shape[1])
            if not taken & set(columns):
                yield columns, accessor, _same


def _columns(name: str, width: int) -> tuple[str, ...]:
    """The columns of an attribute of one's own, whose name begins with an underscore."""
    return (name[1:],) if width == 1 else tuple(f"{name[1:]}_{i}" for i in range(width))


def _packed(file: Gltf, one: Placed) -> npt.NDArray[np.uint8] | None:
    """The SPZ that holds a primitive's splats, if one does."""
    inner = (one.splats or {}).get("extensions", {})
    found = next((inner[name] for name in PACKED if name in inner), None)
    return None if found is None else file.view(found["bufferView"])[0]


def _unpacked(path: Path, one: Placed, packed: npt.NDArray[np.uint8], degree: int) -> Iterator[Piece]:
    """What fills columns from SPZ.

    Its axes become those of glTF, as the extension has it. Where the primitive says no kernel, as drafts
    before the base extension did, values are in glTF's axes as they are stored: so Cesium reads and writes.
    """
    drafted = "kernel" not in (one.splats or {})
    rows = spz.decoded(path, packed, into=None if drafted else AXES).whole().rows
    own = fields.sh_degree(rows.dtype.names or ()) or 0
    called = {name: name for name in rows.dtype.names or ()}
    for _, place in harmonics(own):
        called |= dict(zip(rest(own, place), rest(degree, place), strict=True))
    for here, there in called.items():
        yield (there,), Accessor(rows[here][:, None]), _same


def _same(values: Array) -> Array:
    return values
