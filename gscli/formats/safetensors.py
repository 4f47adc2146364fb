"""safetensors with gsplat's names: means, scales, quats, opacities, sh0, shN, and a tensor for any other
column. The metadata keep the column order and the comments, so that nothing is lost.

Own code: the format is a length, a JSON header and the bytes, and here they are mapped, not copied.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud, Header
from ..containers.bytes import (
    MAX_JSON,
    malformed,
    mapped,
    parsed,
    require_columns,
    require_end,
    table,
    volume,
)
from ..containers.torch_file import BFLOAT16
from ..errors import InputError
from ..files import writing
from ..progress import nothing, shared
from ._format import Format, Loss, Writer
from ._gsplat import TAKEN, named
from ._rows import selected

METADATA = "__metadata__"
_TAKEN = {*TAKEN, METADATA, ""}
_TYPES: dict[str, Any] = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": BFLOAT16,
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "u1",
    "BOOL": "?",
}


def sniff(head: bytes) -> bool:
    length = int.from_bytes(head[:8], "little")
    return 2 <= length <= MAX_JSON and head[8:10] == b'{"'


def read(path: Path, *, only: Sequence[str] | None = None) -> GaussianCloud:
    """Read the Gaussians of a safetensors file; with `only`, just the tensors with one of those columns.

    Raises:
        InputError: damaged, or without ``means``.
    """
    data = mapped(path)
    with malformed(path, "safetensors"):
        length = int(table(data, "<u8", 1, 0, path, "header length")[0])
        if length > MAX_JSON:
            raise InputError(f"claims a header of {length:,} bytes", path=path, remedy="it is damaged")
        header = parsed(table(data, "u1", length, 8, path, "header bytes").tobytes())
        about = header.pop(METADATA, {})
        require_columns(path, len(header), "tensors")
        tensors = {}
        for name, entry in header.items():
            start, stop = entry["data_offsets"]
            if entry["dtype"] not in _TYPES:
                raise InputError(
                    f"has {name[:40]} of type {entry['dtype'][:40]}, which is not read", path=path
                )
            kind, shape = np.dtype(_TYPES[entry["dtype"]]), entry["shape"]
            if volume(shape) * kind.itemsize != stop - start or start < 0:
                raise InputError(f"has {name[:40]} of another size than its shape", path=path)
            flat = table(data, kind, volume(shape), 8 + length + start, path, f"numbers of {name[:40]}")
            if kind == BFLOAT16:
                flat = (flat["bfloat16"].astype("<u4") << 16).view(np.float32)
            tensors[name] = flat.reshape(shape)
        ends = [entry["data_offsets"][1] for entry in header.values()]
        require_end(path, data, 8 + length + max(ends, default=0), "its tensors")
        model = named(path, tensors)
        model.comments += parsed(about.get("comments", "[]"))
        cloud = model.cloud("safetensors", only)
        held = set(cloud.fields)
        order = [name for name in parsed(about.get("columns", "[]")) if name in held]
        if sorted(order) == sorted(cloud.fields) and order != list(cloud.fields):
            rows = np.empty(len(cloud), [(name, cloud.rows.dtype[name]) for name in order])
            for name in order:
                rows[name] = cloud.rows[name]
            cloud = GaussianCloud(rows, cloud.header)
        return GaussianCloud(
            cloud.rows, Header("safetensors", cloud.header.comments, notes=cloud.header.notes)
        )


def write(
    path: str | os.PathLike[str],
    cloud: GaussianCloud,
    *,
    overwrite: bool = False,
    index: npt.NDArray[Any] | None = None,
    advance: Callable[[int], object] = nothing,
) -> None:
    """Write every column of a cloud.

    Raises:
        GscliError: a column that `unsupported` names.
    """
    chosen = selected(cloud, index)
    header: dict[str, Any] = {
        METADATA: {
            "format": "3dgs",
            "columns": json.dumps(chosen.fields),
            "comments": json.dumps(chosen.header.comments),
        }
    }
    tensors = _tensors(chosen)
    at = 0
    for name, gather in tensors.items():
        one = gather(chosen.rows[:0])
        kind = next(code for code, stored in _TYPES.items() if np.dtype(stored) == one.dtype)
        end = at + len(chosen) * math.prod(one.shape[1:]) * one.itemsize
        header[name] = {"dtype": kind, "shape": [len(chosen), *one.shape[1:]], "data_offsets": [at, end]}
        at = end
    told = shared(advance, len(cloud), len(chosen) * len(tensors))
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with writing.replacing(path, overwrite=overwrite) as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        for gather in tensors.values():
            for _, block in chosen.blocks():
                stream.write(gather(block).tobytes())
                told(len(block))


def unsupported(cloud: GaussianCloud) -> list[Loss]:
    """Columns of types that safetensors do not have, or called like something else in them."""
    kept = _kept(cloud)
    return [Loss.column(cloud, name) for name in cloud.fields if name not in kept]


def _kept(cloud: GaussianCloud) -> list[str]:
    kinds = [np.dtype(kind) for kind in _TYPES.values()]
    types = {name: cloud.rows.dtype[name] for name in cloud.fields if name not in _TAKEN}
    return [name for name, kind in types.items() if not kind.shape and kind.newbyteorder("<") in kinds]


def _tensors(cloud: GaussianCloud) -> dict[str, Callable[[npt.NDArray[Any]], npt.NDArray[Any]]]:
    """What gathers, from a block of rows, as many of each tensor.

    They are gsplat's, from columns of one type, and one for each column that is left.
    """
    degree = fields.sh_degree(cloud.fields)
    rest = fields.sh_rest(degree or 0)
    groups: list[tuple[str, tuple[str, ...], tuple[int, ...]]] = [
        ("means", fields.POSITION, (3,)),
        ("normals", fields.NORMAL, (3,)),
        ("sh0", fields.SH_DC, (1, 3)),
        ("shN", rest, (3, len(rest) // 3)),
        ("opacities", (fields.OPACITY,), ()),
        ("scales", fields.scale_names(cloud.fields), (len(fields.scale_names(cloud.fields)),)),
        ("quats", fields.ROTATION, (4,)),
    ]
    out: dict[str, Callable[[npt.NDArray[Any]], npt.NDArray[Any]]] = {}
    left = _kept(cloud)
    for label, names, shape in groups:
        if not names or not set(names) <= set(left):
            continue
        kinds = {cloud.rows.dtype[name] for name in names}
        if label == "means" and len(kinds) > 1:
            kinds = {np.result_type(*kinds)}
        if len(kinds) > 1 or (label == "scales" and names != fields.SCALE[: len(names)]):
            continue
        out[label] = partial(_gathered, names, kinds.pop().newbyteorder("<"), shape, label == "shN")
        left = [name for name in left if name not in names]
    for name in left:
        out[name] = partial(_gathered, (name,), cloud.rows.dtype[name].newbyteorder("<"), (), False)
    return out


def _gathered(
    names: Sequence[str], kind: np.dtype[Any], shape: tuple[int, ...], turned: bool, rows: npt.NDArray[Any]
) -> npt.NDArray[Any]:
    """(rows, *shape) of some columns; `turned`, with the two axes of the shape exchanged."""
    flat = np.empty((len(rows), len(names)), kind)
    for place, name in enumerate(names):
        flat[:, place] = rows[name]
    array = flat.reshape(len(rows), *shape)
    return array.transpose(0, 2, 1) if turned else array


FORMAT = Format(
    "safetensors",
    "safetensors with gsplat's tensor names",
    (".safetensors",),
    sniff,
    read,
    Writer(write, unsupported),
    takes=frozenset({"only"}),
)
