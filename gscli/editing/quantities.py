"""What conditions ask of rows by name: columns as stored, and what Gaussians are in units of the scene."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud
from ..errors import UsageError, did_you_mean
from ..kernels import elementary
from ..kernels.columns import gather
from ..splats import DENSITY
from .expression import STORED

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Quantity:
    """A number for each row.

    Attributes:
        columns: of what it is made. of: what makes (N,) float64 of their (N,) float64.
    """

    columns: tuple[str, ...]
    of: Callable[..., Array]


def quantities(names: Sequence[str]) -> dict[str, Quantity]:
    """All that can be asked of rows with columns of these names.

    Of Gaussians ``opacity`` is 0 to 1, ``density`` what it is after its softplus, and ``scale_0..2``,
    ``scale_min`` and ``scale_max`` are in scene units; ``anisotropy`` is the ratio of the last two. ``red``,
    ``green`` and ``blue`` are columns, or else the constant colour, 0 to 1 where it is not beyond. Any other
    name is that of a column, as it is stored.
    """
    found = {name: Quantity((name,), lambda column: column) for name in names}
    scales = fields.scale_names(names)
    if len(scales) >= 2 and set(fields.ROTATION) <= set(names):
        found |= {name: Quantity((name,), _lengths) for name in scales}
        found |= {
            "scale_min": Quantity(scales, lambda *logs: _lengths(_least(logs))),
            "scale_max": Quantity(scales, lambda *logs: _lengths(_most(logs))),
            "anisotropy": Quantity(scales, lambda *logs: _lengths(_most(logs) - _least(logs))),
        }
        if fields.OPACITY in names:
            found[fields.OPACITY] = Quantity((fields.OPACITY,), elementary.sigmoid)
        if DENSITY in names:
            found[DENSITY] = Quantity((DENSITY,), _softplus)
    for colour, constant in zip(("red", "green", "blue"), fields.SH_DC, strict=True):
        if constant in names:
            found.setdefault(colour, Quantity((constant,), fields.rgb_from_dc))
    return found


def asked(cloud: GaussianCloud, names: Sequence[str]) -> dict[str, Quantity]:
    """The quantities of these names.

    Raises:
        UsageError: there is none of a name. InputError: it is no number.
    """
    known = quantities(cloud.fields)
    known |= {STORED + name: Quantity((name,), lambda column: column) for name in cloud.fields}
    for name in names:
        if name not in known:
            own = [each for each in known if not each.startswith((STORED, "f_rest_"))]
            remedy = did_you_mean(name, own, f"there are {', '.join(own[:30])}")
            what = f"`where` asks for {name.removeprefix(STORED)}, which these points do not have"
            raise UsageError(what, remedy=remedy)
    found = {name: known[name] for name in names}
    for quantity in found.values():
        cloud.float_type(quantity.columns)
    return found


def of_rows(rows: Array, asked: Mapping[str, Quantity]) -> dict[str, Array]:
    """(N,) float64 of (N,) structured rows, by the names of some quantities."""
    names = sorted({name for quantity in asked.values() for name in quantity.columns})
    planes = np.empty((len(names), len(rows)))
    gather(rows, names, planes)
    columns = dict(zip(names, planes, strict=True))
    with np.errstate(all="ignore"):
        return {
            name: quantity.of(*(columns[each] for each in quantity.columns))
            for name, quantity in asked.items()
        }


def _lengths(logs: Array) -> Array:
    """Lengths from their logarithms, the same on every machine; 0 of -inf."""
    lengths: Array = np.where(np.isneginf(logs), 0.0, elementary.exp(logs))
    return lengths


def _softplus(x: Array) -> Array:
    bounded = np.minimum(np.abs(x), elementary.LARGEST)
    total: Array = np.maximum(x, 0.0) + elementary.log(1.0 + elementary.exp(-bounded))
    return total


def _least(logs: tuple[Array, ...]) -> Array:
    found = np.minimum(logs[0], logs[1])
    return np.minimum(found, logs[2]) if len(logs) > 2 else found


def _most(logs: tuple[Array, ...]) -> Array:
    found = np.maximum(logs[0], logs[1])
    return np.maximum(found, logs[2]) if len(logs) > 2 else found
