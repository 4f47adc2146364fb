"""SceneSplat scene folders: one ``.npy`` file for each array, values as they are rendered.

``coord`` (N, 3), ``color`` (N, 3) uint8, ``opacity`` (N) or (N, 1) in 0..1, ``scale`` (N, 3) in world
units, ``quat`` (N, 4), w first; maybe ``normal``. They become the raw columns of 3DGS, and arrays of one
number for each point, such as ``segment20``, columns of their names. Everything else (features, masks,
grids, other files) stays attached: it follows the rows and is written back, each array subset with them, bit
for bit.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud, Header
from ..containers import npy
from ..containers.bytes import malformed
from ..errors import InputError, WriteRefused
from ..files import folders
from ..progress import nothing
from . import _rows
from ._format import FOLDER, FOLDER_HEAD, Format, Loss, Writer
from ._scene_folder import COLOUR, SceneFolder, strangers

_LABELS = ("segment", "instance")


def sniff(head: bytes) -> bool:
    return head.startswith(FOLDER_HEAD) and b"coord.npy" in head[len(FOLDER_HEAD) :].split(b"\n")


def read(path: Path) -> GaussianCloud:
    """Read a scene folder; large arrays are mapped and not read.

    Raises:
        InputError: an array is damaged, holds objects, or has another number of rows than ``coord``.
    """
    with malformed(path, "a scene folder"):
        if not path.is_dir():
            raise InputError("is no folder", path=path)
        folder = SceneFolder.open(path)
        columns: dict[str, npt.NDArray[Any]] = {}

        def add(names: tuple[str, ...], file: str, values: npt.NDArray[Any]) -> None:
            flat = values.reshape(len(values), math.prod(values.shape[1:]))
            if flat.shape[1] != len(names):
                raise InputError(f"has {file}.npy of shape {list(values.shape)}", path=path)
            columns.update(zip(names, flat.T, strict=True))

        arrays = folder.arrays
        add(fields.POSITION, "coord", arrays["coord"])
        if "normal" in arrays:
            add(fields.NORMAL, "normal", arrays["normal"])
        if COLOUR in arrays:
            rgb = arrays[COLOUR] / (255.0 if arrays[COLOUR].dtype.kind in "iu" else 1.0)
            add(fields.SH_DC, COLOUR, fields.dc_from_rgb(rgb).astype(np.float32))
        if "opacity" in arrays:
            add((fields.OPACITY,), "opacity", _logit(arrays["opacity"]))
        if "scale" in arrays:
            add(fields.SCALE, "scale", _logarithm(arrays["scale"]))
        if "quat" in arrays:
            add(fields.ROTATION, "quat", arrays["quat"])
        for label in folder.labels():
            add((label,), label, arrays[label])
        rows = np.empty(folder.rows, [(name, values.dtype) for name, values in columns.items()])
        for name, values in columns.items():
            rows[name] = values
        return GaussianCloud(rows, Header("scenesplat", notes=folder.notes(), attached=folder))


def refuse_existing(path: str | os.PathLike[str], *, overwrite: bool, sources: Sequence[Path] = ()) -> None:
    """Refuse to replace a scene folder unless `overwrite`, and anything else but an empty folder always.

    Args:
        sources: folders whose files are written back.

    Raises:
        WriteRefused: also where a scene folder holds more than its arrays and grids.
    """
    target = Path(path)
    if target.exists() and not target.is_dir():
        raise WriteRefused("is a file", path=path, remedy="name a folder")
    held = os.listdir(target) if target.is_dir() else []  # at once: another run may take its place
    if held:
        if "coord.npy" not in held or (target / "coord.npy").is_dir():
            raise WriteRefused("is a folder, but no scene folder: it is not replaced", path=path)
        if not overwrite:
            raise WriteRefused("exists already", path=path, remedy="add `overwrite=True` to replace it")
        others = strangers(target, sources)
        if others:
            named = ", ".join(others[:3]) + f" and {len(others) - 3:,} more" * (len(others) > 3)
            raise WriteRefused(
                f"holds more than a scene's arrays and grids, which would be deleted: {named}",
                path=path,
                remedy="move that away, or write to another folder",
            )


def write(
    path: str | os.PathLike[str],
    cloud: GaussianCloud,
    *,
    overwrite: bool = False,
    index: npt.NDArray[Any] | None = None,
    advance: Callable[[int], object] = nothing,
) -> None:
    """Write a scene folder: a scene read from one with all of its files, any other as activated arrays.

    Raises:
        WriteRefused: the folder exists and `overwrite` is false, or it is no scene folder, or holds more.
        GscliError: a field is missing that scene folders have.
    """
    attached = cloud.header.attached
    copied = [attached.path] if isinstance(attached, SceneFolder) else []

    def refuse(old: Path, new: Path | None) -> None:
        try:
            refuse_existing(old, overwrite=overwrite, sources=copied if new is None else [new])
        except WriteRefused as error:
            error.path = os.fspath(path)
            raise

    with folders.replacing(path, overwrite=overwrite, refuse=refuse) as folder:
        if isinstance(attached, SceneFolder):
            chosen = attached if index is None else attached.take(index)
            chosen.write(folder)
        else:
            _rows.require_splats(cloud)
            for name, array in _activated(_rows.selected(cloud, index)).items():
                with (folder / f"{name}.npy").open("wb") as out:
                    npy.write(out, array.dtype, array.shape, [array])
    advance(len(cloud))


def unsupported(cloud: GaussianCloud) -> list[Loss]:
    """What a scene folder cannot hold: colours beyond 8 bits, harmonics, other columns, comments."""
    held = (*fields.NORMAL, *_LABELS)
    if isinstance(cloud.header.attached, SceneFolder):  # whose own files are written, not the rows
        own = {*_rows.splat_names(), *held, *cloud.header.attached.labels()} - cloud.header.edited
        added = [name for name in cloud.fields if name not in own]
        left_out = cloud.header.attached.left_out()
        columns = [Loss.column(cloud, name) for name in added]
        return [*map(Loss, left_out), *columns, *Loss.comments(cloud)]
    lost = _rows.dropped(cloud, degree=0, beside=held)
    return [Loss("precision", detail="colour clipped to 0..1 and 8 bits", rounds=True), *lost]


def _activated(cloud: GaussianCloud) -> dict[str, npt.NDArray[Any]]:
    for name in (fields.OPACITY, *fields.SCALE):
        if len(rows := np.flatnonzero(np.isnan(cloud.rows[name]))):
            raise _rows.not_held(int(rows[0]), name, cloud.rows[name][rows[0]])
    doubles = any(cloud.rows.dtype[name] == np.float64 for name in fields.POSITION)
    with np.errstate(over="ignore"):  # the largest there is stands for what is larger
        scale = np.exp(cloud.columns(fields.SCALE).T.astype(np.float64))
        scale = np.minimum(scale, _rows.LARGEST).astype(np.float32)
    out: dict[str, npt.NDArray[Any]] = {
        "coord": cloud.xyz.astype(np.float64 if doubles else np.float32),
        COLOUR: _rows.to_bytes(fields.rgb_from_dc(_rows.planes(cloud, fields.SH_DC)) * 255),
        "opacity": fields.sigmoid(cloud.columns((fields.OPACITY,))[0]).astype(np.float32),
        "scale": scale,
        "quat": _rows.narrow(cloud, fields.ROTATION),
    }
    if set(fields.NORMAL) <= set(cloud.fields):
        out["normal"] = _rows.narrow(cloud, fields.NORMAL)
    out |= {name: np.ascontiguousarray(cloud.rows[name]) for name in _LABELS if name in cloud.fields}
    return out


def _logit(opacity: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if opacity.size and not (opacity.min() >= 0 and opacity.max() <= 1):
        raise ValueError("opacity beyond 0..1")
    return fields.logit(opacity).astype(np.float32)


def _logarithm(scale: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if scale.size and not scale.min() >= 0:
        raise ValueError("scale below 0")
    with np.errstate(divide="ignore"):
        out: npt.NDArray[Any] = np.log(scale.astype(np.float64)).astype(np.float32)
    return out


FORMAT = Format(
    "scenesplat",
    "SceneSplat scene folder (coord.npy, color.npy ...) with its features and grids",
    (FOLDER,),
    sniff,
    read,
    Writer(write, unsupported, refuse_existing=refuse_existing),
)
