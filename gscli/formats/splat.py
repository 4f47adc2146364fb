""".splat: 32 bytes for each Gaussian, nothing else; no header, so only the name tells.

Position (3 float32), scale (3 float32, linear), colour and opacity (4 bytes), rotation (4 bytes,
w x y z as 128 + 128 q). Read and written here with NumPy: the layout is a dtype, and the libraries
that read it take the whole file as one object.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud, Header
from ..containers.bytes import mapped
from ..errors import GscliError, InputError
from ..files import writing
from ..kernels import parallel, quaternions
from ..kernels.structured import release_pages
from ..progress import nothing, shared
from ._blocks import Chosen
from ._decoded import Decoded
from ._format import Format, Loss, Writer
from ._rows import LARGEST, LOGITS, columns_of, dropped, require_splats, splat_kind, to_bytes

RECORD = np.dtype([("xyz", "<f4", 3), ("scale", "<f4", 3), ("rgba", "u1", 4), ("rot", "u1", 4)])


def sniff(head: bytes) -> bool:
    return False  # there is nothing to recognise


def read(path: Path) -> GaussianCloud:
    """Read a .splat file; errors as of `decoded`."""
    return decoded(path).whole()


def decoded(path: Path) -> Decoded:
    """A .splat file.

    Raises:
        InputError: its size is no multiple of 32, or its scales are not positive numbers.
    """
    data = mapped(path)
    if len(data) % RECORD.itemsize:
        raise InputError(
            f"has {len(data):,} bytes, not a multiple of the {RECORD.itemsize} that a splat takes", path=path
        )
    stored = data.view(RECORD)

    def decode(part: slice, rows: npt.NDArray[Any]) -> None:
        _decode(path, stored[part], rows)
        release_pages(stored[part])

    return Decoded(path, "a .splat file", splat_kind(), len(stored), Header("splat"), decode)


def write(
    path: str | os.PathLike[str],
    cloud: GaussianCloud,
    *,
    overwrite: bool = False,
    index: npt.NDArray[Any] | None = None,
    advance: Callable[[int], object] = nothing,
) -> None:
    """Write the 3DGS fields of a cloud; `unsupported` names what is lost.

    Raises:
        GscliError: there are no points, or a value is not finite.
    """
    require_splats(cloud)
    chosen = Chosen.of(cloud, index)
    if not len(chosen):
        raise GscliError("has no points: a .splat file would be empty", path=path, remedy="write .ply")
    told = shared(advance, len(cloud), len(chosen) * RECORD.itemsize)
    with writing.replacing(path, overwrite=overwrite) as stream:
        for piece in parallel.in_order(partial(_encoded, chosen), chosen.blocks()):
            stream.write(piece)
            told(len(piece))


def unsupported(cloud: GaussianCloud) -> list[Loss]:
    """What .splat cannot hold: bytes for colour, opacity and rotation; nothing but the 3DGS fields."""
    bits = "colour clipped to 0..1, opacity and rotation to 8 bits"
    return [Loss("precision", detail=bits, rounds=True), *dropped(cloud, degree=0)]


def _decode(path: Path, stored: npt.NDArray[Any], rows: npt.NDArray[Any]) -> None:
    """Fill new rows from as many records."""
    if not (stored["scale"] >= 0).all():  # NaN fails too
        raise InputError("has scales that are not positive: it is no .splat file", path=path)
    columns_of(rows, fields.POSITION)[...] = stored["xyz"]
    columns_of(rows, fields.SH_DC)[...] = fields.dc_from_rgb(stored["rgba"][:, :3] / 255.0)
    rows[fields.OPACITY] = LOGITS[stored["rgba"][:, 3]]
    smallest = np.finfo(np.float32).tiny
    columns_of(rows, fields.SCALE)[...] = np.log(np.maximum(stored["scale"], smallest))
    columns_of(rows, fields.ROTATION)[...] = (stored["rot"].astype(np.float32) - 128) / 128


def _encoded(chosen: Chosen, part: slice) -> bytes:
    """The records of a block of rows."""
    out = np.empty(part.stop - part.start, RECORD)
    out["xyz"] = chosen.planes(fields.POSITION, part)
    with np.errstate(over="ignore"):  # the largest there is stands for what is larger
        out["scale"] = np.minimum(np.exp(chosen.planes(fields.SCALE, part)), LARGEST)
    out["rgba"][:, :3] = to_bytes(fields.rgb_from_dc(chosen.planes(fields.SH_DC, part)) * 255)
    out["rgba"][:, 3] = chosen.alpha_bytes(part)
    out["rot"] = to_bytes(quaternions.unit(chosen.planes(fields.ROTATION, part)) * 128 + 128)
    return out.tobytes()


FORMAT = Format(
    "splat",
    ".splat, 32 bytes a Gaussian: 8-bit colour, opacity and rotation, no spherical harmonics",
    (".splat",),
    sniff,
    read,
    Writer(write, unsupported, lossy=True),
    bare=True,
    decoded=decoded,
)
