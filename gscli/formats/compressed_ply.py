"""Compressed PLY of PlayCanvas: chunks of 256 splats, each value 8 to 11 bits within its chunk's range.

A PLY file by its first line; the elements ``chunk`` (minima and maxima), ``vertex`` (four uint32
each) and, with spherical harmonics, ``sh`` (a byte each) tell it apart. Own NumPy code: gaussforge
0.6 knows it only as a whole file and drops what follows, gsply 0.4 compiles for 3 s at first use.

Rows are written in an order in which a chunk spans little space, and so loses little precision.

One module, as every format is: what is read is written beside it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud, Header
from ..containers.bytes import malformed, mapped, table
from ..errors import InputError
from ..files import writing
from ..kernels import chunks, parallel, quaternions
from ..kernels.quantising import look_up
from ..kernels.structured import release_pages
from ..progress import nothing, shared
from . import _rows, ply
from ._blocks import Chosen
from ._decoded import Decoded
from ._format import Format, Loss, Writer

CHUNK = 256
_WHAT = "a compressed PLY"
_PACKED = ("packed_position", "packed_rotation", "packed_scale", "packed_color")
_AXES = {"xyz": "{}_{}", "scale": "{}_scale_{}", "rgb": "{}_{}"}
_POSITION_BITS, _COLOUR_BITS, _ROTATION_BITS = (11, 10, 11), (8, 8, 8, 8), (10, 10, 10)
_HARMONICS = (np.array([0.0, *(np.arange(1, 255) + 0.5) / 256, 1.0]) - 0.5) * 8  # what bytes stand for


def _chunk_names(groups: tuple[str, ...]) -> list[str]:
    """The properties of a chunk: min_x min_y min_z max_x ... min_scale_x ... min_r ..."""
    return [
        _AXES[group].format(end, axis)
        for group in groups
        for end in ("min", "max")
        for axis in ("rgb" if group == "rgb" else "xyz")
    ]


def sniff(head: bytes) -> bool:
    return ply.sniff_packed(head)


def read(path: Path) -> GaussianCloud:
    """Read a compressed PLY; errors as of `decoded`."""
    return decoded(path).whole()


def decoded(path: Path) -> Decoded:
    """A compressed PLY.

    Raises:
        InputError: other elements or properties than the format has, or a body of another size.
    """
    data = mapped(path)
    with malformed(path, _WHAT):
        elements, comments, at = _header(path, data)
        names = list(elements)
        groups: tuple[str, ...] = ("xyz", "scale", "rgb")
        if names not in (["chunk", "vertex"], ["chunk", "vertex", "sh"]):
            raise InputError(f"has the elements {', '.join(names)}, not chunk, vertex and sh", path=path)
        if elements["chunk"][1] == [("float", n) for n in _chunk_names(groups[:2])]:
            groups = groups[:2]  # an early version without colour ranges
        count, rest = elements["vertex"][0], len(elements["sh"][1]) if "sh" in elements else 0
        expected: dict[str, tuple[int, list[tuple[str, str]]]] = {
            "chunk": (-(-count // CHUNK), [("float", n) for n in _chunk_names(groups)]),
            "vertex": (count, [("uint", n) for n in _PACKED]),
            "sh": (count, [("uchar", f"f_rest_{i}") for i in range(rest)]),
        }
        degree = next((d for d in range(5) if len(fields.sh_rest(d)) == rest), None)
        wrong = [name for name in names if elements[name] != expected[name]]
        if wrong or degree is None:
            raise InputError(f"has an element {(wrong or ['sh'])[0]} of another layout", path=path)
        chunks = table(data, "<f4", expected["chunk"][0] * len(_chunk_names(groups)), at, path, "bounds")
        at += chunks.nbytes
        packed = table(data, "<u4", count * 4, at, path, "packed values").reshape(count, 4)
        at += packed.nbytes
        harmonics = table(data, "u1", count * rest, at, path, "harmonics").reshape(count, rest)
        if at + harmonics.nbytes != len(data):
            raise InputError(f"has {len(data) - at - harmonics.nbytes:,} bytes too many", path=path)
        bounds = chunks.reshape(-1, 2 * len(groups), 3).astype(np.float64)

        def decode(part: slice, rows: npt.NDArray[Any]) -> None:
            _decode(bounds[_chunks(part)], packed[part], harmonics[part], degree, rows)
            release_pages(packed[part])
            release_pages(harmonics[part])

        header = Header("compressed_ply", tuple(comments))
        return Decoded(path, _WHAT, _rows.splat_kind(degree), count, header, decode)


def write(
    path: str | os.PathLike[str],
    cloud: GaussianCloud,
    *,
    overwrite: bool = False,
    index: npt.NDArray[Any] | None = None,
    advance: Callable[[int], object] = nothing,
) -> None:
    """Write the 3DGS fields of a cloud, in the order of `in_chunks`.

    Raises:
        GscliError: a value is not finite.
    """
    degree = min(fields.sh_degree(cloud.fields) or 0, 3)
    _rows.require_splats(cloud)
    chosen = Chosen(cloud, in_chunks(cloud, index))
    names = _rows.first_rest(fields.sh_degree(cloud.fields) or 0, degree)
    told = shared(advance, len(cloud), len(chosen) * (2 if degree else 1))
    bounds = np.empty((-(-len(chosen) // CHUNK), 6, 3), "<f4")
    packed = np.empty((len(chosen), len(_PACKED)), "<u4")
    parts = chosen.blocks()
    for part, encoded in zip(parts, parallel.in_order(partial(_encoded, chosen), parts), strict=True):
        bounds[_chunks(part)], packed[part] = encoded
        told(part.stop - part.start)
    lines = ["ply", "format binary_little_endian 1.0"]
    lines += [f"comment {comment}" for comment in cloud.header.comments]
    lines += [f"element chunk {len(bounds)}"]
    lines += [f"property float {name}" for name in _chunk_names(("xyz", "scale", "rgb"))]
    lines += [f"element vertex {len(chosen)}", *(f"property uint {name}" for name in _PACKED)]
    if degree:
        lines += [f"element sh {len(chosen)}"]
        lines += [f"property uchar {name}" for name in fields.sh_rest(degree)]
    with writing.replacing(path, overwrite=overwrite) as stream:
        stream.write("\n".join([*lines, "end_header\n"]).encode("utf-8", "surrogateescape"))
        stream.write(bounds.data)
        stream.write(packed.data)
        if degree:
            for harmonics in parallel.in_order(partial(_harmonics, chosen, names), parts):
                stream.write(harmonics.data)
                told(len(harmonics))


def unsupported(cloud: GaussianCloud) -> list[Loss]:
    """What compressed PLY cannot hold: a few bits a value; nothing but the 3DGS fields to degree 3."""
    bits = "10 or 11 bits within each 256 rows for positions and scales, 10 for rotations, 8 else"
    lost = [Loss("precision", detail=bits, rounds=True), Loss("the order of rows")]
    return [*lost, *_rows.dropped(cloud, degree=3, comments=True)]


def in_chunks(cloud: GaussianCloud, index: npt.NDArray[Any] | None = None) -> npt.NDArray[np.int64]:
    """The rows of a cloud (of those at `index`) in the order in which they are written.

    Those of a chunk are neighbours. What it takes to fill one that holds a far row is the least opaque.
    """
    chosen = Chosen.of(cloud, index)
    steps, alpha = np.empty((3, len(chosen)), np.float32), np.empty(len(chosen), np.uint8)
    for part in chosen.blocks():
        positions, alpha[part] = chosen.gathered(part, partial(_place, first=part.start))
        steps[:, part] = positions.T
    order = chunks.order_of(steps, alpha, CHUNK)
    return order if chosen.index is None else chosen.index[order].astype(np.int64)


def _place(cloud: GaussianCloud, first: int) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint8]]:
    """(N, 3) positions, those along axes of 11 bits halved, and (N,) opacity of rows from `first` on."""
    halves = [bits - min(_POSITION_BITS) for bits in _POSITION_BITS]
    positions = _rows.planes(cloud, fields.POSITION, first=first) * 0.5 ** np.array(halves)
    return positions, _rows.alpha_bytes(cloud, first=first)


def _header(path: Path, data: npt.NDArray[np.uint8]) -> tuple[dict[str, Any], list[str], int]:
    head = data[: 1 << 16].tobytes()
    end = re.search(rb"end_header\r?\n", head)
    if not end or not re.match(rb"ply\r?\nformat binary_little_endian 1\.0\r?\n", head):
        raise InputError("is not a binary little-endian PLY with an end to its header", path=path)
    elements: dict[str, tuple[int, list[tuple[str, str]]]] = {}
    comments = []
    spelled = {"float32": "float", "uint32": "uint", "uint8": "uchar"}
    for line in head[: end.start()].decode("utf-8", "surrogateescape").splitlines()[2:]:
        match line.split():
            case ["comment", *_]:
                comments.append(line[8:])
            case ["element", name, number] if re.fullmatch(r"\d{1,10}", number) and name not in elements:
                elements[name] = int(number), []
            case ["property", kind, name] if elements:
                elements[list(elements)[-1]][1].append((spelled.get(kind, kind), name))
            case [] | ["obj_info", *_]:
                pass
            case _:
                raise InputError(f"header line {line[:60]!r} is not understood", path=path)
    return elements, comments, end.end()


def _chunks(part: slice) -> slice:
    """The chunks of a block of rows."""
    return slice(part.start // CHUNK, -(-part.stop // CHUNK))


def _decode(
    bounds: npt.NDArray[Any],
    packed: npt.NDArray[Any],
    harmonics: npt.NDArray[Any],
    degree: int,
    rows: npt.NDArray[Any],
) -> None:
    """Fill new rows from as many packed ones, the first of which starts a chunk."""
    chunk = np.arange(len(packed)) // CHUNK

    def within(group: int, share: npt.NDArray[Any]) -> npt.NDArray[Any]:
        low, high = bounds[chunk, 2 * group], bounds[chunk, 2 * group + 1]
        values: npt.NDArray[Any] = low * (1 - share) + high * share
        return values

    columns = _rows.columns_of
    colour = _unpacked(packed[:, 3], _COLOUR_BITS)
    rgb = within(2, colour[:, :3]) if bounds.shape[1] > 4 else colour[:, :3]
    others = (_unpacked(packed[:, 1], _ROTATION_BITS) - 0.5) * np.sqrt(2.0)
    columns(rows, fields.POSITION)[...] = within(0, _unpacked(packed[:, 0], _POSITION_BITS))
    columns(rows, fields.SCALE)[...] = within(1, _unpacked(packed[:, 2], _POSITION_BITS))
    columns(rows, fields.SH_DC)[...] = fields.dc_from_rgb(rgb)
    rows[fields.OPACITY] = _rows.LOGITS[packed[:, 3] & 255]
    columns(rows, fields.ROTATION)[...] = quaternions.join_largest(
        (packed[:, 1] >> 30).astype(np.int64), others
    )
    if degree:
        look_up(rows, fields.sh_rest(degree), _HARMONICS, harmonics)


def _encoded(chosen: Chosen, part: slice) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """The bounds and packed values of a block of rows, the first of which starts a chunk."""
    count = part.stop - part.start
    starts = np.arange(0, count, CHUNK)
    groups = [
        chosen.planes(fields.POSITION, part),
        np.clip(chosen.planes(fields.SCALE, part), -20, 20),
        fields.rgb_from_dc(chosen.planes(fields.SH_DC, part)),
    ]
    bounds = np.empty((len(starts), 6, 3), np.float32)
    shares = []
    for i, values in enumerate(groups):
        bounds[:, 2 * i] = np.minimum.reduceat(values, starts)
        bounds[:, 2 * i + 1] = np.maximum.reduceat(values, starts)
        stored = bounds[np.arange(count) // CHUNK, 2 * i : 2 * i + 2].astype(np.float64)
        span = stored[:, 1] - stored[:, 0]
        shares.append(np.where(span > 0, (values - stored[:, 0]) / np.where(span > 0, span, 1.0), 0.0))
    largest, others = quaternions.split_largest(quaternions.unit(chosen.planes(fields.ROTATION, part)))
    packed = np.empty((count, len(_PACKED)), "<u4")
    packed[:, 0] = _packed(shares[0], _POSITION_BITS)
    packed[:, 1] = _packed(others / np.sqrt(2.0) + 0.5, _ROTATION_BITS) | largest.astype(np.uint32) << 30
    packed[:, 2] = _packed(shares[1], _POSITION_BITS)
    packed[:, 3] = _packed(shares[2], _COLOUR_BITS[:3]) << 8 | chosen.alpha_bytes(part)
    return bounds, packed


def _harmonics(chosen: Chosen, names: tuple[str, ...], part: slice) -> npt.NDArray[np.uint8]:
    """The bytes of the harmonics of a block of rows."""
    return chosen.quantised(names, (1 / 8, 0.5, 256.0), part, down=True)


def _unpacked(words: npt.NDArray[Any], bits: tuple[int, ...]) -> npt.NDArray[Any]:
    """(N, len(bits)) shares in 0..1, the first in the highest bits."""
    shifts = [sum(bits[i + 1 :]) for i in range(len(bits))]
    return np.stack(
        [(words >> s & ((1 << b) - 1)) / ((1 << b) - 1) for s, b in zip(shifts, bits, strict=True)], 1
    )


def _packed(shares: npt.NDArray[Any], bits: tuple[int, ...]) -> npt.NDArray[np.uint32]:
    """The inverse of `_unpacked`, to the nearest step."""
    word = np.zeros(len(shares), np.uint32)
    for share, width in zip(shares.T, bits, strict=True):
        top = (1 << width) - 1
        word = word << np.uint32(width) | np.clip(np.floor(share * top + 0.5), 0, top).astype(np.uint32)
    return word


FORMAT = Format(
    "compressed_ply",
    "compressed PLY (PlayCanvas): 8 to 11 bits a value, in chunks of 256 neighbours",
    (".compressed.ply",),
    sniff,
    read,
    Writer(write, unsupported, lossy=True, order=in_chunks),
    decoded=decoded,
)
