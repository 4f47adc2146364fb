"""Clouds as glTF: an accessor for each attribute, filled a block of rows at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud
from ..containers import glb
from ..containers.bytes import MAX_JSON
from ..containers.gltf import printed
from ..errors import GscliError, WriteRefused
from ..files import axes as frames
from ..files import writing
from ..kernels import parallel
from ..progress import nothing, shared
from . import _rows
from ._activated import exact, is_splats, normals_of
from ._blocks import Chosen
from ._format import Loss
from ._gltf_attributes import AXES, MOST
from ._gltf_encode import Attribute, attributes_of, coloured, encoder, own_of
from ._gltf_nodes import POINTS, SPLATS, Placed
from ._seekable import seekable, write_at

Array = npt.NDArray[Any]

_LONGEST = -1.2345678901234567e-38  # no float32 takes more characters as a double
_ARRAY_BUFFER = 34962  # what buffer views are for


class Semantics(NamedTuple):
    """How splats are to be rendered, in the words of the extension: `Header.native` of what is read."""

    colorSpace: str = "srgb_rec709_display"
    projection: str = "perspective"
    sortingMethod: str = "cameraDistance"

    @classmethod
    def of(cls, chosen: Sequence[Placed]) -> Semantics:
        """What the first of the primitives says."""
        said = chosen[0].splats or {}
        return cls(**{key: said[key] for key in cls._fields if isinstance(said.get(key), str)})

    def notes(self) -> list[str]:
        """What is not as in every other scene."""
        odd = [
            f"{key} {value:.40}"
            for key, value, usual in zip(self._fields, self, Semantics(), strict=True)
            if value != usual
        ]
        return [f"to be rendered by {', '.join(odd)}, which no other format tells"] if odd else []


def write(
    path: str | os.PathLike[str],
    cloud: GaussianCloud,
    *,
    overwrite: bool = False,
    index: npt.NDArray[Any] | None = None,
    advance: Callable[[int], object] = nothing,
) -> None:
    """Write a .glb, or a .gltf and beside it its buffer, a .bin of the same name.

    It is in the axes that the cloud's header names, or else in those of the specification; what is in others
    is told to gscli alone.

    Raises:
        GscliError: no points, a value that is not finite, or more than a .glb holds.
    """
    chosen = Chosen.of(cloud, index)
    if not len(chosen):
        raise GscliError("has no points, of which glTF has no place", path=path, remedy="write .ply")
    axes = cloud.header.axes or AXES
    attributes = attributes_of(cloud, frames.signs(axes))
    document, body = _document(cloud, attributes, len(chosen), axes), _buffer_of(path)
    (about,) = document["buffers"]
    if body is not None:
        about["uri"] = quote(body.name)
    text = printed(document)
    if len(text) > MAX_JSON:
        raise GscliError(f"needs more than {MAX_JSON:,} bytes of JSON", path=path, remedy="write .ply")
    told = shared(advance, len(cloud), len(chosen))
    with writing.replacing(path, overwrite=overwrite) as stream:
        if body is not None:
            with writing.replacing(body, overwrite=overwrite) as beside, seekable(beside) as buffer:
                _bound(document, _fill(buffer, chosen, attributes, 0, told))
            stream.write(printed(document))
            return
        head = glb.head(text, about["byteLength"])
        if (size := len(head) + about["byteLength"]) > glb.LARGEST:
            what = f"would take {size:,} bytes, and a .glb has {glb.LARGEST:,} at most"
            raise GscliError(what, path=path, remedy="write .gltf, or .ply")
        with seekable(stream) as buffer:
            _bound(document, _fill(buffer, chosen, attributes, len(head), told))
            buffer.seek(0)
            buffer.write(glb.head(printed(document).ljust(len(text)), about["byteLength"]))


def refuse_existing(path: str | os.PathLike[str], *, overwrite: bool, sources: Sequence[Path] = ()) -> None:
    """Refuse to replace a file, or the buffer that is written beside it, unless `overwrite`."""
    writing.refuse_existing(path, overwrite=overwrite)
    if (body := _buffer_of(path)) is not None:
        writing.refuse_existing(body, overwrite=overwrite)
        if os.path.realpath(body) in {os.path.realpath(source) for source in sources}:
            raise WriteRefused("is an input, and would be replaced", path=body, remedy="choose another name")


def unsupported(cloud: GaussianCloud) -> list[Loss]:
    """What glTF cannot hold: integers beyond 24 bits and floats beyond 32, harmonics beyond degree 3.

    What splats hold in other terms than a cloud (opacity, scales, rotations) comes back rounded.
    """
    lost, own = [], own_of(cloud)
    if is_splats(cloud):
        detail = "opacities and scales as float32 of what they mean, rotations of length one"
        lost += [Loss("precision", detail=detail, rounds=True)]
        lost += _rows.dropped(cloud, degree=MOST, comments=True, beside=(*own, *fields.NORMAL))
        rounded = {fields.OPACITY, *fields.SCALE, *fields.ROTATION}
    else:
        kept = {*fields.POSITION, *normals_of(cloud), *coloured(cloud), *own}
        lost += [Loss.column(cloud, name) for name in cloud.fields if name not in kept]
        rounded = set()
    gone = rounded.union(*(loss.columns for loss in lost))
    lost += [
        Loss(f"digits of column {name}", detail=str(cloud.rows.dtype[name]), rounds=True)
        for name in cloud.fields
        if name not in gone and not exact(cloud, name)
    ]
    odd = tuple(line for line in cloud.header.comments if not _rows.is_text(line))
    return lost + Loss.comments(replace(cloud, header=replace(cloud.header, comments=odd)))


def _bound(document: dict[str, Any], bounds: Array) -> None:
    """Say in the JSON how far positions reach: (2, 3) float32."""
    document["accessors"][0] |= dict(zip(("min", "max"), bounds.astype(float).tolist(), strict=True))


def _document(cloud: GaussianCloud, attributes: list[Attribute], count: int, axes: str) -> dict[str, Any]:
    """The JSON of a file, whose one buffer has no URI; bounds are as long to print as any may be."""
    views, at = [], 0
    for one in attributes:
        view = {"buffer": 0, "byteOffset": at, "byteLength": count * one.step, "target": _ARRAY_BUFFER}
        if one.step != one.width * np.dtype(one.kind).itemsize:
            view["byteStride"] = one.step
        views.append(view)
        at += count * one.step
    primitive: dict[str, Any] = {
        "attributes": {one.name: number for number, one in enumerate(attributes)},
        "mode": POINTS,
    }
    asset: dict[str, Any] = {"version": "2.0", "generator": "gscli"}
    extras: dict[str, Any] = {} if axes == AXES else {"axes": axes}
    if comments := [line for line in cloud.header.comments if _rows.is_text(line)]:
        extras["comments"] = comments
    document: dict[str, Any] = {"asset": asset | ({"extras": extras} if extras else {})}
    if is_splats(cloud):
        native = cloud.header.native
        told = native if isinstance(native, Semantics) else Semantics()
        primitive["extensions"] = {SPLATS: {"kernel": "ellipse", **told._asdict()}}
        document["extensionsUsed"] = [SPLATS]
    document |= {
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [primitive]}],
        "accessors": [one.accessor(number, count) for number, one in enumerate(attributes)],
        "bufferViews": views,
        "buffers": [{"byteLength": at}],
    }
    _bound(document, np.full((2, 3), _LONGEST))
    return document


def _fill(
    stream: BinaryIO, chosen: Chosen, attributes: list[Attribute], start: int, told: Callable[[int], object]
) -> Array:
    """Write the buffer, which begins at a byte of the file: block by block, each attribute in its place.

    Returns:
        (2, 3) float32, the least and the largest positions.
    """
    rooms, encode = parallel.Rooms(np.float32), encoder(attributes, chosen.cloud)

    def padded(part: slice) -> tuple[Array, list[Array]]:
        size = (part.stop - part.start) * len(chosen.cloud.fields)
        room = rooms.take(size)
        made = chosen.gathered(part, lambda cloud: encode(cloud, part.start, room))
        return room, [one.padded(made[one.name]) for one in attributes]

    bounds = np.array([[np.inf] * 3, [-np.inf] * 3], np.float32)
    parts = chosen.blocks()
    for part, (room, pieces) in zip(parts, parallel.in_order(padded, parts), strict=True):
        at = start
        for one, piece in zip(attributes, pieces, strict=True):
            write_at(stream, at + part.start * one.step, piece)
            at += len(chosen) * one.step
        bounds[0] = np.minimum(bounds[0], [column.min() for column in pieces[0].T])
        bounds[1] = np.maximum(bounds[1], [column.max() for column in pieces[0].T])
        rooms.give(room)
        told(part.stop - part.start)
    stream.seek(0, os.SEEK_END)
    return bounds


def _buffer_of(path: str | os.PathLike[str]) -> Path | None:
    """The buffer that is written beside a .gltf; None for a .glb."""
    place = Path(path)
    return place.with_suffix(".bin") if place.suffix.lower() == ".gltf" else None
