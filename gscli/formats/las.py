"""LAS and LAZ: every dimension a column, positions as scaled doubles.

What stands before and behind the points is kept as bytes, so that a file is written back with the scale and
offset it had, its integer coordinates come out the same, and whatever gscli does not know stays. laspy packs
and unpacks points. Columns that the point format does not have become extra dimensions. Counts are checked
against the file's size before anything is read.

One module, as every format is: what is read is written beside it.
"""

from __future__ import annotations

import copy
import io
import os
import re
import struct
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud, Header
from ..containers import laz
from ..containers.bytes import check_expansion, malformed, mapped, table
from ..containers.las_head import LasHead, extra_bytes
from ..errors import GscliError, InputError
from ..files import writing
from ..kernels.structured import as_bytes
from ..progress import nothing
from . import _las_grid
from ._format import Format, Loss, Writer
from ._las_grid import Native
from ._rows import selected

_EXTRA_TYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"]
_POINT_FORMAT = 6  # of files that were no LAS before: the plainest of LAS 1.4
_COMPRESSED = 0x80
_TAKEN = ("array", "point_format", "scales", "offsets", "sub_fields_dict")  # names of laspy's own in a record


_NO_OCTREE = "is a COPC file: what is written of it is plain LAS, as its octree holds for no other points"


def sniff(head: bytes) -> bool:
    return head.startswith(b"LASF")


def read(path: Path) -> GaussianCloud:
    """Read a LAS or LAZ file.

    Raises:
        InputError: damaged, cut short, or a header that claims too much.
    """
    packed = _check(path)
    import laspy

    data = mapped(path)
    with (
        malformed(path, "LAS"),
        nullcontext(path) if packed is None else laz.unpacked(path, packed) as plain,
    ):
        head = LasHead.of(data, path)
        try:
            header = laspy.LasHeader.read_from(io.BytesIO(head.readable()))
        except laspy.errors.LaspyException as error:
            raise ValueError(str(error)) from None
        _las_grid.check(path, header.scales, header.offsets)
        points = table(
            data if packed is None else mapped(plain),
            header.point_format.dtype(),
            header.point_count,
            struct.unpack_from("<I", head.fixed, 96)[0],
            path,
            "points",
        )
        las = laspy.ScaleAwarePointRecord(points, header.point_format, header.scales, header.offsets)
        others = [name for name in header.point_format.dimension_names if name not in "XYZ"]
        columns = {axis: np.asarray(las[axis]) for axis in fields.POSITION}
        columns |= {name: np.asarray(las[name]) for name in others}
        kinds = [(name, array.dtype, array.shape[1:]) for name, array in columns.items()]
        rows = np.empty(len(points), kinds)
        for name, array in columns.items():
            rows[name] = array
        notes = (_NO_OCTREE,) if head.octree else ()
        native = Native(head.plain(), header.point_format, header.scales, header.offsets)
        return GaussianCloud(rows, Header("las", native=native, notes=notes))


def write(
    path: str | os.PathLike[str],
    cloud: GaussianCloud,
    *,
    overwrite: bool = False,
    index: npt.NDArray[Any] | None = None,
    advance: Callable[[int], object] = nothing,
) -> None:
    """Write LAS, or LAZ if the name ends so; what `unsupported` names is left out or rounded."""
    import laspy

    chosen = selected(cloud, index)
    _las_grid.require_reach(chosen)
    native = _native(chosen)
    kind, head = copy.deepcopy(native.kind), native.head
    held = set(kind.dimension_names)
    extra = [name for name in _kept(chosen) if name not in held and name not in fields.POSITION]
    types = {name: _type(chosen.rows.dtype[name]) for name in extra}
    unknown = kind.num_extra_bytes if "ExtraBytes" in held else 0
    new = [extra_bytes(name, _EXTRA_TYPES.index(stored) + 1) for name, stored in types.items()]
    head = head.described([extra_bytes("ExtraBytes", 0, unknown)] * bool(unknown and new) + new)
    for name, stored in types.items():
        kind.add_extra_dimension(laspy.ExtraBytesParams(name, stored))
    las = laspy.ScaleAwarePointRecord.zeros(
        len(chosen), point_format=kind, scales=native.scales, offsets=native.offsets
    )
    try:
        with np.errstate(all="ignore"):
            for name in _kept(chosen):
                as_real = name in fields.POSITION
                las[name] = given = (
                    np.asarray(chosen.rows[name], np.float64) if as_real else chosen.rows[name]
                )
                if as_real and not _near(las, name, given):
                    raise OverflowError("they are beyond 32 bits")
            about = _about(las)
            head = head.limited({name: las.array[name] for name in kind.extra_dimension_names})
    except (OverflowError, ValueError) as error:  # a file with a scale or an offset that makes no sense
        raise GscliError(
            f"the integers of LAS cannot hold {name} ({error})", remedy="write .ply, which holds any columns"
        ) from None
    packed = os.fspath(path).lower().endswith(".laz")
    with writing.replacing(path, overwrite=overwrite) as stream:
        if packed:
            laz.write(stream, head, las.array, about, kind.num_extra_bytes)
        else:
            stream.write(head.before(**about))
            stream.write(as_bytes(las.array).data)
            stream.write(head.tail)
    advance(len(cloud))


def _near(las: Any, axis: str, given: npt.NDArray[np.float64]) -> bool:
    """Whether positions in laspy's record are a step from what they should be, at most."""
    step = np.abs(las.scales["xyz".index(axis)]) + np.spacing(np.abs(given))
    return bool((np.abs(np.asarray(las[axis]) - given) <= step).all())


def _about(las: Any) -> dict[str, Any]:
    """What a head has to say of laspy's record of points; see `LasHead.before`."""
    axes = [np.asarray(las[axis]) for axis in fields.POSITION] if len(las) else [np.zeros(1)] * 3
    return {
        "kind": las.point_format.id,
        "width": las.point_format.size,
        "scales": las.scales,
        "offsets": las.offsets,
        "bounds": np.array([[axis.max() for axis in axes], [axis.min() for axis in axes]]),
        "returns": np.bincount(np.asarray(las.return_number), minlength=16)[1:16],
        "count": len(las),
        "times": _times(las),
        "size": las.array.nbytes,
    }


def _times(las: Any) -> tuple[float, float] | None:
    """The last and the first GPS time; None where points have none."""
    if "gps_time" not in las.point_format.dimension_names or not len(las):
        return None
    times = np.asarray(las.gps_time)
    return float(times.max()), float(times.min())


def unsupported(cloud: GaussianCloud) -> list[Loss]:
    """What LAS cannot hold: comments, some types, and positions that were not on its grid before."""
    lost = []
    if not _las_grid.on_grid(cloud) and len(cloud):
        lost.append(
            Loss("precision", detail=f"positions in steps of {_las_grid.scale_of(cloud):g}", rounds=True)
        )
    elif (step := _las_grid.step_too_fine(cloud)) is not None:
        detail = f"positions in steps of {step:g}, which doubles this far out do not tell apart"
        lost.append(Loss("precision", detail=detail, rounds=True))
    kept = _kept(cloud)
    lost += [Loss.column(cloud, name) for name in cloud.fields if name not in kept]
    return lost + Loss.comments(cloud)


def _native(cloud: GaussianCloud) -> Native:
    """What the cloud is written with: its own file's, on another grid if its positions left that."""
    import laspy

    if _las_grid.on_grid(cloud):
        native: Native = cloud.header.native
        return native
    if cloud.header.format == "las":
        native = cloud.header.native
    else:
        header = laspy.LasHeader(point_format=_POINT_FORMAT, version="1.4")
        header.generating_software = "gscli"
        with io.BytesIO() as stream:
            header.write_to(stream)
            head = LasHead.undated(stream.getvalue())
        native = Native(head, header.point_format, header.scales, header.offsets)
    scale = _las_grid.scale_of(cloud) if len(cloud) else 1e-3
    offsets = np.floor(cloud.xyz.astype(np.float64).min(axis=0)) if len(cloud) else np.zeros(3)
    return native._replace(scales=np.full(3, scale), offsets=offsets)


def _kept(cloud: GaussianCloud) -> list[str]:
    """The columns that have a place: dimensions of the same name whose type holds them, or new ones."""
    import laspy

    own = cloud.header.format == "las"
    plain = cloud.header.native.kind if own else laspy.PointFormat(_POINT_FORMAT)
    standard = {d.name: d for d in plain.dimensions if d.name not in "XYZ"}
    taken = {*_TAKEN, *plain.dtype().names}
    kept = []
    for name in cloud.fields:
        kind = cloud.rows.dtype[name]
        if name in fields.POSITION:
            kept.append(name)
        elif name in standard:
            if own or (standard[name].num_bits >= 8 and np.can_cast(kind, standard[name].dtype, "safe")):
                kept.append(name)
        elif _type(kind) in _EXTRA_TYPES and name not in taken and re.fullmatch(r"[!-~]{1,32}", name):
            kept.append(name)
    return kept


def _type(kind: np.dtype[Any]) -> str:
    return kind.str[1:] if not kind.shape else ""


def _check(path: Path) -> int | None:
    """Refuse a header whose counts the file cannot hold.

    Returns:
        How many bytes the points take once unpacked; None if they are not packed.
    """
    data = mapped(path)
    head = table(data, "u1", min(len(data), 375), 0, path, "header bytes").tobytes()
    if not sniff(head) or len(head) < 227:
        raise InputError("is no LAS file, or its header is cut short", path=path)
    offset, records, kind, width, count = struct.unpack_from("<IIBHI", head, 96)
    minor = head[25]
    behind = 0
    if minor >= 4 and len(head) >= 255:
        start, extended, many = struct.unpack_from("<QIQ", head, 235)
        count = many or count
        behind = start + 60 * extended if extended else 0
    if max(54 * records, behind, offset) > len(data):
        raise InputError("claims more header records than it has bytes", path=path, remedy="it is damaged")
    if kind & _COMPRESSED:
        check_expansion(path, len(data), count * width)
        return int(count * width)
    table(data, "u1", count * width, offset, path, "bytes of points")
    return None


FORMAT = Format(
    "las",
    "LAS and LAZ, all dimensions, scale and offset kept",
    (".las", ".laz"),
    sniff,
    read,
    Writer(write, unsupported),
    requires=("laspy",),
    optional=("lazrs",),
)
