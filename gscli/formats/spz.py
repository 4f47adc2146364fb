"""SPZ of Niantic, versions 1 to 4: quantised splats, packed with gzip (1 to 3) or zstd (4).

Positions are 24-bit fixed point, scales 1/16 in the logarithm, colours, opacities and spherical
harmonics bytes, rotations three bytes or, from version 3, the smallest three components in 32 bits.
Axes are right-up-back where nothing tells. An extension record may name others, but many converters
store PLY's right-down-front without one, so the reader may say what such files are in. On the way to
right-down-front the reversed axes, the rotations and the odd harmonics change sign, and back again.

Own NumPy code. Of the libraries tried, gaussforge 0.6 prints to the console, converts whole files
only and refuses version 2 without gzip; gsply 0.4 compiles for 3 s at first use and leaves the axes
unturned. Here, what is unpacked never exceeds what the header's count implies. Version 3 is written,
which every reader knows.

One module, as every format is: what is read is written beside it.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud, Header
from ..containers import gzip, zstd
from ..containers.bytes import check_expansion, check_scene, gunzip, malformed, mapped, require_end, table
from ..errors import GscliError, InputError
from ..files import axes as frames
from ..files import render_modes, writing
from ..kernels import parallel, quaternions
from ..progress import nothing, shared
from . import _rows
from ._blocks import Chosen
from ._decoded import Decoded
from ._format import Format, Loss, Writer
from ._turn import Signs, of_harmonics, of_rotations, turn

MAGIC = b"NGSP"
ANTIALIASED, EXTENDED = 1, 2  # flags
AXES_RECORD = 0xADBE0003  # the extension that names the axes, as 1 + their place in `frames.NAMES`
AXES = "rub"  # of files that do not say
COLOUR = 0.15  # a colour byte is 255 (0.5 + 0.15 f_dc): room beyond 0..1
_WHAT = "an SPZ file"
Bytes = npt.NDArray[np.uint8]
_COMPONENT = 511 * np.sqrt(2.0)  # nine bits for a quaternion's component within 1 / sqrt 2
COMPACT_BITS = 12  # behind the point of compact positions
_LEGACY_TAIL = 1 << 20  # extensions that may follow the splats in versions 1 to 3


class SpzHeader(NamedTuple):
    """The first 16 bytes, which all versions share."""

    version: int
    points: int
    degree: int
    bits: int
    flags: int
    streams: int

    def widths(self) -> list[int]:
        """Bytes a splat in each stream: position, alpha, colour, scale, rotation, harmonics."""
        harmonics = 3 * ((self.degree + 1) ** 2 - 1)
        return [6 if self.version == 1 else 9, 1, 3, 3, 3 if self.version < 3 else 4, harmonics]


def sniff(head: bytes) -> bool:
    try:
        return _plain_head(head)[:4] == MAGIC
    except zlib.error:
        return False


def read(path: Path, *, axes: str | None = None) -> GaussianCloud:
    """Read an SPZ file of any version; arguments and errors as of `decoded`."""
    return decoded(path, axes=axes).whole()


def decoded(
    path: Path, data: Bytes | None = None, *, axes: str | None = None, into: str | None = frames.CLOUD
) -> Decoded:
    """The splats of an SPZ file, or of its bytes.

    Args:
        axes: those that it is in if it does not say; `AXES` by default.
        into: those that they are turned into; None for as they are stored.

    Raises:
        InputError: damaged, cut short, of an unknown version, or a header that claims too much.
        EngineUnavailable: version 4 where zstandard is broken.
    """
    data = mapped(path) if data is None else data
    with malformed(path, _WHAT):
        header = head(path, data)
        widths = header.widths()
        check_expansion(path, len(data), header.points * sum(widths))
        check_scene(path, len(data), header.points, header.degree)
        if header.version == 4:
            streams, records = zstd.unpack(path, data, header.streams, [header.points * w for w in widths])
        else:
            body = data
            if data[:4].tobytes() != MAGIC:
                whole = 16 + header.points * sum(widths) + _LEGACY_TAIL
                body = np.frombuffer(gunzip(data, whole, path), np.uint8)
            streams, at = [], 16
            for width in widths:
                streams.append(table(body, "u1", header.points * width, at, path, "bytes"))
                at += header.points * width
            if not header.flags & EXTENDED:
                require_end(path, body, at, "its splats")
            records = body[at:].tobytes()
        said, notes = _extensions(path, records) if header.flags & EXTENDED else (None, ())
        known = said or axes or AXES
        signs = frames.signs(known, into or known)
        tables = [s.reshape(header.points, w) for s, w in zip(streams, widths, strict=True)]

        def decode(part: slice, rows: npt.NDArray[Any]) -> None:
            _decode(header, [stored[part] for stored in tables], rows)
            turn(rows, header.degree, signs)

        comments = (render_modes.comment(render_modes.MIP),) if header.flags & ANTIALIASED else ()
        notes = (f"axes {frames.described(known)}, {frames.why(said, axes)}", *notes)
        about = Header("spz", comments, notes=notes, axes=known)
        return Decoded(path, _WHAT, _rows.splat_kind(header.degree), header.points, about, decode)


def head(path: Path, data: npt.NDArray[np.uint8]) -> SpzHeader:
    """What the first bytes of an SPZ file say; errors as of `decoded`."""
    with malformed(path, _WHAT):
        return _header(path, _plain_head(data[:4096].tobytes()))


def write(
    path: str | os.PathLike[str],
    cloud: GaussianCloud,
    *,
    overwrite: bool = False,
    index: npt.NDArray[Any] | None = None,
    advance: Callable[[int], object] = nothing,
    compact: bool = False,
) -> None:
    """Write the 3DGS fields of a cloud as version 3, positions in the finest step that reaches them.

    With `compact` they keep at most 12 bits behind the point, and harmonics 4 or 5, which packs better: the
    values of Niantic's own packer.

    It is in the axes that the cloud's header names, or else in `AXES`; a record says which if not those.

    Raises:
        GscliError: no points, a value that is not finite, or a position beyond 2^23.
    """
    _rows.require_splats(cloud)
    chosen = Chosen.of(cloud, index)
    if not len(chosen):
        raise GscliError("has no points, and readers of .spz refuse none", path=path, remedy="write .ply")
    reach = max(float(np.abs(chosen.planes(fields.POSITION, part)).max()) for part in chosen.blocks())
    axes = cloud.header.axes or AXES
    flags = ANTIALIASED if cloud.render_mode == render_modes.MIP else 0
    record = b""
    if axes != AXES:
        flags |= EXTENDED
        record = struct.pack("<III", AXES_RECORD, 4, 1 + frames.NAMES.index(axes))
    degree = fields.sh_degree(cloud.fields) or 0
    bits = _fractional_bits(reach)
    header = SpzHeader(3, len(chosen), degree, min(bits, COMPACT_BITS) if compact else bits, flags, 0)
    told = shared(advance, len(cloud), len(chosen) * sum(header.widths()))

    def pieces() -> Iterator[bytes]:
        yield struct.pack("<4sIIBBBB", MAGIC, *header)
        encoders = _encoders(chosen, header, frames.signs(axes), compact)
        parts = ((encode, part) for encode in encoders for part in chosen.blocks())
        for piece in parallel.in_order(lambda job: job[0](job[1]).tobytes(), parts):
            yield piece
            told(len(piece))
        yield record

    with writing.replacing(path, overwrite=overwrite) as stream:
        gzip.pack(stream, pieces())


def unsupported(cloud: GaussianCloud, *, compact: bool = False) -> list[Loss]:
    """What SPZ cannot hold: fixed point and bytes; nothing but the 3DGS fields."""
    positions = f"positions in steps of 1/{1 << COMPACT_BITS}" if compact else "positions to 24 bits"
    harmonics = "harmonics to 5 bits, beyond degree 1 to 4, " if compact else "harmonics "
    bits = (
        f"{positions}, scales to 1/16 of a logarithm within -10..5.9, "
        f"rotations to 10 bits, the rest to 8; colours within -0.44..1.44, {harmonics}within -1..1"
    )
    return [
        Loss("precision", detail=bits, rounds=True),
        *_rows.dropped(cloud, degree=4, modes=(None, render_modes.MIP)),
    ]


def _plain_head(head: bytes) -> bytes:
    """The first 16 bytes once unpacked."""
    return zlib.decompressobj(31).decompress(head, 16) if head[:2] == b"\x1f\x8b" else head[:16]


def _header(path: Path, head: bytes) -> SpzHeader:
    magic, *values = struct.unpack("<4sIIBBBB", head)
    header = SpzHeader(*values)
    if magic != MAGIC:
        raise InputError("is no SPZ file: it does not start with NGSP", path=path)
    if not 1 <= header.version <= 4:
        raise InputError(f"is SPZ version {header.version}; 1 to 4 are read", path=path)
    if header.degree > fields.MAX_SH_DEGREE or header.bits > 24:
        raise InputError(
            f"claims SH degree {header.degree} and {header.bits} fractional bits",
            path=path,
            remedy="it is damaged",
        )
    return header


def _decode(header: SpzHeader, streams: list[npt.NDArray[np.uint8]], rows: npt.NDArray[Any]) -> None:
    """Fill new rows from as many of each stream."""
    position, alpha, colour, scale, rotation, harmonics = streams
    columns = _rows.columns_of
    if header.version == 1:
        columns(rows, fields.POSITION)[...] = position.view("<f2")
    else:
        low, middle, high = (position[:, i::3].astype(np.int32) for i in range(3))
        fixed = (low | middle << 8 | high << 16) << 8 >> 8  # the sign of 24 bits, extended
        columns(rows, fields.POSITION)[...] = fixed / 2.0**header.bits
    rows[fields.OPACITY] = _rows.LOGITS[alpha[:, 0]]
    columns(rows, fields.SH_DC)[...] = (colour / 255.0 - 0.5) / COLOUR
    columns(rows, fields.SCALE)[...] = scale / 16.0 - 10.0
    if header.version < 3:
        xyz = rotation / 127.5 - 1.0
        columns(rows, fields.ROTATION[1:])[...] = xyz
        rows[fields.ROTATION[0]] = np.sqrt(np.maximum(0.0, 1.0 - (xyz**2).sum(axis=1)))
    else:
        packed = rotation.view("<u4")  # (N, 1)
        parts = packed >> np.array([20, 10, 0], np.uint32) & 1023
        others = np.where(parts & 512, -1.0, 1.0) * (parts & 511) / _COMPONENT
        xyzw = quaternions.join_largest((packed[:, 0] >> 30).astype(np.int64), others)
        columns(rows, fields.ROTATION)[...] = xyzw[:, [3, 0, 1, 2]]
    if header.degree:
        colours = harmonics.reshape(len(rows), -1, 3).transpose(0, 2, 1).reshape(len(rows), -1)
        columns(rows, fields.sh_rest(header.degree))[...] = (colours - 128.0) / 128.0


def _encoders(
    chosen: Chosen, header: SpzHeader, signs: Signs, compact: bool
) -> list[Callable[[slice], npt.NDArray[Any]]]:
    """For each stream, what makes its bytes of a block of rows."""

    def position(part: slice) -> npt.NDArray[Any]:
        xyz = chosen.planes(fields.POSITION, part) * signs
        fixed = np.rint(xyz * 2.0**header.bits).astype("<i4", order="C")
        return fixed.view(np.uint8).reshape(-1, 4)[:, :3]  # the lowest three bytes of four

    def colour(part: slice) -> npt.NDArray[Any]:
        return _rows.to_bytes((chosen.planes(fields.SH_DC, part) * COLOUR + 0.5) * 255)

    def scale(part: slice) -> npt.NDArray[Any]:
        return _rows.to_bytes((chosen.planes(fields.SCALE, part) + 10) * 16)

    def rotation(part: slice) -> npt.NDArray[Any]:
        wxyz = quaternions.unit(chosen.planes(fields.ROTATION, part) * of_rotations(signs))
        largest, others = quaternions.split_largest(wxyz[:, [1, 2, 3, 0]])
        parts = np.minimum(np.floor(np.abs(others) * _COMPONENT + 0.5), 511).astype("<u4")
        parts |= np.where(others < 0, np.uint32(512), np.uint32(0))
        packed = largest.astype("<u4") << 30 | parts[:, 0] << 20 | parts[:, 1] << 10 | parts[:, 2]
        return np.asarray(packed, "<u4")

    def harmonics(part: slice) -> npt.NDArray[Any]:
        rest = chosen.planes(fields.sh_rest(header.degree), part) * of_harmonics(signs, header.degree)
        values = (rest * 128 + 128).reshape(len(rest), 3, -1).transpose(0, 2, 1)
        if compact:  # to the nearest multiple of a step of 8 or 16, a half upwards
            step = np.where(np.arange(values.shape[1]) < 3, 8.0, 16.0)[:, None]
            values = np.floor((np.rint(values) + step / 2) / step) * step
        return _rows.to_bytes(values)

    return [position, chosen.alpha_bytes, colour, scale, rotation, *[harmonics] * bool(header.degree)]


def _fractional_bits(reach: float) -> int:
    """As many as leave room for the largest coordinate in 24 bits with a sign, at most 23."""
    if reach >= 2**23 - 1:
        raise GscliError(f"has a coordinate of {reach:g}, beyond the 2^23 of .spz", remedy="write .ply")
    return next(bits for bits in range(23, -1, -1) if reach * 2**bits < 2**23 - 1)


def _extensions(path: Path, records: bytes) -> tuple[str | None, tuple[str, ...]]:
    """The axes that the extension records name, if they do, and a note on those left out."""
    axes, other, at = 0, [], 0
    while at + 8 <= len(records):
        kind, length = struct.unpack_from("<II", records, at)
        if at + 8 + length > len(records):
            raise InputError("has an extension record that is cut short", path=path)
        if kind == AXES_RECORD and length == 4:
            (axes,) = struct.unpack_from("<I", records, at + 8)
        else:
            other.append(f"{kind:#010x}")
        at += 8 + length
    if at != len(records):
        raise InputError("has an extension record that is cut short", path=path)
    if axes > len(frames.NAMES):
        raise InputError(f"is stored in axes {axes}, which are not read", path=path)
    return frames.NAMES[axes - 1] if axes else None, (
        f"extension records left out: {', '.join(other[:8])}",
    ) if other else ()


FULL = Writer(write, unsupported, lossy=True)
COMPACT = Writer(partial(write, compact=True), partial(unsupported, compact=True), lossy=True)
FORMAT = Format(
    "spz",
    "SPZ 1 to 4: 24-bit positions, bytes for the rest",
    (".spz",),
    sniff,
    read,
    Writer(write, unsupported, lossy=True, qualities={"full": FULL, "compact": COMPACT}),
    takes=frozenset({"axes"}),
    decoded=decoded,
)
