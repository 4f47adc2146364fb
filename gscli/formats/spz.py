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
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud, Header
from ..containers import gzip, zstd
from ..containers.bytes import check_expansion, check_scene, gunzip, malformed, mapped, require_end, table
from ..errors import GscliError, InputError
from ..files import axes as frames
from ..files import render_modes, writing
from ..kernels import parallel
from ..progress import nothing, shared
from . import _rows
from ._blocks import Chosen
from ._decoded import Decoded
from ._format import Format, Loss, Writer
from ._spz_streams import Bytes, SpzHeader, decoder, encoders

MAGIC = b"NGSP"
ANTIALIASED, EXTENDED = 1, 2  # flags
AXES_RECORD = 0xADBE0003  # the extension that names the axes, as 1 + their place in `frames.NAMES`
AXES = "rub"  # of files that do not say
_WHAT = "an SPZ file"
COMPACT_BITS = 12  # behind the point of compact positions
_LEGACY_TAIL = 1 << 20  # extensions that may follow the splats in versions 1 to 3


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
                body = gunzip(data, whole, path)
            streams, at = [], 16
            for width in widths:
                streams.append(table(body, "u1", header.points * width, at, path, "bytes"))
                at += header.points * width
            if not header.flags & EXTENDED:
                require_end(path, body, at, "its splats")
            records = body[at:].tobytes()
        said, notes = _extensions(path, records) if header.flags & EXTENDED else (None, ())
        known = said or axes or AXES
        tables = [s.reshape(header.points, w) for s, w in zip(streams, widths, strict=True)]
        decode = decoder(header, tables, frames.signs(known, into or known))
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

    def encoded(encode: Callable[[slice], npt.NDArray[Any]]) -> Iterator[bytes]:
        for piece in parallel.in_order(lambda part: encode(part).tobytes(), chosen.blocks()):
            yield piece
            told(len(piece))

    first = struct.pack("<4sIIBBBB", MAGIC, *header)
    streams = map(encoded, encoders(chosen, header, frames.signs(axes), compact))
    with writing.replacing(path, overwrite=overwrite) as stream:
        gzip.pack(stream, chain([[first]], streams, [[record]]))


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
