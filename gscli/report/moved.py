"""What M3C2 found, on the page of a comparison: signed distances, and the levels of detection beside them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ..comparing.m3c2 import Moved
from ..comparing.result import Compared
from ..kernels import colormap, metrics
from ..kernels.distributions import distribution
from ..results.shown import counted, markup
from . import bars, parts
from .numbers import number

Array = npt.NDArray[np.float64]

BINS = {"wide": 61, "narrow": 31}  # an odd number: one is about 0
STRAY = 0.99  # the quantile of distances without their signs that the axis ends at
TOP = 28  # pixels, for the label of marks


def section(result: Compared) -> str:
    """Histograms of distances along normals and of their levels of detection; nothing without M3C2."""
    if result.m3c2 is None or result.evidence is None or result.evidence.moved is None:
        return ""
    moved, found = result.evidence.moved, result.m3c2
    title = "Distances along normals (M3C2)"
    measured = np.isfinite(moved.distances)
    if not measured.any():
        return parts.section(
            title, parts.soft(f"None of {counted(found.core_points, 'core point')} has one.")
        )
    levels = moved.lods[np.isfinite(moved.lods)]
    told = (
        "From target to source, positive in front of the target. Those beyond the level of detection of "
        "their own point are warm: with 95 % confidence no roughness. Outer bars also hold what is beyond."
    )
    body = [parts.soft(told), *_signed(moved, measured, found.mean_lod)]
    if len(levels):
        axis = "level of detection at 95 %, scene units"
        body.append(bars.large(distribution(levels), "core point", axis))
    return parts.section(title, *body)


def _signed(moved: Moved, measured: npt.NDArray[np.bool_], level: float | None) -> Iterator[str]:
    """The distances, for a screen and for a telephone, with lines at the mean level of detection."""
    distances, significant = moved.distances[measured], moved.significant[measured]
    end = metrics.quantiles(np.abs(distances), (STRAY,))[0]
    end = max(end, 1.25 * (level or 0.0)) or 1.0
    calm, warm = (colormap.judging_palette()[at].tobytes().hex() for at in (0, colormap.JUDGING[3][0]))
    for size, width in bars.SIZES.items():
        edges = np.linspace(-end, end, BINS[size] + 1)
        inside = distances.clip(-end, end)
        counts = [np.histogram(inside[lit], edges)[0] for lit in (~significant, significant)]
        yield (
            f'<svg viewBox="0 0 {width} {TOP + bars.LARGE + bars.BELOW}" role="img" class="histogram {size}" '
            'aria-label="Histogram of signed distances along normals">'
        )
        yield from _stacked(edges, counts, (calm, warm), width)
        yield from bars.axis(
            width, TOP + bars.LARGE, (-end, 0.0, end), "distance along the normal, scene units"
        )
        if level is not None:
            yield from _marks(level, end, width)
        yield "</svg>"


def _stacked(
    edges: Array, counts: list[npt.NDArray[np.int64]], colours: tuple[str, str], width: int
) -> Iterator[str]:
    """Bars of what is within its level, and on top of them of what is beyond."""
    most = int((counts[0] + counts[1]).max())
    step = (width - 2 * bars.MARGIN) / (len(edges) - 1)
    for i, pair in enumerate(zip(*counts, strict=True)):
        below = 0.0
        for held, colour, what in zip(pair, colours, ("", ", significant"), strict=True):
            if not held:
                continue
            tall = max(1.0, bars.LARGE * (held / most))
            y = TOP + bars.LARGE - below - tall
            tip = (
                f"{counted(int(held), 'core point')} from {number(edges[i])} to {number(edges[i + 1])}{what}"
            )
            yield (
                f'<rect x="{bars.MARGIN + i * step:.1f}" y="{y:.1f}" width="{step - bars.GAP:.1f}" '
                f'height="{tall:.1f}" fill="#{colour}"><title>{markup(tip)}</title></rect>'
            )
            below += tall


def _marks(level: float, end: float, width: int) -> Iterator[str]:
    """Lines at a level to both sides of 0, and what it is."""
    middle, half = width / 2, width / 2 - bars.MARGIN
    for side in (-1, 1):
        x = middle + side * half * (level / end)
        yield f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 8}" y2="{TOP + bars.LARGE}"/>'
    told = f"± {number(level)}: mean level of detection"
    yield f'<text class="label" x="{middle:.1f}" y="14" text-anchor="middle">{markup(told)}</text>'
