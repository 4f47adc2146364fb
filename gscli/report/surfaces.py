"""Point to plane and M3C2 as tables, for people."""

from __future__ import annotations

from typing import Any

from ..comparing.m3c2 import M3C2
from ..comparing.planes import PointToPlane
from ..comparing.result import Compared
from . import numbers
from .numbers import number
from .table import Table


def tables(result: Compared) -> list[Table]:
    """What there is of both."""
    planes, moved = result.point_to_plane, result.m3c2
    return [
        *([] if planes is None else [_planes(planes)]),
        *([] if moved is None else [_moved(moved, result.options["m3c2"])]),
    ]


def _planes(found: PointToPlane) -> Table:
    rows = [
        ("points asked", f"{found.queries:,}"),
        ("mean, with its sign", number(found.signed_mean)),
        ("mean", number(found.mean)),
        ("RMS", number(found.rms)),
        ("median", number(found.median)),
        ("p95", number(found.p95)),
        ("p99", number(found.p99)),
        ("max", number(found.max)),
    ]
    if found.without_normal:
        rows.insert(1, ("without a normal", f"{found.without_normal:,}"))
    for at in found.at:
        rows.append((f"matched, d < {number(at.threshold)}", numbers.percent(at.fitness)))
        rows.append(("  RMSE of matched", number(at.inlier_rmse)))
    return Table("Distances to the plane of the nearest point", ("", "source -> target"), tuple(rows))


def _moved(found: M3C2, used: dict[str, Any]) -> Table:
    if used["normals"] == "fitted":
        radii = ", ".join(number(radius) for radius in used["normal_radii"])
        normals = [("normals within", radii), ("  points there", number(found.neighbors))]
    else:
        stored, axes = found.normals.stored, found.normals.shortest_axis
        normals = [("normals of columns", f"{stored:,}"), ("  of shortest axes", f"{axes:,}")]
    rows = [
        ("core points", f"{found.core_points:,}"),
        ("  without a normal", f"{found.without_normal:,}"),
        ("  nothing of target", f"{found.without_target:,}"),
        ("  without a distance", numbers.percent(found.nan_share)),
        *normals,
        ("cylinders, radius", number(used["cylinder_radius"])),
        ("  to either side", number(used["depth"])),
        ("  points of source", number(found.in_cylinder_source)),
        ("  points of target", number(found.in_cylinder_target)),
        ("mean, with its sign", number(found.mean)),
        ("median", number(found.median)),
        ("standard deviation", number(found.std)),
        ("RMS", number(found.rms)),
        ("level of detection", number(found.mean_lod)),
        ("significant", f"{found.significant:,} of {found.detectable:,}"),
    ]
    if found.significant_share is not None:
        rows.append(("", numbers.percent(found.significant_share)))
    return Table("Distances along normals (M3C2)", ("", "target -> source"), tuple(rows))
