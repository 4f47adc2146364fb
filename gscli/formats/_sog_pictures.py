"""SOG as it is written: splats as lossless WebP pictures and the meta.json that names them, version 2."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud
from ..errors import GscliError
from ..files import render_modes
from ..kernels import books, elementary, palettes, parallel, quaternions
from ..progress import nothing, shared
from ..version import __version__
from . import _rows
from ._blocks import Chosen

Array = npt.NDArray[Any]

DEGREE = 3  # the highest that it holds
MODELS = {render_modes.MIP: "antialiased", render_modes.FLAT: "2dgs"}  # what meta.json calls them
PALETTE_WIDTH = 64  # palette entries in each row of pixels
BOOK, PALETTE = 256, 1 << 16  # values of a book, entries of a palette: at most
MOST = 16_383  # pixels of a side, in WebP
EFFORT = 3  # of 6, to pack a picture: 4 takes twice as long for a thousandth of the bytes, if any


def members(
    cloud: GaussianCloud, rows: Array, advance: Callable[[int], object] = nothing
) -> dict[str, bytes]:
    """The files that make up a SOG scene, by name, ``meta.json`` first.

    Args:
        cloud: splats.
        rows: (K,) those that are written, in their order, K > 0.
        advance: told of each number of rows of the cloud that are done with.

    Raises:
        GscliError: a value is not finite, or there are more rows than a picture has pixels.
    """
    chosen = Chosen(cloud, rows)
    height, width = _sides(len(chosen))
    held = fields.sh_degree(cloud.fields) or 0
    degree = min(held, DEGREE)
    told = shared(advance, len(cloud), len(chosen) * (2 if degree else 1))
    logarithms = _columns(chosen, fields.POSITION, np.float64)
    low, high = logarithms.min(axis=0), logarithms.max(axis=0)
    found = {
        name: books.book(_columns(chosen, names, np.float32).reshape(-1), BOOK)
        for name, names in (("scales", fields.SCALE), ("sh0", fields.SH_DC))
    }
    pixels = {name: np.zeros((height * width, 4), np.uint8) for name in _PICTURES}

    def paint(part: slice) -> None:
        share = (logarithms[part] - low) / np.where(high > low, high - low, 1.0)
        steps = np.rint(share * 65535).astype(np.uint16)
        largest, others = quaternions.split_largest(quaternions.unit(chosen.planes(fields.ROTATION, part)))
        _put(pixels["means_l"][part], steps & 255)
        _put(pixels["means_u"][part], steps >> 8)
        _put(pixels["quats"][part], np.rint((others * np.sqrt(2.0) + 1.0) * 127.5), 252 + largest)
        _put(pixels["scales"][part], books.places(found["scales"], _f32(chosen, fields.SCALE, part)))
        colour = books.places(found["sh0"], _f32(chosen, fields.SH_DC, part))
        _put(pixels["sh0"][part], colour, chosen.alpha_bytes(part))
        told(part.stop - part.start)

    for _ in parallel.in_order(paint, chosen.blocks()):
        pass
    images = {name: picture.reshape(height, width, 4) for name, picture in pixels.items()}
    meta: dict[str, Any] = {
        "version": 2,
        "asset": {"generator": f"gscli {__version__}"},
        "count": len(chosen),
        **({"model": MODELS[cloud.render_mode]} if cloud.render_mode in MODELS else {}),
        "means": {"mins": low.tolist(), "maxs": high.tolist(), "files": ["means_l.webp", "means_u.webp"]},
        "scales": {"codebook": _full(found["scales"]), "files": ["scales.webp"]},
        "quats": {"files": ["quats.webp"]},
        "sh0": {"codebook": _full(found["sh0"]), "files": ["sh0.webp"]},
    }
    if degree:
        meta["shN"], more = _harmonics(chosen, _rows.first_rest(held, degree), (height, width), told)
        images |= more
    packed: dict[str, bytes] = {"meta.json": json.dumps(meta, separators=(",", ":")).encode()}
    bodies = parallel.in_order(lambda name: _webp(images[name]), images)
    return packed | {f"{name}.webp": body for name, body in zip(images, bodies, strict=True)}


_PICTURES = ("means_l", "means_u", "scales", "quats", "sh0")


def _harmonics(
    chosen: Chosen, names: tuple[str, ...], sides: tuple[int, int], told: Callable[[int], object]
) -> tuple[dict[str, Any], dict[str, Array]]:
    """What meta.json says of harmonics, and the pictures of their palette and of whose is which of it."""
    count = min(PALETTE, 1 << len(chosen).bit_length() - 1)
    entries, labels = palettes.palette(_columns(chosen, names, np.float32), count, advance=told)
    book = books.book(entries.reshape(-1).copy(), BOOK)
    coefficients = len(names) // 3
    rows = -(-len(entries) // PALETTE_WIDTH)
    palette = np.zeros((rows * PALETTE_WIDTH, coefficients, 4), np.uint8)
    channels = books.places(book, entries).reshape(len(entries), 3, coefficients)
    _put(palette[: len(entries)], channels.transpose(0, 2, 1))
    chosen_entries = np.zeros((sides[0] * sides[1], 4), np.uint8)
    places = np.stack([labels & 255, labels >> 8, np.zeros_like(labels)], axis=1)
    _put(chosen_entries[: len(labels)], places)
    files = {
        "shN_centroids": palette.reshape(rows, PALETTE_WIDTH * coefficients, 4),
        "shN_labels": chosen_entries.reshape(*sides, 4),
    }
    bands = (1, 2, 3)[(3, 8, 15).index(coefficients)]
    meta = {"count": len(entries), "bands": bands, "codebook": _full(book)}
    return {**meta, "files": [f"{name}.webp" for name in files]}, files


def _sides(count: int) -> tuple[int, int]:
    """Height and width in pixels, multiples of four, of a picture of so many."""
    width = -(-_root(count) // 4) * 4
    height = -(-count // (4 * width)) * 4
    if max(width, height) > MOST:
        raise GscliError(f"has {count:,} rows, more than the pixels of a .sog", remedy="write .ply")
    return height, width


def _root(count: int) -> int:
    """The square root of a whole number, rounded up."""
    root = math.isqrt(count)
    return root + (root * root < count)


def _columns(chosen: Chosen, names: tuple[str, ...], kind: Any) -> Array:
    """(K, len(names)) values, positions as their logarithms."""
    out = np.empty((len(chosen), len(names)), kind)

    def gather(part: slice) -> None:
        values = chosen.planes(names, part)
        out[part] = _log1p(values) if names == fields.POSITION else values

    for _ in parallel.in_order(gather, chosen.blocks()):
        pass
    return out


def _f32(chosen: Chosen, names: tuple[str, ...], part: slice) -> Array:
    return chosen.planes(names, part).astype(np.float32)


def _log1p(values: Array) -> Array:
    """The logarithm of 1 + |x|, with the sign of x."""
    size = np.abs(values)
    one = 1.0 + size
    found: Array = np.copysign(elementary.log(one) + (size - (one - 1.0)) / one, values)
    return found


def _put(pixels: Array, rgb: Array, alpha: Array | int = 255) -> None:
    pixels[..., :3] = rgb
    pixels[..., 3] = alpha


def _full(book: Array) -> list[float]:
    """The 256 values of a book, those that it lacks like its last."""
    return np.pad(book, (0, BOOK - len(book)), mode="edge").tolist()  # type: ignore[no-any-return]


def _webp(pixels: Array) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "WEBP", lossless=True, exact=True, method=EFFORT)
    return out.getvalue()
