"""OpenUSD (26.03 and later): ParticleField3DGaussianSplat, or Points, of .usdz, .usdc, .usda and .usd.

Opacities and scales are stored as what they mean, rotations as quaternions (x y z w in memory), harmonics as
3DGS has them, all coefficients of a Gaussian together. The frame is right-up-back where y is up, in which
prims are placed by those above them: here they are turned into right-down-front, several into one scene.
Points have displayColor, which is linear, as red, green and blue in sRGB; primvars of one's own are columns.

Source: usdVol/schema.usda of OpenUSD 26.11, through usd-core.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud, Header
from ..containers import usd
from ..containers.bounded import Parts
from ..containers.bytes import malformed, require_columns
from ..containers.usd_process import SPLATS
from ..errors import InputError
from ..files import axes as frames
from ..kernels.columns import interleave
from ..kernels.structured import release_pages
from ..results.shown import counted
from . import _gltf_colours
from ._activated import QUATERNION, logarithms, logits
from ._decoded import fill
from ._format import Format, Writer
from ._place import Place
from ._rows import first_rest, splat_names
from ._usd_attributes import AXES, DEGREES, HARMONICS, NARROW
from ._usd_write import Stage, unsupported, write

Array = npt.NDArray[Any]
_UP = {"Y": np.eye(4), "Z": np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])}


class _Prim(NamedTuple):
    """A prim as it is read: where it goes, its columns, which are colours, and the maps they look into.

    Values are (N, width), of harmonics beyond the first (N, terms, 3); maps of a file, (N, ...).
    """

    path: str
    place: Place
    degree: int | None
    pieces: dict[tuple[str, ...], Array]
    own: dict[str, Any]
    shown: set[tuple[str, ...]]
    maps: list[Array]

    def __len__(self) -> int:
        return len(self.pieces[fields.POSITION])


def sniff(head: bytes) -> bool:
    if head.startswith(usd.PACKAGE) and head[8:10] == b"\0\0":  # stored, as packages are and few other zips
        name = head[30 : 30 + int.from_bytes(head[26:28], "little")]
        return name.endswith((b".usd", b".usda", b".usdc"))
    return head.startswith((usd.TEXT, usd.BINARY))


def read(path: Path, *, axes: str | None = None) -> GaussianCloud:
    """Read a USD file.

    Args:
        path: the file.
        axes: those that its scene is in, if not those of the specification.

    Raises:
        InputError: damaged, cut short, or without splats and points.
    """
    with malformed(path, "USD"), usd.opened(path) as file:
        about = file.about
        said = about["axes"] if about["axes"] in frames.NAMES else None
        known = said or axes or AXES
        shown = [one for one in about["prims"] if one["kind"] == SPLATS] or about["prims"]
        if not shown:
            others = ", ".join(f"{count} {kind}" for kind, count in about["left"].items())
            raise InputError(f"holds no splats and no points{': ' * bool(others)}{others}", path=path)
        prims = [_prim(file, one, known) for one in shown]
        degree = max((one.degree for one in prims if one.degree is not None), default=None)
        names = fields.POSITION if degree is None else splat_names(degree)
        kept = {n: k for n, k in prims[0].own.items() if all(p.own.get(n) == k for p in prims)}
        kept = {name: kind for name, kind in kept.items() if name not in names}
        dropped = sorted({name for one in prims for name in one.own} - set(kept))
        far = any(one.place.far for one in prims)
        kinds = [(name, "<f8" if far and name in fields.POSITION else "<f4") for name in names]
        kind = np.dtype([*kinds, *kept.items()])
        require_columns(path, len(kind.names or ()))
        rows, start = np.zeros(sum(map(len, prims)), kind), 0
        for one in prims:
            _fill(one, path, degree, rows[start : start + len(one)])
            start += len(one)
        notes = [f"axes {frames.described(known)}, {frames.why(said, axes)}", *_notes(about, shown)]
        notes += [f"left out, as not all prims have them: {', '.join(dropped[:8])}"] * bool(dropped)
        notes += [_gltf_colours.NOTE] * any(fields.RGB[0] in one.own for one in prims if one.degree is None)
        stage = Stage.of(about["unit"], shown[0]["hints"])
        header = Header("usd", tuple(about["comments"]), native=stage, notes=tuple(notes), axes=known)
        return GaussianCloud(rows, header)


def _prim(file: Parts, one: dict[str, Any], axes: str) -> _Prim:
    """What a prim holds.

    Raises:
        InputError: it lacks something, or has more or fewer of it than of positions.
    """
    splats, path, arrays = one["kind"] == SPLATS, one["path"], one["arrays"]
    up = _UP.get(file.about["up"])
    if up is None:
        raise InputError(f"has the up axis {file.about['up']:.20}, and Y or Z is read", path=file.path)
    matrix = np.array(one["matrix"]).reshape(4, 4)
    if not np.isfinite(matrix).all():
        raise ValueError(f"{path} is placed by a matrix that makes no sense")
    turned: Array = (up[:, :, None] * matrix[None]).sum(axis=1)
    place = Place.of(turned, frames.signs(axes), path)
    key = "positions" if splats else "points"
    if key not in arrays:
        raise InputError(f"{path} has no {key}", path=file.path)
    count = len(file.array(arrays[key]))

    maps: list[Array] = []

    def held(name: str, width: int, *, rows: int = count) -> Array:
        if name not in arrays:
            raise InputError(f"{path} has no {name}, which its splats need", path=file.path)
        array = file.array(arrays[name])
        array = array[:, None] if array.ndim == 1 else array
        if array.shape != (rows, width) or array.dtype.kind not in "fiu":
            what = f"{path} has {name} of shape {list(array.shape)} for {count:,} positions"
            raise InputError(what, path=file.path, remedy="it is damaged")
        maps.append(array.reshape(count, rows // max(1, count), width))
        return array

    pieces: dict[tuple[str, ...], Array] = {fields.POSITION: held(key, 3)}
    degree = None
    own: dict[str, Any] = {}
    shown: set[tuple[str, ...]] = set()
    if splats:
        degree = 3 if one["degree"] is None else one["degree"]
        if degree not in DEGREES:
            raise InputError(f"{path} has harmonics of degree {degree}, and 0 to 4 is read", path=file.path)
        terms = (degree + 1) ** 2
        coefficients = held(HARMONICS, 3, rows=count * terms).reshape(count, terms, 3)
        pieces[fields.SH_DC] = coefficients[:, 0]
        if degree:
            pieces[fields.sh_rest(degree)] = coefficients[:, 1:]
        pieces |= {QUATERNION: held("orientations", 4), fields.SCALE: held("scales", 3)}
        pieces[(fields.OPACITY,)] = held("opacities", 1)
    else:
        if "normals" in arrays:
            pieces[fields.NORMAL] = held("normals", 3)
        for name in ("widths", "ids"):
            if name in arrays and len(file.array(arrays[name])) == count:
                pieces[(name,)] = held(name, 1)
        for name, columns in (("displayColor", fields.RGB), ("displayOpacity", ("alpha",))):
            if name in arrays and len(file.array(arrays[name])) == count and "red" not in one["own"]:
                pieces[columns] = held(name, len(columns))
                shown.add(columns)
                own |= dict.fromkeys(columns, np.dtype("u1"))
    for names in (fields.NORMAL, ("widths",), ("ids",)):
        own |= {name: pieces[names].dtype for name in names if names in pieces}
    taken = {name for names in pieces for name in names}
    for name, found in one["own"].items():
        array = file.array(found)
        if len(array) == count and array.ndim == 1 and name not in taken:
            pieces[(name,)] = array[:, None]
            own[name] = np.dtype(found[3]) if found[3] in NARROW else array.dtype
    return _Prim(path, place, degree, pieces, own, shown, maps)


def _fill(one: _Prim, path: Path, degree: int | None, rows: Array) -> None:
    """Read a prim into zeroed rows; harmonics of a higher degree than it has stay zero."""
    called = [_called(columns, one.degree, degree) for columns in one.pieces]
    targets = [one.place.reversed(names, degree) or [(name, 1.0) for name in names] for names in called]

    def decode(part: slice) -> None:
        block = rows[part]
        tables = (_converted(path, one, columns, stored[part]) for columns, stored in one.pieces.items())
        interleave(block, zip(tables, targets, strict=True))
        one.place.put(block, degree, normals=fields.NORMAL in one.pieces)
        for array in one.maps:
            release_pages(array[part])

    fill(len(rows), decode)


def _called(columns: tuple[str, ...], held: int | None, degree: int | None) -> tuple[str, ...]:
    """Harmonics of a degree by their names among those of a higher one; other columns as they are."""
    if held and columns == fields.sh_rest(held):
        return first_rest(degree or 0, held)
    return columns


def _converted(path: Path, one: _Prim, columns: tuple[str, ...], values: Array) -> Array:
    """What columns hold of what a prim does."""
    if one.degree is not None and columns == fields.SCALE:
        return logarithms(path, values)
    if one.degree is not None and columns == (fields.OPACITY,):
        return logits(path, values)
    if values.ndim == 3:
        return values.swapaxes(1, 2).reshape(len(values), len(columns))
    if columns in one.shown:
        share = np.clip(values.astype(np.float64), 0, 1)
        out: Array = np.rint(255 * (_gltf_colours.srgb(share) if columns == fields.RGB else share))
        return out
    return values


def _notes(about: dict[str, Any], shown: list[dict[str, Any]]) -> list[str]:
    """What is not as in every other scene, and what is left out."""
    left = [counted(count, f"prim of {kind}", f"prims of {kind}") for kind, count in about["left"].items()]
    if len(shown) < len(about["prims"]):
        left.append(counted(len(about["prims"]) - len(shown), "prim of Points", "prims of Points"))
    if about["outside"]:
        left.append(f"what is in other files ({', '.join(about['outside'])})")
    notes = [f"left out: {', '.join(left)}"] if left else []
    if about["varying"]:
        notes.append("moves or changes in time: as at its first time")
    if about["variants"]:
        notes.append(f"has {counted(about['variants'], 'prim')} with variants: as it chooses them")
    return notes + Stage.of(about["unit"], shown[0]["hints"]).notes()


FORMAT = Format(
    "usd",
    "OpenUSD: splats (ParticleField3DGaussianSplat) or points",
    (".usdz", ".usdc", ".usda", ".usd"),
    sniff,
    read,
    Writer(write, unsupported, lossy=True),
    takes=frozenset({"axes"}),
    requires=("pxr",),
)
