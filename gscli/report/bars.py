"""Histograms of equal bins as SVG: those of `gscli.kernels.distributions`, a small one for each column."""

from __future__ import annotations

from collections.abc import Iterator

from ..kernels.distributions import Distribution
from ..results.shown import counted, markup
from . import numbers

WIDTH, HEIGHT = 120, 28  # of a small one
SIZES = {"wide": 900, "narrow": 360}  # widths of a large one, as of `gscli.report.histogram`
LARGE, BELOW = 120, 44  # heights of its bars, and of what stands below
MARGIN, GAP = 8, 1


def small(found: Distribution) -> str:
    """A histogram for a cell of a table; nothing where no number is finite."""
    if found.histogram is None:
        return ""
    bars = "".join(_bars(found, 0, WIDTH, HEIGHT, "value"))
    return f'<svg class="bars" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Histogram">{bars}</svg>'


def large(found: Distribution, one: str, told: str) -> str:
    """A histogram with its axis, for a screen and for a telephone; nothing where no number is finite.

    Args:
        one: what one of those counted is called. told: what the numbers are.
    """
    if found.histogram is None or found.edges is None:
        return ""
    low, high = found.edges
    out = []
    for size, width in SIZES.items():
        out += [
            f'<svg viewBox="0 0 {width} {LARGE + BELOW}" role="img" class="histogram {size} bars" '
            f'aria-label="Histogram: {markup(told)}">',
            *_bars(found, MARGIN, width - 2 * MARGIN, LARGE, one),
            *axis(width, LARGE, (low, (low + high) / 2, high), told),
            "</svg>",
        ]
    return "\n".join(out)


def axis(width: float, floor: float, ends: tuple[float, float, float], told: str) -> Iterator[str]:
    """The line below large bars: the numbers at its left, in its middle, at its right, and what they are."""
    left, middle, right = MARGIN, width / 2, width - MARGIN
    yield f'<line class="axis" x1="{left}" x2="{right}" y1="{floor}" y2="{floor}"/>'
    for x, anchor, value in zip((left, middle, right), ("start", "middle", "end"), ends, strict=True):
        yield _text(x, floor + 18, numbers.number(value), anchor)
    yield _text(middle, floor + 38, told, "middle")


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text class="tick" x="{x:.1f}" y="{y}" text-anchor="{anchor}">{markup(words)}</text>'


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
