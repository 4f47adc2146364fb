"""Harmonics up to a degree: the columns of the others left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud
from ..errors import InputError

Array = npt.NDArray[Any]


def cut(like: GaussianCloud, degree: int) -> tuple[Callable[[Array], Array] | None, GaussianCloud, str]:
    """What leaves harmonics beyond a degree out of rows, what rows are like then, and how to tell of it.

    Args:
        like: rows of the same columns.
        degree: 0 to `gscli.fields.MAX_SH_DEGREE`; rows of no higher one stay as they are.

    Raises:
        InputError: there are no harmonics, or those of no degree.
    """
    there = fields.sh_degree(like.fields)
    if there is None:
        raise InputError("has no harmonics of a degree from 0 to 4 to be cut")
    if there <= degree:
        return None, like, f"is of degree {there}"
    wanted = _sources(there, degree)
    left = [name for name in like.fields if not name.startswith("f_rest_") or name in wanted]
    kind = np.dtype([(name, like.rows.dtype[wanted.get(name, name)]) for name in left])

    def makes(rows: Array) -> Array:
        out = np.empty(len(rows), kind)
        for name in left:
            out[name] = rows[wanted.get(name, name)]
        return out

    edited = like.header.edited | set(fields.sh_rest(there))
    header = replace(like.header, edited=edited)
    gone = len(like.fields) - len(left)
    return makes, GaussianCloud(np.empty(0, kind), header), f"degree {there} to {degree}, {gone} columns less"


def wider(columns: dict[str, str], degree: int, wide: int) -> dict[str, str]:
    """Columns by name, those of harmonics up to a degree by the names that they have up to a wider one."""
    found = {name: column for name, column in columns.items() if not name.startswith("f_rest_")}
    return found | {there: columns[here] for here, there in _sources(wide, degree).items()}


def _sources(there: int, degree: int) -> dict[str, str]:
    """The column that each of a lower degree is, of those of a higher one: both are channel by channel."""
    held, wider = ((each + 1) ** 2 - 1 for each in (degree, there))
    return {
        f"f_rest_{channel * held + i}": f"f_rest_{channel * wider + i}"
        for channel in range(3)
        for i in range(held)
    }
