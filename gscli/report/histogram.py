"""Histograms of distances, one above the other, as SVG with logarithmic axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..kernels import colormap, raster
from ..results.shown import markup

WIDTH, LEFT, RIGHT, TOP, PANEL, GAP, BOTTOM = 820, 62, 14, 46, 150, 40, 48
BINS = 72
ZERO = 56  # room at the left for what is exactly zero


def svg(
    series: Sequence[tuple[str, npt.NDArray[np.float64]]], marks: Sequence[tuple[str, float]], top: float
) -> str:
    """Draw histograms on one axis of distance.

    Args:
        series: a title and (N,) distances each.
        marks: a label and a distance each, drawn as dashed lines; left out where far from all distances.
        top: the distance at the end of the colour scale.
    """
    edges = raster.log_edges([values for _, values in series], [value for _, value in marks], BINS)
    marks = [mark for mark in marks if edges[0] <= mark[1] <= edges[-1]]
    low, high = math.log10(edges[0]), math.log10(edges[-1])
    any_zero = any((values == 0).any() for _, values in series)
    start = LEFT + (ZERO if any_zero else 0)
    height = TOP + len(series) * (PANEL + GAP) - GAP + BOTTOM

    def x(distance: float) -> float:
        return start + (math.log10(distance) - low) / (high - low) * (WIDTH - RIGHT - start)

    palette = colormap.palette()
    middles = np.sqrt(edges[1:] * edges[:-1])
    fills = ["#" + palette[level].tobytes().hex() for level in colormap.levels(middles, top)]
    first = "#" + palette[0].tobytes().hex()
    ends = f'x1="{LEFT}" x2="{WIDTH - RIGHT}"'
    out = [
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" class="histogram" '
        'aria-label="Histograms of distances, logarithmic on both axes">'
    ]
    for number, (title, values) in enumerate(series):
        zeros, counts = raster.log_histogram(values, edges)
        floor = TOP + number * (PANEL + GAP) + PANEL
        decades = max(1.0, math.log10(max(zeros, int(counts.max()), 1)) * 1.08)

        def y(count: float, floor: int = floor, decades: float = decades) -> float:
            """Counts of one are visible: the axis starts at a half."""
            return floor - (math.log10(count) + 0.3) / (decades + 0.3) * PANEL if count else floor

        step = max(1, math.ceil(decades / 4))
        for power in range(0, int(decades) + 1, step):
            line = y(10**power)
            out.append(
                f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{line:.1f}" y2="{line:.1f}"/>'
            )
            out.append(
                f'<text class="tick" x="{LEFT - 8}" y="{line + 4:.1f}" text-anchor="end">{10**power:,}</text>'
            )
        for i, count in enumerate(counts.tolist()):
            if count:
                left, right = x(edges[i]), x(edges[i + 1])
                span = f"from {edges[i]:.3g} to" if i else "above 0 and below"
                tip = f"{count:,} points {span} {edges[i + 1]:.3g}"
                out.append(_bar(left, right - left - 0.6, y(count), floor, fills[i], tip))
        if zeros:
            tip = f"{zeros:,} points at distance 0"
            out.append(_bar(LEFT + 6, 18, y(zeros), floor, first, tip))
        out.append(f'<line class="axis" {ends} y1="{floor}" y2="{floor}"/>')
        out.append(f'<text class="title" x="{LEFT}" y="{floor - PANEL - 10}">{markup(title)}</text>')
        out += [_upright("mark", x(value), floor - PANEL, floor) for _, value in marks]
    floor = height - BOTTOM
    if any_zero:
        out.append(_tick(LEFT + 15, floor + 18, "0"))
    for power in range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1):
        out.append(_tick(x(10.0**power), floor + 18, f"{10.0**power:g}"))
        out.append(_upright("axis", x(10.0**power), floor, floor + 4))
    middle = (start + WIDTH - RIGHT) / 2
    out.append(_tick(middle, floor + 40, "distance to the nearest point, scene units"))
    out += _labels([(label, x(value)) for label, value in marks])
    out.append("</svg>")
    return "\n".join(out)


def _bar(left: float, width: float, top: float, floor: float, fill: str, tip: str) -> str:
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{floor - top:.1f}" fill="{fill}">'
        f"<title>{markup(tip)}</title></rect>"
    )


def _tick(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text class="tick" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'


def _upright(kind: str, x: float, top: float, floor: float) -> str:
    return f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{floor}"/>'


def _labels(marks: Sequence[tuple[str, float]]) -> list[str]:
    """Labels above the marks, kept inside the picture; one that would overlap is left out."""
    out = []
    taken = -math.inf
    for label, at in sorted(marks, key=lambda mark: mark[1]):
        half = 3.6 * len(label)
        middle = min(max(at, LEFT + half), WIDTH - RIGHT - half)
        if middle - half < taken:
            continue
        taken = middle + half + 8
        out.append(f'<text class="label" x="{middle:.1f}" y="14" text-anchor="middle">{markup(label)}</text>')
    return out
