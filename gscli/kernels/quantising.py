"""Columns of structured rows as bytes and back, in one pass where compiled kernels know their type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from .columns import laid_out, offsets_of

Array = npt.NDArray[Any]

_QUANTISE = _core.Kernel("quantise", np.uint8, int, int, np.int64, np.float64, int, int, np.uint8, np.uint32)
_LOOK_UP = _core.Kernel("look_up", np.uint8, int, int, np.int64, np.int64, int, np.float32, np.uint8)
_LARGEST = float(np.finfo(np.float32).max)


def quantise(
    rows: Array, names: Sequence[str], numbers: npt.ArrayLike, *, down: bool = False
) -> tuple[npt.NDArray[np.uint8], bool]:
    """Columns of rows as the bytes that are nearest to what is made of their values.

    Args:
        rows: (n,) structured; each of `names` one number a row.
        numbers: (len(names), 3) a, b and c of (value * a + b) * c in float64, or three for all.
        down: round down, not to the nearest byte, of halves the even one.

    Returns:
        (n, len(names)) bytes, clipped to 0 and 255; and whether every value is finite and within float32.
    """
    numbers = np.ascontiguousarray(np.broadcast_to(np.asarray(numbers, np.float64), (len(names), 3)))
    out = np.empty((len(rows), len(names)), np.uint8)
    if (offsets := offsets_of(rows, names)) is not None:
        odd = np.zeros(1, np.uint32)
        _QUANTISE(*laid_out(rows), offsets, numbers, len(names), int(down), out, odd)
        return out, not odd[0]
    clean = True
    for place, (name, (a, b, c)) in enumerate(zip(names, numbers, strict=True)):
        values = rows[name].astype(np.float64)
        clean = clean and bool((np.abs(values) <= _LARGEST).all())
        with np.errstate(all="ignore"):
            bounded = np.clip(np.nan_to_num((values * a + b) * c), 0.0, 255.0)
            out[:, place] = np.floor(bounded) if down else np.rint(bounded)
    return out, clean


def look_up(rows: Array, names: Sequence[str], tables: npt.ArrayLike, stored: npt.NDArray[np.uint8]) -> None:
    """Fill columns of rows with what bytes stand for.

    Args:
        rows: (n,) structured.
        tables: (256,) float32, what each byte is; or (len(names), 256), by column.
        stored: (n, len(names)) bytes.

    Raises:
        ValueError: they are of other shapes.
    """
    values = np.atleast_2d(np.ascontiguousarray(tables, np.float32))
    if stored.shape != (len(rows), len(names)) or values.shape not in ((1, 256), (len(names), 256)):
        raise ValueError(f"{stored.shape} bytes and {values.shape} of {len(rows)} rows, {len(names)} columns")
    which = np.arange(len(names)) if len(values) > 1 else np.zeros(len(names), np.int64)
    offsets = offsets_of(rows, names) if rows.flags.c_contiguous else None
    if offsets is None:
        for name, table, column in zip(names, which, stored.T, strict=True):
            rows[name] = values[table][column]
        return
    _LOOK_UP(*laid_out(rows), offsets, which, len(names), values, np.ascontiguousarray(stored))
