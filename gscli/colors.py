"""The colours of a cloud's rows, whichever columns hold them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from . import fields
from .cloud import GaussianCloud

Array = npt.NDArray[Any]


def of_rows(cloud: GaussianCloud) -> Callable[[Array | slice], Array] | None:
    """What gives the (K, 3) colours of rows, 0 to 1; None where they have none."""
    names = set(cloud.fields)
    if set(fields.SH_DC) <= names:
        dc = cloud.columns(fields.SH_DC)
        return lambda rows: np.nan_to_num(fields.rgb_from_dc(dc[:, rows]).clip(0, 1)).T
    if not set(fields.RGB) <= names:
        return None
    rgb = cloud.columns(fields.RGB)
    whole = all(cloud.rows.dtype[name].kind in "iu" for name in fields.RGB)
    most = rgb.max() if whole else 1.0
    full = most if most <= 1 else 255 if most <= 255 else 65_535  # of 16 bits, where all fit into 8
    return lambda rows: np.nan_to_num((rgb[:, rows] / full).clip(0, 1)).T


def of_both(one: GaussianCloud, other: GaussianCloud) -> tuple[Array, Array] | None:
    """(N, 3) and (M, 3) float32 colours of two clouds, 0 to 1; None unless both have them."""
    found = [of_rows(cloud) for cloud in (one, other)]
    if found[0] is None or found[1] is None:
        return None
    first, second = (given(slice(None)).astype(np.float32) for given in found if given is not None)
    return first, second
