"""M3C2: how far a surface has moved along its normals, and whether that can be told from roughness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import arguments
from ..errors import UsageError
from ..kernels import m3c2, metrics
from ..progress import Track, silent
from ..results.shown import counted, shown
from .spacing import Threshold, parse_threshold

__all__ = ["M3C2", "Moved"]

Array = npt.NDArray[Any]

DEPTHS = 5  # radii of a cylinder that it reaches to either side, unless told
UPWARDS = (0.0, 0.0, 1.0)
ADD = "add `m3c2='R,C'`"


@dataclass(frozen=True)
class M3C2:
    """Signed distances from target to source along the source's normals, in scene units.

    Attributes:
        core_points: points of the source that were asked.
        without_normal: of these, with fewer than three points around, or only some on a line.
        without_target: with a normal, but no point of the target in the cylinder.
        nan_share: of the core points, those without a distance.
        mean, median, std, rms: of the distances; std over one less than their number. None where there are
            too few.
        detectable: core points with a level of detection: two points of either cloud in the cylinder.
        mean_lod: the mean level of detection, at 95 %.
        significant: distances beyond it. significant_share: of the detectable.
        neighbors: the mean number of points that normals were fitted to.
        in_cylinder_source, in_cylinder_target: the mean number of points in the cylinders.
    """

    core_points: int
    without_normal: int
    without_target: int
    nan_share: float
    mean: float | None
    median: float | None
    std: float | None
    rms: float | None
    detectable: int
    mean_lod: float | None
    significant: int
    significant_share: float | None
    neighbors: float | None
    in_cylinder_source: float | None
    in_cylinder_target: float | None


@shown
@dataclass(frozen=True)
class Moved:
    """What M3C2 found at each core point.

    Attributes:
        distances: (Q,) float64, positive in front of the target, NaN for none.
        lods: (Q,) levels of detection, NaN for none. significant: (Q,) bool. normals: (Q, 3), NaN for none.
    """

    distances: Array
    lods: Array
    significant: Array
    normals: Array

    def _facts(self) -> dict[str, object]:
        return {"core points": len(self.distances)}

    def columns(self) -> dict[str, Array]:
        """As columns of a cloud."""
        return {
            "m3c2_distance": self.distances,
            "m3c2_lod": self.lods,
            "m3c2_significant": self.significant,
        }


@dataclass(frozen=True)
class Asked:
    """How M3C2 is to measure.

    Attributes:
        radii: of the spheres that normals are fitted in.
        cylinder: the radius of cylinders. depth: how far they reach, to either side.
        registration: a standard deviation, in scene units.
        orientation: what normals point along rather than against.
    """

    radii: tuple[Threshold, ...]
    cylinder: Threshold
    depth: Threshold
    registration: float
    orientation: tuple[float, float, float]


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
    lengths = [parse_threshold(x, "m3c2") for x in arguments.several(parts, "m3c2", (str, Real), wanted)]
    if len(lengths) < 2:
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
    )


def measure(
    source: Array,
    target: Array,
    wanted: Asked,
    spacing: float | None,
    *,
    core: Array | None = None,
    name: str = "the target",
    track: Track = silent,
) -> tuple[M3C2, Moved, dict[str, Any]]:
    """Measure along the normals of the source.

    Args:
        source, target: (N, 3) and (M, 3) finite positions.
        spacing: of the target, for lengths in spacings. name: what messages call it.
        core: (Q,) rows of the source to ask; None for all.

    Returns:
        The figures; what was found at each core point; the lengths that were used, in scene units.
    """
    radii = [length.in_scene_units(spacing, name, "m3c2") for length in wanted.radii]
    cylinder = wanted.cylinder.in_scene_units(spacing, name, "m3c2")
    depth = wanted.depth.in_scene_units(spacing, name, "m3c2_depth")
    here, there = (np.ascontiguousarray(points.T, np.float64) for points in (source, target))
    at = here if core is None else np.ascontiguousarray(here[:, core])
    count = at.shape[1]
    with track("M3C2", count * (len(radii) + 2), "points") as advance:
        directions, around = m3c2.normals(at, here, radii, np.array(wanted.orientation), advance)
        ours = m3c2.along(at, directions, here, cylinder, depth, advance)
        theirs = m3c2.along(at, directions, there, cylinder, depth, advance)
    distances, lods = m3c2.detection(ours, theirs, wanted.registration)
    with np.errstate(invalid="ignore"):
        significant = np.abs(distances) > lods
    normal, measured, detectable = np.isfinite(directions[0]), np.isfinite(distances), np.isfinite(lods)
    found = distances[measured]
    figures = M3C2(
        core_points=count,
        without_normal=int((~normal).sum()),
        without_target=int((normal & (theirs.number == 0)).sum()),
        nan_share=1 - len(found) / count,
        mean=_mean(found),
        median=metrics.quantiles(found, (0.5,))[0] if len(found) else None,
        std=float(np.std(found, ddof=1)) if len(found) > 1 else None,
        rms=metrics.root_mean_square(found),
        detectable=int(detectable.sum()),
        mean_lod=_mean(lods[detectable]),
        significant=int(significant.sum()),
        significant_share=float(significant.sum() / detectable.sum()) if detectable.any() else None,
        neighbors=_mean(around[normal]),
        in_cylinder_source=_mean(ours.number[normal]),
        in_cylinder_target=_mean(theirs.number[normal]),
    )
    used = {
        "normal_radii": radii,
        "cylinder_radius": cylinder,
        "depth": depth,
        "registration_error": wanted.registration,
        "orientation": list(wanted.orientation),
    }
    return figures, Moved(distances, lods, significant, directions.T), used


def notes(found: M3C2) -> list[str]:
    """What is to be known before the figures are believed."""
    told = []
    if found.without_normal:
        points = counted(found.without_normal, "core point")
        told.append(f"M3C2: {points} without a normal: fewer than three points around, or all on a line")
    if found.without_target:
        points = counted(found.without_target, "core point")
        told.append(f"M3C2: {points} with no point of the target in the cylinder")
    return told


def _mean(values: Array) -> float | None:
    return metrics.power_sum(values) / len(values) if len(values) else None


def _direction(given: Sequence[float]) -> tuple[float, float, float]:
    try:
        x, y, z = (float(part) for part in given)
    except (TypeError, ValueError):
        raise UsageError("`orientation` must be three numbers", remedy="write (0, 0, 1)") from None
    if not np.isfinite([x, y, z]).all() or not (x or y or z):
        raise UsageError("`orientation` must be finite, and not zero", remedy="write (0, 0, 1)")
    return x, y, z
