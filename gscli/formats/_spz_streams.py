"""The streams of SPZ: what a splat is in each, as bytes, and of bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import fields
from ..kernels import quaternions
from ..kernels.quantising import look_up
from . import _rows
from ._blocks import Chosen
from ._turn import Signs, of_harmonics, of_rotations

Bytes = npt.NDArray[np.uint8]

COLOUR = 0.15  # a colour byte is 255 (0.5 + 0.15 f_dc): room beyond 0..1
_COMPONENT = 511 * np.sqrt(2.0)  # nine bits for a quaternion's component within 1 / sqrt 2
_BYTES = np.arange(256.0)
_COLOURS, _SCALES, _HARMONICS = (
    (_BYTES / 255.0 - 0.5) / COLOUR,
    _BYTES / 16.0 - 10.0,
    (_BYTES - 128.0) / 128.0,
)
_COARSE = {  # what compact harmonics are, to the nearest multiple of a step, a half upwards
    step: np.minimum(np.floor((_BYTES + step / 2) / step) * step, 255).astype(np.uint8)
    for step in (8.0, 16.0)
}


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


def decoder(
    header: SpzHeader, streams: Sequence[Bytes], signs: Signs
) -> Callable[[slice, npt.NDArray[Any]], None]:
    """What fills new rows from those of a slice in each stream, with axes reversed by signs."""
    rest = _by_coefficient(header.degree)
    turned = _HARMONICS * of_harmonics(signs, header.degree)[_places(header.degree), None]
    about = of_rotations(signs)

    def decode(part: slice, rows: npt.NDArray[Any]) -> None:
        position, alpha, colour, scale, rotation, harmonics = (stored[part] for stored in streams)
        _rows.columns_of(rows, fields.POSITION)[...] = _positions(header, position) * signs
        look_up(rows, (fields.OPACITY,), _rows.LOGITS, alpha)
        look_up(rows, fields.SH_DC, _COLOURS, colour)
        look_up(rows, fields.SCALE, _SCALES, scale)
        _rows.columns_of(rows, fields.ROTATION)[...] = _rotations(header, rotation) * about
        if rest:
            look_up(rows, rest, turned, harmonics)

    return decode


def encoders(
    chosen: Chosen, header: SpzHeader, signs: Signs, compact: bool
) -> list[Callable[[slice], npt.NDArray[Any]]]:
    """For each stream of version 3, what makes its bytes of a block of rows; `compact` as of `spz.write`."""

    def position(part: slice) -> npt.NDArray[Any]:
        xyz = chosen.planes(fields.POSITION, part) * signs
        fixed = np.rint(xyz * 2.0**header.bits).astype("<i4", order="C")
        return fixed.view(np.uint8).reshape(-1, 4)[:, :3]  # the lowest three bytes of four

    def colour(part: slice) -> npt.NDArray[Any]:
        return chosen.quantised(fields.SH_DC, (COLOUR, 0.5, 255.0), part)

    def scale(part: slice) -> npt.NDArray[Any]:
        return chosen.quantised(fields.SCALE, (1.0, 10.0, 16.0), part)

    def rotation(part: slice) -> npt.NDArray[Any]:
        wxyz = quaternions.unit(chosen.planes(fields.ROTATION, part) * of_rotations(signs))
        largest, others = quaternions.split_largest(wxyz[:, [1, 2, 3, 0]])
        parts = np.minimum(np.floor(np.abs(others) * _COMPONENT + 0.5), 511).astype("<u4")
        parts |= np.where(others < 0, np.uint32(512), np.uint32(0))
        packed = largest.astype("<u4") << 30 | parts[:, 0] << 20 | parts[:, 1] << 10 | parts[:, 2]
        return np.asarray(packed, "<u4")

    names = _by_coefficient(header.degree)
    steps = 128.0 * of_harmonics(signs, header.degree)[_places(header.degree)]
    numbers = np.stack([steps, np.full_like(steps, 128.0), np.ones_like(steps)], axis=1)

    def harmonics(part: slice) -> npt.NDArray[Any]:
        found = chosen.quantised(names, numbers, part)
        if compact:
            found[:, :9], found[:, 9:] = _COARSE[8.0][found[:, :9]], _COARSE[16.0][found[:, 9:]]
        return found

    return [position, chosen.alpha_bytes, colour, scale, rotation, *[harmonics] * bool(header.degree)]


def _positions(header: SpzHeader, stored: Bytes) -> npt.NDArray[Any]:
    """(n, 3) what positions are."""
    if header.version == 1:
        halves: npt.NDArray[Any] = stored.view("<f2")
        return halves
    low, middle, high = (stored[:, i::3].astype(np.int32) for i in range(3))
    fixed = (low | middle << 8 | high << 16) << 8 >> 8  # the sign of 24 bits, extended
    return fixed / 2.0**header.bits


def _rotations(header: SpzHeader, stored: Bytes) -> npt.NDArray[Any]:
    """(n, 4) quaternions, w first."""
    if header.version < 3:
        xyz = stored / 127.5 - 1.0
        return np.column_stack([np.sqrt(np.maximum(0.0, 1.0 - (xyz**2).sum(axis=1))), xyz])
    packed = stored.view("<u4")  # (N, 1)
    parts = packed >> np.array([20, 10, 0], np.uint32) & 1023
    others = np.where(parts & 512, -1.0, 1.0) * (parts & 511) / _COMPONENT
    xyzw = quaternions.join_largest((packed[:, 0] >> 30).astype(np.int64), others)
    return xyzw[:, [3, 0, 1, 2]]


def _places(degree: int) -> npt.NDArray[np.intp]:
    """The numbers of the f_rest in the order of the stream: a coefficient's three colours side by side."""
    return np.arange(3 * ((degree + 1) ** 2 - 1)).reshape(3, -1).T.ravel()


def _by_coefficient(degree: int) -> list[str]:
    return [f"f_rest_{place}" for place in _places(degree)]
