"""How M3C2 is asked for: its lengths, and where normals come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real

import numpy as np

from .. import arguments
from ..cloud import GaussianCloud
from ..errors import UsageError
from . import normals
from .spacing import Threshold, parse_threshold

DEPTHS = 5  # radii of a cylinder that it reaches to either side, unless told
UPWARDS = (0.0, 0.0, 1.0)
ADD = "add `m3c2='R,C'`"
OWN = "own"  # instead of radii: the normals that the source has


@dataclass(frozen=True)
class Asked:
    """How M3C2 is to measure.

    Attributes:
        radii: of the spheres that normals are fitted in. own: whether to take those that the source has.
        cylinder: the radius of cylinders. depth: how far they reach, to either side.
        registration: a standard deviation, in scene units.
        orientation: what normals point along rather than against.
    """

    radii: tuple[Threshold, ...]
    cylinder: Threshold
    depth: Threshold
    registration: float
    orientation: tuple[float, float, float]
    own: bool = False


def asked(
    scales: str | Sequence[float | str] | None,
    depth: float | str | None,
    registration_error: float | None,
    orientation: Sequence[float] | None,
    *,
    in_pieces: bool,
    required: Sequence[str] = (),
) -> Asked | None:
    """What is to be measured, from the arguments of `gscli.compare.compare`; None for nothing.

    Args:
        in_pieces: whether memory is limited. required: the numbers that have to keep limits.

    Raises:
        UsageError: one that cannot be honoured or has no effect.
    """
    if scales is None:
        given = {"m3c2_depth": depth, "registration_error": registration_error, "orientation": orientation}
        for name, value in given.items():
            if value is not None:
                raise UsageError(f"`{name}` has no effect without `m3c2`", remedy=ADD)
        for metric in required:
            if metric.split(".")[0] == "m3c2":
                raise UsageError(f"`require` {metric} has no effect without `m3c2`", remedy=ADD)
        return None
    if in_pieces:
        raise UsageError("`m3c2` holds both scenes whole, whatever `memory_limit` says", remedy="drop one")
    wanted = "radii of normals and, last, that of the cylinder"
    parts = scales.split(",") if isinstance(scales, str) else scales
    parts = arguments.several(parts, "m3c2", (str, Real), wanted)
    own = [str(part).strip() for part in parts[:1]] == [OWN]
    lengths = [parse_threshold(x, "m3c2") for x in parts[own:]]
    if own and len(lengths) != 1:
        what = f"`m3c2` takes one length beside {OWN!r}, the radius of the cylinder, not {len(lengths)}"
        raise UsageError(what, remedy="write 'own,0.25'")
    if not own and len(lengths) < 2:
        raise UsageError(f"`m3c2` must be {wanted}, not one length", remedy="write '0.5,0.25'")
    *radii, cylinder = lengths
    deep = replace(cylinder, value=DEPTHS * cylinder.value)
    error = 0.0 if registration_error is None else registration_error
    if not arguments.is_number(error) or not 0 <= error < float("inf"):
        raise UsageError(f"`registration_error` must be a number from 0, not {arguments.told(error)}")
    return Asked(
        tuple(radii),
        cylinder,
        deep if depth is None else parse_threshold(depth, "m3c2_depth"),
        float(error),
        UPWARDS if orientation is None else _direction(orientation),
        own,
    )


def require_normals(wanted: Asked | None, source: GaussianCloud, name: str) -> None:
    """Refuse a source without normals of its own, where those are asked for.

    Raises:
        InputError: see above.
    """
    if wanted is not None and wanted.own:
        normals.require(source, name)


def _direction(given: Sequence[float]) -> tuple[float, float, float]:
    try:
        x, y, z = (float(part) for part in given)
    except (TypeError, ValueError):
        raise UsageError("`orientation` must be three numbers", remedy="write (0, 0, 1)") from None
    if not np.isfinite([x, y, z]).all() or not (x or y or z):
        raise UsageError("`orientation` must be finite, and not zero", remedy="write (0, 0, 1)")
    return x, y, z
