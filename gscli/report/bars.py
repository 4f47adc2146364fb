"""Histograms of equal bins as SVG: those of `gscli.kernels.distributions`, a small one for each column."""

from __future__ import annotations

from collections.abc import Iterator

from ..kernels.distributions import Distribution
from ..results.shown import counted, markup
from . import numbers

WIDTH, HEIGHT = 120, 28  # of a small one
SIZES = {"wide": 900, "narrow": 360}  # widths of a large one, as of `gscli.report.histogram`
LARGE, BELOW = 120, 44  # heights of its bars, and of what stands below
GAP = 1


def small(found: Distribution) -> str:
    """A histogram for a cell of a table; nothing where no number is finite."""
    if found.histogram is None:
        return ""
    bars = "".join(_bars(found, 0, WIDTH, HEIGHT, "value"))
    return f'<svg class="bars" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Histogram">{bars}</svg>'


def large(found: Distribution, one: str, axis: str) -> str:
    """A histogram with its axis, for a screen and for a telephone; nothing where no number is finite.

    Args:
        one: what one of those counted is called. axis: what the numbers are.
    """
    if found.histogram is None or found.edges is None:
        return ""
    low, high = found.edges
    height = LARGE + BELOW
    out = []
    for size, width in SIZES.items():
        left, right = 8, width - 8
        ticks = ((left, "start", low), (width / 2, "middle", (low + high) / 2), (right, "end", high))
        out += [
            f'<svg viewBox="0 0 {width} {height}" role="img" class="histogram {size} bars" '
            f'aria-label="Histogram: {markup(axis)}">',
            *_bars(found, left, right - left, LARGE, one),
            f'<line class="axis" x1="{left}" x2="{right}" y1="{LARGE}" y2="{LARGE}"/>',
            *(
                f'<text class="tick" x="{x:.1f}" y="{LARGE + 18}" text-anchor="{anchor}">'
                f"{numbers.number(value)}</text>"
                for x, anchor, value in ticks
            ),
            f'<text class="tick" x="{width / 2:.1f}" y="{LARGE + 38}" text-anchor="middle">{markup(axis)}'
            "</text>\n</svg>",
        ]
    return "\n".join(out)


def _bars(found: Distribution, left: float, width: float, height: float, one: str) -> Iterator[str]:
    """The bars, each of which says how many it stands for; what is counted at all is seen."""
    assert found.histogram is not None
    assert found.edges is not None
    low, high = found.edges
    count, most = len(found.histogram), max(found.histogram)
    step = width / count
    for i, held in enumerate(found.histogram):
        if not held:
            continue
        start, end = (low + (high - low) * (place / count) for place in (i, i + 1))
        ends = (numbers.number(start), numbers.number(end))
        span = f"from {ends[0]} to {ends[1]}"
        if low < high and i in (0, count - 1):
            span = f"below {ends[1]}" if i == 0 else f"from {ends[0]} on"
        tall = max(1.0, height * (held / most))
        yield (
            f'<rect x="{left + i * step:.1f}" y="{height - tall:.1f}" width="{step - GAP:.1f}" '
            f'height="{tall:.1f}"><title>{counted(held, one)} {span}</title></rect>'
        )
