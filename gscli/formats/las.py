"""LAS and LAZ through laspy: every dimension a column, positions as scaled doubles.

The header is kept, so that a file is written back with the scale and offset it had and its integer
coordinates come out the same. Columns that the point format does not have become extra dimensions.
Counts are checked against the file's size before laspy sees them.
"""

from __future__ import annotations

import copy
import os
import re
import struct
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields, writing
from ..cloud import GaussianCloud, Header
from ..containers import laz
from ..containers.bytes import check_expansion, malformed, mapped, table
from ..errors import InputError
from ..progress import nothing
from ._format import Format, Loss, Writer
from ._rows import selected

_EXTRA_TYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"]
_POINT_FORMAT = 6  # of files that were no LAS before: the plainest of LAS 1.4
_COMPRESSED = 0x80
_TAKEN = ("array", "point_format", "scales", "offsets", "sub_fields_dict")  # names of laspy's own in a record


def sniff(head: bytes) -> bool:
    return head.startswith(b"LASF")


def read(path: Path) -> GaussianCloud:
    """Read a LAS or LAZ file.

    Raises:
        InputError: damaged, cut short, or a header that claims too much.
    """
    packed = _check(path)
    import laspy

    with (
        malformed(path, "LAS"),
        nullcontext(path) if packed is None else laz.unpacked(path, packed) as plain,
    ):
        try:
            las = laspy.read(plain)
        except laspy.errors.LaspyException as error:
            raise ValueError(str(error)) from None
        las.header.vlrs.extract("LasZipVlr")
        others = [name for name in las.point_format.dimension_names if name not in "XYZ"]
        columns = {name: np.asarray(las[axis]) for name, axis in zip("xyz", "xyz", strict=True)}
        columns |= {name: np.asarray(las[name]) for name in others}
        kinds = [(name, array.dtype, array.shape[1:]) for name, array in columns.items()]
        rows = np.empty(len(las.points), kinds)
        for name, array in columns.items():
            rows[name] = array
        return GaussianCloud(rows, Header("las", native=las.header))


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
    header = _header(chosen)
    held = set(header.point_format.dimension_names)
    extra = [name for name in _kept(chosen) if name not in held and name not in fields.POSITION]
    header.add_extra_dims([laspy.ExtraBytesParams(name, _type(chosen.rows.dtype[name])) for name in extra])
    las = laspy.LasData(header, laspy.ScaleAwarePointRecord.zeros(len(chosen), header=header))
    las.x, las.y, las.z = (np.asarray(chosen.rows[axis], np.float64) for axis in fields.POSITION)
    for name in _kept(chosen):
        if name not in fields.POSITION:
            las[name] = chosen.rows[name]
    compress = os.fspath(path).lower().endswith(".laz")
    with (
        writing.replacing(path, overwrite=overwrite) as stream,
        laspy.open(stream, mode="w", header=header, do_compress=compress, closefd=False) as writer,
    ):
        writer.write_points(las.points)
        if header.evlrs:
            writer.write_evlrs(header.evlrs)
    advance(len(cloud))


def unsupported(cloud: GaussianCloud) -> list[Loss]:
    """What LAS cannot hold: comments, some types, and positions that were not on its grid before."""
    lost = []
    if not _on_grid(cloud) and len(cloud):
        lost.append(Loss("precision", detail=f"positions in steps of {_scale(cloud):g}", rounds=True))
    kept = _kept(cloud)
    lost += [Loss.column(cloud, name) for name in cloud.fields if name not in kept]
    return lost + Loss.comments(cloud)


def _header(cloud: GaussianCloud) -> Any:
    import laspy

    if _on_grid(cloud):
        return copy.deepcopy(cloud.header.native)
    if cloud.header.format == "las":
        header = copy.deepcopy(cloud.header.native)
    else:
        header = laspy.LasHeader(point_format=_POINT_FORMAT, version="1.4")
        header.creation_date = None  # the same cloud gives the same bytes
        header.generating_software = "gscli"
    header.scales = np.full(3, _scale(cloud) if len(cloud) else 1e-3)
    header.offsets = np.floor(cloud.xyz.min(axis=0)) if len(cloud) else np.zeros(3)
    return header


def _on_grid(cloud: GaussianCloud) -> bool:
    """Whether the positions are those of a LAS file, which lie on the grid that its header names."""
    return cloud.header.format == "las" and cloud.header.edited.isdisjoint(fields.POSITION)


def _scale(cloud: GaussianCloud) -> float:
    """The finest power of ten whose steps reach across the cloud in 31 bits."""
    reach = float(np.ptp(cloud.xyz.astype(np.float64), axis=0).max()) + 1.0
    return float(10.0 ** np.ceil(np.log10(reach / (2**31 - 1))))


def _kept(cloud: GaussianCloud) -> list[str]:
    """The columns that have a place: dimensions of the same name whose type holds them, or new ones."""
    if cloud.header.format == "las":
        return list(cloud.fields)
    import laspy

    plain = laspy.PointFormat(_POINT_FORMAT)
    standard = {d.name: d for d in plain.dimensions if d.name not in "XYZ"}
    taken = {*_TAKEN, *plain.dtype().names}
    kept = []
    for name in cloud.fields:
        kind = cloud.rows.dtype[name]
        if name in fields.POSITION:
            kept.append(name)
        elif name in standard:
            if standard[name].num_bits >= 8 and np.can_cast(kind, standard[name].dtype, "safe"):
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
