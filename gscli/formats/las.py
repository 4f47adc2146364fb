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
from collections.abc import Callable, Iterator, Sequence
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
from ..kernels.structured import as_bytes, release_pages
from ..progress import nothing, shared
from . import _las_grid
from ._blocks import Chosen
from ._decoded import parts
from ._format import Format, Loss, Writer
from ._las_about import About
from ._las_grid import Native
from ._rows import packed

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
    unpacked = _check(path)
    import laspy

    data = mapped(path)
    with (
        malformed(path, "LAS"),
        nullcontext(path) if unpacked is None else laz.unpacked(path, unpacked) as plain,
    ):
        head = LasHead.of(data, path)
        try:
            header = laspy.LasHeader.read_from(io.BytesIO(head.readable()))
        except laspy.errors.LaspyException as error:
            raise ValueError(str(error)) from None
        _las_grid.check(path, header.scales, header.offsets)
        points = table(
            data if unpacked is None else mapped(plain),
            header.point_format.dtype(),
            header.point_count,
            struct.unpack_from("<I", head.fixed, 96)[0],
            path,
            "points",
        )
        rows = _rows_of(
            lambda part: laspy.ScaleAwarePointRecord(
                points[part], header.point_format, header.scales, header.offsets
            ),
            len(points),
        )
        notes = (_NO_OCTREE,) if head.octree else ()
        native = Native(head.plain(), header.point_format, header.scales, header.offsets)
        return GaussianCloud(rows, Header("las", native=native, notes=notes))


def _rows_of(record: Callable[[slice], Any], count: int) -> npt.NDArray[Any]:
    """Every dimension as a column, given laspy's record of any slice of the points."""
    none = record(slice(0))
    names = (*fields.POSITION, *(name for name in none.point_format.dimension_names if name not in "XYZ"))
    empty = {name: np.asarray(none[name]) for name in names}
    rows = np.empty(count, [(name, column.dtype, column.shape[1:]) for name, column in empty.items()])
    for part in parts(count):
        points = record(part)
        for name in names:
            rows[name][part] = points[name]
        release_pages(points.array)
    return rows


def write(
    path: str | os.PathLike[str],
    cloud: GaussianCloud,
    *,
    overwrite: bool = False,
    index: npt.NDArray[Any] | None = None,
    advance: Callable[[int], object] = nothing,
) -> None:
    """Write LAS, or LAZ if the name ends so; what `unsupported` names is left out or rounded."""
    chosen, kept = Chosen.of(cloud, index), _kept(cloud)
    placed = _placed(chosen)
    _las_grid.require_reach(placed)
    native = _native(placed)
    kind, head = _described(cloud, native, kept)
    told = shared(advance, len(cloud), 2 * len(chosen))

    def records() -> Iterator[Any]:
        for part in chosen.blocks():
            yield chosen.gathered(
                part, lambda block: _record(block, kept, kind, native.scales, native.offsets)
            )
            told(part.stop - part.start)

    about = About(kind, native.scales, native.offsets)
    for record in records():  # the head stands before the points, and says what they are
        about.add(record)
    head = head.limited(about.stored)
    with writing.replacing(path, overwrite=overwrite) as stream:
        points = (as_bytes(record.array) for record in records())
        if os.fspath(path).lower().endswith(".laz"):
            laz.write(stream, head, points, about.facts(), kind.num_extra_bytes)
        else:
            stream.write(head.before(**about.facts()))
            stream.writelines(block.data for block in points)
            stream.write(head.tail)
    if not len(chosen):
        advance(len(cloud))


def _placed(chosen: Chosen) -> GaussianCloud:
    """The chosen rows, perhaps without what is no position."""
    if chosen.index is None:
        return chosen.cloud
    kind = np.dtype([(axis, chosen.cloud.rows.dtype[axis]) for axis in fields.POSITION])
    rows = np.empty(len(chosen), kind)
    for part in chosen.blocks():
        rows[part] = chosen.gathered(part, lambda block: packed(block.rows, kind))
    return GaussianCloud(rows, chosen.cloud.header)


def _described(cloud: GaussianCloud, native: Native, kept: Sequence[str]) -> tuple[Any, LasHead]:
    """The point format, of laspy's, with dimensions for columns that it has not, and a head that says so."""
    import laspy

    kind, head = copy.deepcopy(native.kind), native.head
    held = set(kind.dimension_names)
    extra = [name for name in kept if name not in held and name not in fields.POSITION]
    types = {name: _type(cloud.rows.dtype[name]) for name in extra}
    unknown = kind.num_extra_bytes if "ExtraBytes" in held else 0
    new = [extra_bytes(name, _EXTRA_TYPES.index(stored) + 1) for name, stored in types.items()]
    head = head.described([extra_bytes("ExtraBytes", 0, unknown)] * bool(unknown and new) + new)
    for name, stored in types.items():
        kind.add_extra_dimension(laspy.ExtraBytesParams(name, stored))
    return kind, head


def _record(
    block: GaussianCloud,
    kept: Sequence[str],
    kind: Any,
    scales: npt.NDArray[np.float64],
    offsets: npt.NDArray[np.float64],
) -> Any:
    """A block of rows in a record of laspy's.

    Raises:
        GscliError: its integers do not hold them: the file that they are from has a scale or an offset
            that makes no sense.
    """
    import laspy

    record = laspy.ScaleAwarePointRecord.zeros(len(block), point_format=kind, scales=scales, offsets=offsets)
    with np.errstate(all="ignore"):
        for name in kept:
            given = block.rows[name]
            try:
                if name in fields.POSITION:
                    given = np.asarray(given, np.float64)
                record[name] = given
                if name in fields.POSITION and not _near(record, name, given):
                    raise OverflowError("they are beyond 32 bits")
            except (OverflowError, ValueError) as error:
                raise GscliError(
                    f"the integers of LAS cannot hold {name} ({error})",
                    remedy="write .ply, which holds any columns",
                ) from None
    return record


def _near(las: Any, axis: str, given: npt.NDArray[np.float64]) -> bool:
    """Whether positions in laspy's record are a step from what they should be, at most."""
    step = np.abs(las.scales["xyz".index(axis)]) + np.spacing(np.abs(given))
    return bool((np.abs(np.asarray(las[axis]) - given) <= step).all())


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
    lowest = [float(cloud.rows[axis].min()) for axis in fields.POSITION] if len(cloud) else [0.0] * 3
    return native._replace(scales=np.full(3, scale), offsets=np.floor(lowest))


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
