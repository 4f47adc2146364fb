"""Clouds as USD: one prim below /Scene, its arrays filled a block of rows at a time."""

from __future__ import annotations

import os
import shutil
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud
from ..containers.usd_process import POINTS, SPLATS
from ..errors import GscliError
from ..files import axes as frames
from ..files import room, temporaries, writing
from ..kernels import parallel
from ..progress import nothing, shared
from ..runtime import libraries
from . import _rows
from ._activated import exact, is_splats, normals_of
from ._blocks import Chosen
from ._format import Loss
from ._seekable import seekable
from ._usd_attributes import (
    AXES,
    DEGREE,
    DEGREES,
    PRIMVAR,
    Attribute,
    attributes_of,
    coloured,
    is_held,
    own_of,
    plain,
)

Array = npt.NDArray[Any]


_LARGEST = 1 << 32  # bytes of a .usdz, which is a zip of the old kind
_ALIGNMENT = 64  # of files in a .usdz
_ZIP_HEAD, _PADDING = 30, 0x1986  # bytes before a name; what tells that bytes mean nothing
_SIGMAS = 3  # how far a Gaussian is seen, for the extent


class Stage(NamedTuple):
    """What a file says that no cloud does: `Header.native` of what is read."""

    unit: float = 1.0
    projectionModeHint: str = "perspective"
    sortingModeHint: str = "zDepth"

    @classmethod
    def of(cls, unit: float | None, hints: Mapping[str, str]) -> Stage:
        """What a file says, in metres and the schema's words."""
        known = {name: hints[name] for name in cls._fields[1:] if name in hints}
        return cls(1.0 if unit is None else unit, **known)

    def notes(self) -> list[str]:
        """What is not as in every other scene."""
        odd = [
            f"{name} {value:.40}"
            for name, value, usual in zip(self._fields[1:], self[1:], Stage()[1:], strict=True)
            if value != usual
        ]
        said = [f"a unit is {self.unit:g} m, and numbers stay as they are"] if self.unit != 1 else []
        return said + ([f"to be rendered by {', '.join(odd)}, which no other format tells"] if odd else [])


def write(
    path: str | os.PathLike[str],
    cloud: GaussianCloud,
    *,
    overwrite: bool = False,
    index: npt.NDArray[Any] | None = None,
    advance: Callable[[int], object] = nothing,
) -> None:
    """Write a .usda, a .usdc (what .usd is, too), or a .usdz that holds one.

    It is in the axes that the cloud's header names, or else in those where y is up; what is in others is told
    to gscli alone. All arrays are held in memory.

    Raises:
        GscliError: a value that is not finite, more than a .usdz holds, or no room for temporary files.
        EngineUnavailable: usd-core is missing or broken.
    """
    libraries.require("pxr", "the format usd", path=path)
    chosen = Chosen.of(cloud, index)
    from pxr import Tf

    text = str(path).lower().endswith(".usda")
    writing.refuse_existing(path, overwrite=overwrite)
    layer = _layer(cloud, chosen, ".usda" if text else ".usdc", shared(advance, len(cloud), len(chosen)))
    with temporaries.folder("gscli-usd") as folder:
        source = folder / ("scene.usda" if text else "scene.usdc")
        try:
            made = layer.Export(str(source))
        except Tf.ErrorException:
            made = False
        if not made:
            raise room.lacking("cannot be made in", room.FAILED, path)
        with writing.replacing(path, overwrite=overwrite) as stream:
            if str(path).lower().endswith(".usdz"):
                _pack(path, source, stream)
                return
            with source.open("rb") as packed:
                shutil.copyfileobj(packed, stream, 1 << 20)


def unsupported(cloud: GaussianCloud) -> list[Loss]:
    """What USD cannot hold: positions and Gaussians beyond float32, names that are no identifiers.

    What splats hold in other terms than a cloud (opacity, scales, rotations) comes back rounded.
    """
    own = own_of(cloud)
    lost: list[Loss] = []
    if is_splats(cloud):
        detail = "opacities and scales as float32 of what they mean, rotations of length one"
        lost += [Loss("precision", detail=detail, rounds=True)]
        lost += _rows.dropped(cloud, degree=DEGREES[-1], comments=True, beside=own)
        rounded = {fields.OPACITY, *fields.SCALE, *fields.ROTATION}
    else:
        kept = {*fields.POSITION, *normals_of(cloud), *coloured(cloud), *plain(cloud), *own}
        lost += [Loss.column(cloud, name) for name in cloud.fields if name not in kept]
        rounded = set()
    gone = {*rounded, *own}.union(*(loss.columns for loss in lost))
    lost += [
        Loss(f"digits of column {name}", detail=str(cloud.rows.dtype[name]), rounds=True)
        for name in cloud.fields
        if name not in gone and name not in plain(cloud) and not exact(cloud, name)
    ]
    odd = [line for line in cloud.header.comments if not is_held(line)]
    return lost + ([Loss(f"{len(odd)} comment{'s' * (len(odd) > 1)}")] if odd else [])


def _layer(cloud: GaussianCloud, chosen: Chosen, suffix: str, told: Callable[[int], object]) -> Any:
    """The layer of a file, in memory."""
    from pxr import Sdf, Vt

    axes, splats = cloud.header.axes or AXES, is_splats(cloud)
    attributes = attributes_of(cloud, frames.signs(axes))
    arrays = _arrays(chosen, attributes, told)
    stage = cloud.header.native if isinstance(cloud.header.native, Stage) else Stage()
    layer = Sdf.Layer.CreateAnonymous(suffix)
    root = Sdf.PrimSpec(layer, "Scene", Sdf.SpecifierDef, "Xform")
    layer.defaultPrim = "Scene"
    layer.pseudoRoot.SetInfo("upAxis", "Y")
    layer.pseudoRoot.SetInfo("metersPerUnit", stage.unit)
    about: dict[str, Any] = {} if axes == AXES else {"axes": axes}
    if comments := [line for line in cloud.header.comments if is_held(line)]:
        about["comments"] = Vt.StringArray(comments)
    if about:
        layer.customLayerData = {"gscli": about}
    prim = Sdf.PrimSpec(
        root, "Splats" if splats else "Points", Sdf.SpecifierDef, SPLATS if splats else POINTS
    )
    bounds = _extent(arrays[0], arrays[2] if splats else None)
    for one in attributes:
        made = _say(prim, one.name, getattr(Sdf.ValueTypeNames, one.type), None)
        made.default = type(made.typeName.defaultValue).FromNumpy(arrays.pop(0))  # a copy: one less is held
        if one.name.startswith(PRIMVAR):
            made.SetInfo("interpolation", "vertex")
        if one.dtype:
            made.customData = {"dtype": one.dtype}
    _say(prim, "extent", Sdf.ValueTypeNames.Float3Array, Vt.Vec3fArray.FromNumpy(bounds))
    if splats:
        degree = min(fields.sh_degree(cloud.fields) or 0, DEGREES[-1])
        _say(prim, DEGREE, Sdf.ValueTypeNames.Int, degree, uniform=True)
        for name in stage._fields[1:]:
            _say(prim, name, Sdf.ValueTypeNames.Token, getattr(stage, name), uniform=True)
    return layer


def _say(prim: Any, name: str, kind: Any, value: Any, *, uniform: bool = False) -> Any:
    """Give a prim an attribute."""
    from pxr import Sdf

    made = Sdf.AttributeSpec(prim, name, kind, Sdf.VariabilityUniform if uniform else Sdf.VariabilityVarying)
    if value is not None:
        made.default = value
    return made


def _arrays(chosen: Chosen, attributes: list[Attribute], told: Callable[[int], object]) -> list[Array]:
    """The numbers of each attribute, (N,) or (N, width), filled block by block."""
    out = [np.empty((len(chosen), one.width), one.kind) for one in attributes]

    def encoded(part: slice) -> None:
        def put(cloud: GaussianCloud) -> None:
            for one, values in zip(attributes, out, strict=True):
                values[part] = one.encode(cloud, part.start, {})

        chosen.gathered(part, put)

    parts = chosen.blocks()
    for part, _ in zip(parts, parallel.in_order(encoded, parts), strict=True):
        told(part.stop - part.start)
    shapes = [(-1, 3) if values.shape[1] % 3 == 0 else values.shape for values in out]
    return [
        values.ravel() if values.shape[1] == 1 else values.reshape(shape)
        for values, shape in zip(out, shapes, strict=True)
    ]


def _extent(xyz: Array, scales: Array | None) -> Array:
    """(2, 3) float32, the corners of a box about all points, Gaussians as far as they are seen."""
    if not len(xyz):
        return np.zeros((2, 3), np.float32)
    around = np.zeros((1, 1), np.float32) if scales is None else _SIGMAS * scales.max(axis=1, keepdims=True)
    with np.errstate(over="ignore"):
        box = np.stack([(xyz - around).min(axis=0), (xyz + around).max(axis=0)])
    return np.nan_to_num(box.astype(np.float32))


def _pack(path: str | os.PathLike[str], source: Path, stream: BinaryIO) -> None:
    """Write a .usdz: a zip whose one file is not packed, and begins at a multiple of 64 bytes."""
    if source.stat().st_size > _LARGEST - (1 << 10):
        raise GscliError("would take more than the 4 GiB of a .usdz", path=path, remedy="write .usdc")
    entry = zipfile.ZipInfo(source.name, (1980, 1, 1, 0, 0, 0))
    entry.create_system, entry.external_attr = 3, 0o644 << 16
    entry.file_size = source.stat().st_size
    fill = -(_ZIP_HEAD + len(source.name) + 4) % _ALIGNMENT
    entry.extra = struct.pack("<HH", _PADDING, fill) + bytes(fill)
    with (
        seekable(stream) as whole,
        zipfile.ZipFile(whole, "w") as archive,
        source.open("rb") as made,
        archive.open(entry, "w") as out,
    ):
        shutil.copyfileobj(made, out, 1 << 20)
