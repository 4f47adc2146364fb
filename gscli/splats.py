"""Splats: the Gaussians of a cloud as rasterizers take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import fields
from .cloud import GaussianCloud
from .errors import InputError, UsageError
from .files import render_modes
from .results.shown import shown

Array = npt.NDArray[Any]

DENSITY = "density"  # of X-ray Gaussians, before its softplus
STUDENT = "use_student_t True"


@shown
@dataclass(frozen=True)
class Splats:
    """Gaussians to draw.

    Attributes:
        rows: (N,) structured, in native byte order: ``x y z`` in float32 or float64; and in float32
            ``opacity``, ``scale_0..2``, ``rot_0..3`` (w first, of any length) and, for colours,
            ``f_dc_0..2`` and ``f_rest_*`` channel by channel. It may be the map of a file.
        degree: of harmonics; None without colours.
        raw: opacities are logits and scales logarithms, as files have them; else both are what they mean.
        antialiased: opacities make up for the low-pass filter (Mip-Splatting: Yu et al. 2024).
        xray: opacities are densities, which are added up along each ray.
    """

    rows: Array
    degree: int | None
    raw: bool = True
    antialiased: bool = False
    xray: bool = False

    @classmethod
    def of(cls, cloud: GaussianCloud, name: str | None = None, *, xray: bool | None = None) -> Splats:
        """The Gaussians of a cloud; rows that hold them in float32 are not copied.

        Args:
            cloud: with opacities (or densities), three scales and rotations.
            name: what messages call it.
            xray: whether to see through them; None does so where they have densities and no colours.

        Raises:
            InputError: points alone, or Gaussians that are drawn by other rules.
        """
        names = cloud.fields
        opacity = DENSITY if DENSITY in names else fields.OPACITY
        _require_gaussians(cloud, opacity, name)
        degree = fields.sh_degree(names)
        if degree is None and set(fields.SH_DC) <= set(names):
            raise InputError("has harmonics of no degree from 0 to 4", path=name)
        through = (opacity == DENSITY and degree is None) if xray is None else xray
        mode = render_modes.told(cloud.header.comments)
        wanted = [*fields.POSITION, fields.OPACITY, *fields.SCALE, *fields.ROTATION]
        if degree is not None and not through:
            wanted += [*fields.SH_DC, *fields.sh_rest(degree)]
        antialiased = mode == render_modes.MIP and not through
        if not through and opacity == fields.OPACITY and in_place(cloud.rows, wanted):
            return cls(cloud.rows, degree, antialiased=antialiased)
        rows = _copied(cloud, wanted, opacity, activated=through or opacity == DENSITY)
        return cls(
            rows,
            None if through else degree,
            raw=not through and opacity != DENSITY,
            antialiased=antialiased,
            xray=through,
        )

    def require_looks(self, name: str, *, remedy: str | None = None) -> Splats:
        """These, where there is something to see of them.

        Raises:
            InputError: there are none, or they have neither colours nor densities.
        """
        if not len(self):
            raise InputError("has no points", path=name)
        if not self.xray and self.degree is None:
            raise InputError("has no colours to be drawn in", path=name, remedy=remedy)
        return self

    def require_kind_of(self, other: Splats, names: tuple[str, str]) -> None:
        """Refuse to hold colours against densities.

        Raises:
            InputError: one has the ones and the other has the others.
        """
        if self.xray != other.xray:
            kinds = ["densities" if each.xray else "colours" for each in (self, other)]
            raise InputError(f"holds {kinds[0]}, and {names[1]} {kinds[1]}", path=names[0])

    def require_range(self, data_range: float | None) -> None:
        """Refuse what someone says that these span, if they are colours; None says nothing.

        Raises:
            UsageError: see above.
        """
        if data_range is not None and not self.xray:
            raise UsageError("`data_range` has no effect on colours, whose range is 1", remedy="drop it")

    def __len__(self) -> int:
        return len(self.rows)

    def _facts(self) -> dict[str, object]:
        return {
            "splats": len(self.rows),
            "degree": self.degree,
            "antialiased": self.antialiased,
            "xray": self.xray,
        }


def _require_gaussians(cloud: GaussianCloud, opacity: str, name: str | None) -> None:
    names, comments = set(cloud.fields), cloud.header.comments
    scales = len(fields.scale_names(cloud.fields))
    if opacity not in names or scales < 2 or not set(fields.ROTATION) <= names:
        raise InputError(
            "has no opacity, scales and rotation: points alone cannot be rendered",
            path=name,
            remedy="give a scene of Gaussians; points are compared and thinned without pictures",
        )
    if scales == 2 or render_modes.told(comments) == render_modes.FLAT:
        raise InputError("holds flat splats of 2DGS, which are drawn by other rules than 3DGS", path=name)
    if STUDENT in comments:
        raise InputError("holds Student's t distributions, which are no Gaussians", path=name)


def in_place(rows: Array, names: list[str]) -> bool:
    """Whether rows can be read where they lie."""
    kinds = [rows.dtype[name] for name in names]
    return all(kind == np.float32 and kind.isnative for kind in kinds)


def _copied(cloud: GaussianCloud, names: list[str], opacity: str, *, activated: bool) -> Array:
    """Rows of the columns of these names, in the types that engines take; `activated` if so asked for."""
    stored = [opacity if name == fields.OPACITY else name for name in names]
    wide = cloud.float_type(fields.POSITION)
    kinds: Any = [(name, wide if name in fields.POSITION else np.float32) for name in names]
    rows: Array = np.empty(len(cloud), kinds)
    for start, block in cloud.column_blocks(stored):
        part = rows[start : start + block.shape[1]]
        for name, values in zip(names, block, strict=True):
            if activated and name == fields.OPACITY:
                values = np.logaddexp(0, values) if opacity == DENSITY else fields.sigmoid(values)
            elif activated and name in fields.SCALE:
                values = np.exp(values, dtype=np.float64)
            with np.errstate(over="ignore", under="ignore"):
                part[name] = values
    return rows
