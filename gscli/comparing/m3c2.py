"""M3C2: how far a surface has moved along its normals, and whether that can be told from roughness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..cloud import GaussianCloud
from ..kernels import m3c2, metrics
from ..progress import Track, silent
from ..results.shown import counted, shown
from .m3c2_options import OWN, Asked
from .normals import Normals, own

__all__ = ["M3C2", "Moved"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class M3C2:
    """Signed distances from target to source along the source's normals, in scene units.

    Attributes:
        core_points: points of the source that were asked.
        normals: where those of the others come from.
        without_normal: core points with fewer than three points around, or only some on a line; or without a
            normal of their own.
        without_target: with a normal, but no point of the target in the cylinder.
        nan_share: of the core points, those without a distance.
        mean, median, std, rms: of the distances; std over one less than their number. None where there are
            too few.
        detectable: core points with a level of detection: two points of either cloud in the cylinder.
        mean_lod: the mean level of detection, at 95 %.
        significant: distances beyond it. significant_share: of the detectable.
        neighbors: the mean number of points that normals were fitted to; None where none was.
        in_cylinder_source, in_cylinder_target: the mean number of points in the cylinders.
    """

    core_points: int
    normals: Normals
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


def measure(
    source: Array,
    target: Array,
    wanted: Asked,
    spacing: float | None,
    *,
    cloud: GaussianCloud,
    matrix: Array,
    core: Array | None = None,
    name: str = "the target",
    track: Track = silent,
) -> tuple[M3C2, Moved, dict[str, Any]]:
    """Measure along the normals of the source.

    Args:
        source, target: (N, 3) and (M, 3) finite positions.
        spacing: of the target, for lengths in spacings. name: what messages call it.
        cloud: the source, which may have normals of its own. matrix: (3, 3) what it was moved by.
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
        toward = np.array(wanted.orientation)
        if wanted.own:
            (directions, came), around = own(cloud, core, matrix, toward), np.empty(0)
        else:
            directions, around = m3c2.normals(at, here, radii, toward, advance)
            around = around[np.isfinite(directions[0])]
            came = Normals(fitted=len(around))
        ours = m3c2.along(at, directions, here, cylinder, depth, advance)
        theirs = m3c2.along(at, directions, there, cylinder, depth, advance)
    distances, lods = m3c2.detection(ours, theirs, wanted.registration)
    with np.errstate(invalid="ignore"):
        significant = np.abs(distances) > lods
    normal, measured, detectable = np.isfinite(directions[0]), np.isfinite(distances), np.isfinite(lods)
    found = distances[measured]
    figures = M3C2(
        core_points=count,
        normals=came,
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
        neighbors=_mean(around),
        in_cylinder_source=_mean(ours.number[normal]),
        in_cylinder_target=_mean(theirs.number[normal]),
    )
    used = {
        "normals": OWN if wanted.own else "fitted",
        "normal_radii": radii,
        "cylinder_radius": cylinder,
        "depth": depth,
        "registration_error": wanted.registration,
        "orientation": list(wanted.orientation),
    }
    return figures, Moved(distances, lods, significant, directions.T), used


def notes(found: M3C2, *, own: bool) -> list[str]:
    """What is to be known before the figures are believed; `own` as of `Asked`."""
    told = []
    if found.without_normal:
        points = counted(found.without_normal, "core point")
        why = "no normal of their own" if own else "fewer than three points around, or all on a line"
        told.append(f"M3C2: {points} without a normal: {why}")
    if found.without_target:
        points = counted(found.without_target, "core point")
        told.append(f"M3C2: {points} with no point of the target in the cylinder")
    return told


def _mean(values: Array) -> float | None:
    return metrics.power_sum(values) / len(values) if len(values) else None
