"""glTF 2.0 with KHR_gaussian_splatting (release candidate of 2026): splats, or points, of .glb and .gltf.

Opacities and scales are stored as what they mean, in float32 or normalised integers, rotations x y z w;
harmonics as 3DGS has them, an attribute for each coefficient. The frame is left-up-front, in which nodes
place what they show: here they are turned into right-down-front, several primitives into one scene. Splats
that KHR_gaussian_splatting_compression_spz packs go through the reader of SPZ. Points have COLOR_0, which is
linear, as red, green and blue in sRGB, and NORMAL; attributes of one's own (``_LABEL``) are columns.

Own NumPy code: pygltflib and trimesh hold files whole, several times over, and know no splats.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud, Header
from ..containers.bytes import check_expansion, malformed, require_columns
from ..containers.glb import MAGIC
from ..containers.gltf import Gltf
from ..files import axes as frames
from ..kernels.columns import interleaver
from ..kernels.structured import release_pages
from . import _gltf_colours
from ._decoded import BLOCK, Decoded
from ._format import Format, Writer
from ._gltf_attributes import AXES, Shape, pieces, shape
from ._gltf_nodes import Placed, placed
from ._gltf_write import Semantics, refuse_existing, unsupported, write
from ._place import Place
from ._rows import splat_names

Array = npt.NDArray[Any]
_WHAT = "glTF"
_AT_ONCE = 16  # primitives that are kept unpacked
_LET_GO = 4  # blocks whose pages are let go of together: each time takes a call for each attribute
_KEYS = (b'"bufferViews"', b'"accessors"', b'"glTF"', b'"KHR_gaussian_splatting')  # of a .gltf


def sniff(head: bytes) -> bool:
    return head.startswith(MAGIC) or (head.lstrip()[:1] == b"{" and any(key in head for key in _KEYS))


def read(path: Path, *, axes: str | None = None) -> GaussianCloud:
    """Read a .glb, or a .gltf with its buffers; arguments and errors as of `decoded`."""
    return decoded(path, axes=axes).whole()


def decoded(path: Path, *, axes: str | None = None) -> Decoded:
    """A .glb, or a .gltf with its buffers.

    Args:
        path: the file.
        axes: those that its scene is in, if not those of the specification.

    Raises:
        InputError: damaged, cut short, without splats and points, or in need of what is not read.
    """
    with malformed(path, _WHAT):
        file = Gltf.open(path)
        said, comments = _extras(file)
        known = said or axes or AXES
        chosen, notes = placed(file)
        places = [Place.of(one.matrix, frames.signs(known), one.name) for one in chosen]
        shapes = [shape(file, one) for one in chosen]
        kind, degree, dropped = _rows_of(shapes, far=any(place.far for place in places))
        require_columns(path, len(kind.names or ()))
        count = sum(found.points for found in shapes)
        check_expansion(path, file.size, count * kind.itemsize)
        semantics = Semantics.of(chosen)
        reason = frames.why(said, axes) if said or axes else "as the specification has them"
        notes = [f"axes {frames.described(known)}, {reason}", *notes, *semantics.notes()]
        notes += [f"left out, as not all primitives have them: {', '.join(dropped[:8])}"] * bool(dropped)
        notes += [_gltf_colours.NOTE] * any(found.coloured for found in shapes)
        header = Header("gltf", comments, native=semantics, notes=tuple(notes), axes=known)
    ends = [*accumulate(found.points for found in shapes)]

    unpacking = Lock()  # of one at a time: threads begin with the same primitive

    @lru_cache(_AT_ONCE)
    def unpacked(number: int) -> Callable[[slice, Array], None]:
        return _decoder(file, chosen[number], places[number], degree, kind)

    def one(number: int) -> Callable[[slice, Array], None]:
        with unpacking:
            return unpacked(number)

    def decode(part: slice, rows: Array) -> None:
        first, number = part.start, bisect_right(ends, part.start)
        while first < part.stop:
            start, last = ends[number] - shapes[number].points, min(ends[number], part.stop)
            block = rows[first - part.start : last - part.start]
            one(number)(slice(first - start, last - start), block)
            first, number = last, number + 1

    return Decoded(path, _WHAT, kind, count, header, decode)


def _extras(file: Gltf) -> tuple[str | None, tuple[str, ...]]:
    """The axes and the comments that gscli itself left in a file, if it did."""
    extras = file.json["asset"].get("extras")
    extras = extras if isinstance(extras, dict) else {}
    said, lines = extras.get("axes"), extras.get("comments")
    lines = lines if isinstance(lines, list) else []
    return said if said in frames.NAMES else None, tuple(line for line in lines if isinstance(line, str))


def _rows_of(shapes: list[Shape], *, far: bool) -> tuple[np.dtype[Any], int | None, list[str]]:
    """The type of the rows that hold several primitives, their SH degree, and columns that some lack."""
    degree = max((found.degree for found in shapes if found.degree is not None), default=None)
    names = fields.POSITION if degree is None else splat_names(degree)
    first, *others = (found.own for found in shapes)
    kept = {name: kind for name, kind in first.items() if all(own.get(name) == kind for own in others)}
    kept = {name: kind for name, kind in kept.items() if name not in names}
    dropped = sorted({name for found in shapes for name in found.own} - set(kept))
    kinds = [(name, "<f8" if far and name in fields.POSITION else "<f4") for name in names]
    return np.dtype([*kinds, *kept.items()]), degree, dropped


def _decoder(
    file: Gltf, one: Placed, place: Place, degree: int | None, kind: np.dtype[Any]
) -> Callable[[slice, Array], None]:
    """What fills new rows of a primitive; harmonics of a higher degree than it has are zero."""
    names = set(kind.names or ())
    filled = [piece for piece in pieces(file, one, degree) if set(piece[0]) & names]
    empty = [*names.difference(*(columns for columns, *_ in filled))]
    count = len(filled[0][1].stored) if filled else 0
    targets = [place.reversed(columns, degree) or [(name, 1.0) for name in columns] for columns, *_ in filled]

    put = interleaver(kind, targets)
    normals = any(columns == fields.NORMAL for columns, *_ in filled)

    def decode(part: slice, rows: Array) -> None:
        for name in empty:
            rows[name] = 0
        put(rows, [convert(accessor.numbers(part)) for _, accessor, convert in filled])
        if part.stop // BLOCK % _LET_GO == 0 or part.stop == count:
            for _, accessor, _ in filled:
                release_pages(accessor.stored[max(0, part.stop - _LET_GO * BLOCK) : part.stop])
        place.put(rows, degree, normals=normals)

    return decode


FORMAT = Format(
    "gltf",
    "glTF 2.0, binary or not: splats (KHR_gaussian_splatting) or points",
    (".glb", ".gltf"),
    sniff,
    read,
    Writer(write, unsupported, lossy=True, refuse_existing=refuse_existing),
    takes=frozenset({"axes"}),
    decoded=decoded,
)
