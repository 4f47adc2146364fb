"""SOG of PlayCanvas: splats as lossless WebP pictures, in a zip or a folder.

``meta.json`` names the pictures. A position is 16 bits a coordinate over two pictures, within the
scene's bounds after log(1 + |x|); a rotation three bytes and the place of the largest component;
scales and colours are indices of 256 values (version 2) or bytes between bounds (version 1);
harmonics are rows of a palette. Pillow decodes the pictures once their size is checked against the
count, and packs what is written, as version 2: see `gscli.formats._sog_pictures`.

One module, as every format is: what is read is written beside it.
"""

from __future__ import annotations

import io
import os
import reprlib
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud, Header
from ..containers.bytes import MAX_JSON, SMALL, check_expansion, check_scene, malformed, parsed, read_small
from ..containers.zip import Zip, first_member
from ..containers.zip_names import is_hidden
from ..errors import GscliError, InputError
from ..files import render_modes, writing
from ..kernels import quaternions
from ..progress import nothing
from . import _rows
from ._blocks import along_curve as along_curve
from ._decoded import Decoded
from ._format import FOLDER_HEAD, Format, Loss, Writer
from ._sog_pictures import DEGREE, MODELS, PALETTE_WIDTH, members

_MAX_PICTURE = 1 << 30  # bytes of 16,383 x 16,383 pixels, the most that WebP has, uncompressed
_WHAT = "SOG"
_SMALLEST = (("means", 2), ("scales", 1), ("quats", 1), ("sh0", 1))
_COEFFICIENTS = (3, 8, 15)  # of SH degrees 1 to 3
_MODES = {model: mode for mode, model in MODELS.items()}
Fetch = Callable[..., bytes]


def sniff(head: bytes) -> bool:
    if head.startswith(FOLDER_HEAD):
        names = head[len(FOLDER_HEAD) :].split(b"\n")
        return b"meta.json" in names and any(name.endswith(b".webp") for name in names)
    if head[:1] == b"{":  # the meta.json of a folder itself
        return b'"means"' in head and b'"quats"' in head and b".webp" in head
    return first_member(head) == "meta.json" or first_member(head).endswith(".webp")


def read(path: Path, page: str | None = None) -> GaussianCloud:
    """Read a SOG file, its folder, or the meta.json in it; arguments and errors as of `decoded`."""
    return decoded(path, page).whole()


def decoded(path: Path, page: str | None = None) -> Decoded:
    """A SOG file, its folder, or the meta.json in it.

    Args:
        path: what is read.
        page: the meta.json in a zip with several; None for the only one.

    Raises:
        InputError: damaged, or a picture of another size than its splats need.
    """
    with malformed(path, _WHAT):
        fetch = _members(path, page)
        meta = parsed(fetch("meta.json", MAX_JSON))
        version = meta.get("version", 1)
        if version not in (1, 2):
            raise InputError(f"is SOG version {reprlib.repr(version)}; 1 and 2 are read", path=path)
        count = meta["count"] if version == 2 else meta["means"]["shape"][0]
        if type(count) is not int or not 0 < count < 1 << 28:
            raise InputError(f"claims {reprlib.repr(count)} splats", path=path, remedy="it is damaged")
        check_scene(path, _size(path), count, 3 if meta.get("shN") else 0)
        pictures = {
            key: [_picture(path, fetch(name), count) for name in meta[key]["files"][:most]]
            for key, most in _SMALLEST
        }
        palette, chosen, degree = np.empty((0, 0), np.float32), np.empty(0, np.int64), 0
        if meta.get("shN"):
            palette, chosen = _harmonics(path, fetch, meta["shN"], version, count)
            degree = _COEFFICIENTS.index(palette.shape[1] // 3) + 1

        def decode(part: slice, rows: npt.NDArray[Any]) -> None:
            pixels = {key: [picture[part] for picture in held] for key, held in pictures.items()}
            _decode(pixels, meta, version, rows)
            if degree:
                _rows.columns_of(rows, fields.sh_rest(degree))[...] = palette[chosen[part]]

        mode = _MODES.get(str(meta.get("model", "antialiased" if meta.get("antialias") else None)))
        comments = () if mode is None else (render_modes.comment(mode),)
        header = Header("sog", comments)
        return Decoded(path, _WHAT, _rows.splat_kind(degree), count, header, decode)


def write(
    path: str | os.PathLike[str],
    cloud: GaussianCloud,
    *,
    overwrite: bool = False,
    index: npt.NDArray[Any] | None = None,
    advance: Callable[[int], object] = nothing,
) -> None:
    """Write the 3DGS fields of a cloud as a zip of version 2, along a Morton curve.

    Raises:
        GscliError: no points, a value that is not finite, or more of them than a picture has pixels.
    """
    _rows.require_splats(cloud)
    rows = along_curve(cloud, index)
    if not len(rows):
        raise GscliError("has no points, and readers of .sog refuse none", path=path, remedy="write .ply")
    files = members(cloud, rows, advance)
    with writing.replacing(path, overwrite=overwrite) as stream, zipfile.ZipFile(stream, "w") as archive:
        for name, body in files.items():  # as they are, they are packed; of a fixed date
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), body)


def write_folder(folder: Path, cloud: GaussianCloud, rows: npt.NDArray[Any]) -> None:
    """Make a folder and write rows of a cloud into it, in their order, as `write` does into a zip.

    Raises:
        GscliError: as of `write`.
    """
    folder.mkdir(parents=True)
    for name, body in members(cloud, rows).items():
        (folder / name).write_bytes(body)


def unsupported(cloud: GaussianCloud) -> list[Loss]:
    """What SOG cannot hold: books and palettes of few values; nothing but the 3DGS fields to degree 3."""
    bits = (
        "positions to 16 bits of their logarithm across the scene, scales and colours to 256 values, "
        "rotations and opacity to 8 bits, harmonics to a palette of 65,536"
    )
    lost = [Loss("precision", detail=bits, rounds=True), Loss("the order of rows")]
    return [*lost, *_rows.dropped(cloud, degree=DEGREE, modes=(None, *MODELS))]


def _size(path: Path) -> int:
    """The bytes of a SOG file, or of the pictures in its folder."""
    if path.is_dir() or path.suffix == ".json":
        folder = path if path.is_dir() else path.parent
        return sum(file.stat().st_size for file in folder.glob("*.webp"))
    return path.stat().st_size


def _members(path: Path, page: str | None) -> Fetch:
    """How to get a member's bytes by name, of at most so many: from the zip, or from the folder."""
    if not path.is_dir() and path.suffix != ".json":
        archive = Zip(path, "SOG")
        folder_in = (page or _page_in(path, archive)).removesuffix("meta.json")

        def unpack(name: str, most: int = _MAX_PICTURE) -> bytes:
            name = folder_in + name
            if name in archive.members and archive.members[name].file_size > most:
                raise InputError(f"has a {name} of more than {most:,} bytes", path=path)
            return archive.unpack(name)

        return unpack
    folder = path if path.is_dir() else path.parent

    def read_member(name: str, most: int = _MAX_PICTURE) -> bytes:
        if "/" in name or "\\" in name or name.startswith("."):
            raise InputError(f"names a picture outside of its folder: {name}", path=path)
        return read_small(folder / name, most)

    return read_member


def _page_in(path: Path, archive: Zip) -> str:
    """The meta.json of a zip, where it is not told which: that at the root, or else the only one."""
    pages = [name for name in archive.members if name.endswith("/meta.json") and not is_hidden(name)]
    if "meta.json" in archive.members:
        return "meta.json"
    if not pages:
        remedy = "it is damaged, or holds a scene of another format: name that, as in FILE::scene.ply"
        raise InputError("has no member meta.json", path=path, remedy=remedy)
    if len(pages) > 1:
        what = f"holds {len(pages)} scenes ({', '.join(pages[:4])}{' ...' * (len(pages) > 4)})"
        raise InputError(what, path=path, remedy=f"name one, as in FILE::{pages[0]}")
    return pages[0]


def _picture(path: Path, packed: bytes, count: int, exact: int | None = None) -> npt.NDArray[np.uint8]:
    """The pixels of a picture, (pixels, 4), or (rows, `exact`, 4) where a width is prescribed.

    Its size is checked before it is decoded.
    """
    with _opened(path, packed) as picture:
        width, height = picture.size
        check_expansion(path, len(packed), width * height * 4)
        most = max(4 * count, SMALL // 16)
        if width * height > most or (exact is None and width * height < count):
            raise InputError(f"has a picture of {width} x {height} for {count:,} splats", path=path)
        if exact is not None and width != exact:
            raise InputError(f"has a palette {width} pixels wide, not {exact}", path=path)
        pixels = np.asarray(picture.convert("RGBA"))
    return pixels if exact is not None else pixels.reshape(-1, 4)[:count]


@contextmanager
def _opened(path: Path, packed: bytes) -> Iterator[Any]:
    """A picture whose size is known and whose pixels are not decoded yet."""
    from PIL import Image, UnidentifiedImageError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(packed), formats=["WEBP"]) as picture:
                yield picture
        except Image.DecompressionBombError as error:
            raise InputError(f"has a picture that is not read ({error})", path=path) from None
        except UnidentifiedImageError:
            raise InputError("has a picture that is no WebP", path=path, remedy="it is damaged") from None


def _decode(
    pictures: dict[str, list[npt.NDArray[np.uint8]]],
    meta: dict[str, Any],
    version: int,
    rows: npt.NDArray[Any],
) -> None:
    """Fill new rows, but for the harmonics, from as many pixels."""
    low, high = (picture[:, :3].astype(np.float64) for picture in pictures["means"])
    logarithm = _between(meta["means"], (low + 256 * high) / 65535, 3)
    xyz = np.sign(logarithm) * np.expm1(np.abs(logarithm))
    quaternion, colour, scale = pictures["quats"][0], pictures["sh0"][0], pictures["scales"][0]
    others = (quaternion[:, :3] / 127.5 - 1.0) / np.sqrt(2.0)
    largest = np.clip(quaternion[:, 3].astype(np.int64) - 252, 0, 3)
    columns = _rows.columns_of
    columns(rows, fields.POSITION)[...] = xyz
    columns(rows, fields.ROTATION)[...] = quaternions.join_largest(largest, others)
    if version == 2:
        columns(rows, fields.SCALE)[...] = _codebook(meta["scales"])[scale[:, :3]]
        columns(rows, fields.SH_DC)[...] = _codebook(meta["sh0"])[colour[:, :3]]
        rows[fields.OPACITY] = _rows.LOGITS[colour[:, 3]]
    else:
        columns(rows, fields.SCALE)[...] = _between(meta["scales"], scale[:, :3] / 255, 3)
        values = _between(meta["sh0"], colour / 255, 4)
        columns(rows, fields.SH_DC)[...] = values[:, :3]
        rows[fields.OPACITY] = values[:, 3]


def _harmonics(
    path: Path, fetch: Fetch, meta: dict[str, Any], version: int, count: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """The palette, (entries, 3 K) harmonics, channel major, and (count,) which of it each splat has."""
    packed = fetch(meta["files"][0])
    with _opened(path, packed) as picture:
        coefficients, remainder = divmod(picture.size[0], PALETTE_WIDTH)
    if coefficients not in _COEFFICIENTS or remainder:
        raise InputError("has a palette whose width fits no SH degree", path=path)
    palette = _picture(path, packed, 1 << 16, exact=PALETTE_WIDTH * coefficients)
    labels = _picture(path, fetch(meta["files"][1]), count)
    entries = palette[:, :, :3].reshape(-1, coefficients, 3)
    chosen = labels[:, 0].astype(np.int64) | labels[:, 1].astype(np.int64) << 8
    if len(chosen) and chosen.max() >= len(entries):
        raise InputError(f"refers to palette entry {chosen.max()} of {len(entries)}", path=path)
    if version == 2:
        values = _codebook(meta)[entries]
    else:
        values = meta["mins"] + (meta["maxs"] - meta["mins"]) * (entries / 255.0)
    return values.transpose(0, 2, 1).reshape(len(entries), -1).astype(np.float32), chosen


def _codebook(meta: dict[str, Any]) -> npt.NDArray[np.float64]:
    """The 256 values that a byte stands for; a shorter book is filled up with its last value."""
    book = np.asarray(meta["codebook"], np.float64)
    if book.ndim != 1 or not 0 < len(book) <= 256:
        raise ValueError("a codebook without 256 values")
    return np.pad(book, (0, 256 - len(book)), mode="edge")


def _between(meta: dict[str, Any], share: npt.NDArray[Any], width: int) -> npt.NDArray[Any]:
    low, high = (np.asarray(meta[end], np.float64) for end in ("mins", "maxs"))
    if low.shape != (width,) or high.shape != (width,):
        raise ValueError(f"bounds without {width} values")
    values: npt.NDArray[Any] = low + (high - low) * share
    return values


FORMAT = Format(
    "sog",
    "SOG (PlayCanvas), versions 1 and 2, zipped or as a folder",
    (".sog",),
    sniff,
    read,
    Writer(write, unsupported, lossy=True, order=along_curve),
    requires=("PIL",),
    decoded=decoded,
)
