"""Pictures as files: what of them is shown, on which background, in which format."""

from __future__ import annotations

import io
import re
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import UsageError, did_you_mean
from ..rasterizers import Picture
from . import COLORS, FILE_TYPES, TRANSPARENT

Array = npt.NDArray[Any]

NUMBERS = ".npy"  # the one format that keeps float32
SUFFIXES = (*(f".{kind}" for kind in FILE_TYPES), ".jpeg")
_SAVED: dict[str, dict[str, Any]] = {
    ".png": {"format": "PNG", "compress_level": 1},  # four times as fast as the default, and 15 % larger
    ".webp": {"format": "WEBP", "quality": 90, "method": 2},
    ".jpg": {"format": "JPEG", "quality": 95},
}
STRAY = 0.005  # the share of depths at either end that a scale does not care for
FARTHEST = 0.1  # the shade of what is farthest: nothing is blacker
TINY = 1e-30
_HEX = re.compile(r"#([0-9a-fA-F]{6})")


class Background(NamedTuple):
    """What is behind a scene: a colour, or nothing.

    Attributes:
        name: as it was asked for.
        color: 0 to 1 each; None where pictures are transparent.
    """

    name: str
    color: tuple[float, float, float] | None


def background(name: str) -> Background:
    """A background by name: one of `gscli.rendering.COLORS`, ``transparent``, or ``#rrggbb``.

    Raises:
        UsageError: it is none of these.
    """
    if isinstance(name, str) and name == TRANSPARENT:
        return Background(name, None)
    if isinstance(name, str) and name in COLORS:
        return Background(name, COLORS[name])
    spelt = _HEX.fullmatch(str(name))
    if spelt is None:
        known = (*COLORS, TRANSPARENT)
        remedy = did_you_mean(name, known, f"choose one of {', '.join(known)} or write it like #20407f")
        raise UsageError(f"`background` {name!r} is no colour", remedy=remedy)
    red, green, blue = (byte / 255 for byte in bytes.fromhex(spelt[1]))
    return Background(name, (red, green, blue))


def require_suffix(suffix: str, *, transparent: bool = False) -> str:
    """A suffix in lower case, ``.jpeg`` as ``.jpg``.

    Raises:
        UsageError: no picture is called so, or it cannot be transparent.
    """
    low = suffix.lower()
    if low not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        raise UsageError(
            f"no picture is called *{suffix or ' without a suffix'}", remedy=f"use one of {known}"
        )
    if transparent and low in (".jpg", ".jpeg"):
        raise UsageError("JPEG holds no transparency", remedy="use .png or .webp, or another `background`")
    return ".jpg" if low == ".jpeg" else low


def shown(picture: Picture, mode: str, behind: Background) -> Array:
    """What of a picture is shown, float32.

    Returns:
        (H, W, 3) for ``rgb``, (H, W, 4) where that is transparent, with colours as they are where opaque; for
        other modes (H, W).
    """
    if mode != "rgb":
        found: Array = getattr(picture, mode)
        return found
    if behind.color is not None:
        return picture.over(behind.color)
    assert picture.color is not None
    assert picture.alpha is not None
    alpha = picture.alpha[..., None]
    color = np.divide(picture.color, alpha, out=np.zeros_like(picture.color), where=alpha > 0)
    return np.concatenate([color, alpha], axis=2)


def span(values: Array, mode: str) -> tuple[float, float] | None:
    """What is black and what white where a mode has no fixed values.

    Of depths, all but the nearest and the farthest half percent lie between, by their inverse: a backdrop
    a hundred times as far leaves what is near its shades.
    """
    if mode == "xray":
        return 0.0, float(values.max(initial=0.0))
    if mode == "depth":
        seen = values[values > 0]
        near, far = np.quantile(seen, [STRAY, 1 - STRAY]) if len(seen) else (0.0, 0.0)
        return float(far), float(near)
    return None


def encoded(values: Array, mode: str, suffix: str) -> bytes:
    """A file of what `shown` gives, in the format of a suffix that `require_suffix` gave."""
    stream = io.BytesIO()
    if suffix == NUMBERS:
        np.save(stream, values)
        return stream.getvalue()
    from PIL import Image

    Image.fromarray(levels(values, mode)).save(stream, **_SAVED[suffix])
    return stream.getvalue()


def levels(values: Array, mode: str) -> npt.NDArray[np.uint8]:
    """What is shown as bytes, 0 to 255, rounded to the nearest."""
    ends = span(values, mode)
    if ends is not None:
        black, white = ends
        if mode == "depth":
            shade = _between(1 / np.maximum(values, TINY), 1 / max(black, TINY), 1 / max(white, TINY))
            values = np.where(values > 0, FARTHEST + (1 - FARTHEST) * shade, 0)
        else:
            values = _between(values, black, white)
    out: npt.NDArray[np.uint8] = (values.clip(0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    return out


def _between(values: Array, black: float, white: float) -> Array:
    """Values from black to white as 0 to 1."""
    shade: Array = ((values - black) / ((white - black) or 1.0)).clip(0, 1)
    return shade
