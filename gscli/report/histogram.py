"""Histograms of distances, one above the other, as SVG with logarithmic axes.

Nothing is cut: titles stand outside, in lines of their own, the margin at the left is as wide as its counts,
and flags of marks stand in as many rows as it takes. A picture for a telephone is another, narrow one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..kernels import raster
from ..results.shown import counted, markup

Colours = Callable[[npt.NDArray[np.float64]], list[str]]  # of distances, as a page writes them

RIGHT, PANEL, BOTTOM, ROW = 14, 150, 50, 20
CHARACTER = 8.4  # pixels, of the widest common font in the size of ticks and flags
ASIDE = 5  # of a line is its flag
ZERO = 62  # room at the left for what is exactly zero
SIZES = {"wide": (900, 72), "narrow": (360, 30)}  # pixels and bins


@dataclass(frozen=True)
class Axis:
    """Where distances lie between the margins.

    Attributes:
        left, start, end: pixels: of the margin, of the least distance above zero, of the largest.
        width: of the picture. edges: of the bins.
    """

    left: float
    start: float
    end: float
    width: float
    edges: npt.NDArray[np.float64]

    @classmethod
    def of(
        cls,
        edges: npt.NDArray[np.float64],
        left: float,
        start: float,
        width: float,
        marks: Sequence[tuple[str, float]],
    ) -> Axis:
        """The longest axis with room for the flag of every mark on it."""
        whole = cls(left, start, width - RIGHT, width, edges)
        end = whole.end
        for label, value in marks:
            share = (whole.x(value) - start) / (whole.end - start)
            if 0 < share <= 1:
                room = width - ASIDE - CHARACTER * len(label) - start
                end = min(end, start + max(room, 60) / share)
        return replace(whole, end=end)

    def x(self, distance: float) -> float:
        low, high = math.log10(self.edges[0]), math.log10(self.edges[-1])
        return self.start + (math.log10(distance) - low) / (high - low) * (self.end - self.start)


def svgs(
    series: Sequence[npt.NDArray[np.float64]],
    marks: Sequence[tuple[str, float]],
    colours: Colours,
    *,
    size: str = "wide",
) -> list[str]:
    """Draw histograms on one axis of distance, a picture each.

    Args:
        series: (N,) distances each.
        marks: a label and a distance each: a dashed line with a flag. Of one that is far from all distances
            there is the flag alone, at the side where it would be.
        colours: gives those of bars.
        size: one of `SIZES`; in the narrow one bars do not tell how many points they are.
    """
    width, bins = SIZES[size]
    edges = raster.log_edges(series, [value for _, value in marks], bins)
    counted_in = [raster.log_histogram(values, edges) for values in series]
    any_zero = any(zeros for zeros, _ in counted_in)
    decades = [max(1.0, math.log10(max(zeros, int(counts.max()), 1)) * 1.08) for zeros, counts in counted_in]
    left = 12 + CHARACTER * max(len(f"{10**power:,}") for high in decades for power in _powers(high))
    axis = Axis.of(edges, left, left + (ZERO if any_zero else 0), width, marks)
    fills = colours(np.concatenate([np.sqrt(edges[1:]) * np.sqrt(edges[:-1]), np.zeros(1)]))
    flags, rows = _flags(marks, axis)
    out = []
    for (zeros, counts), high in zip(counted_in, decades, strict=True):
        top = rows * ROW + 8
        floor = top + PANEL
        out.append(
            "\n".join(
                (
                    f'<svg viewBox="0 0 {width} {floor + BOTTOM}" role="img" class="histogram {size}" '
                    'aria-label="Histogram of distances, logarithmic on both axes">',
                    *_counts(axis, high, floor),
                    *_bars(axis, zeros, counts, high, floor, fills, told=size == "wide"),
                    f'<line class="axis" x1="{left:.1f}" x2="{axis.end:.1f}" y1="{floor}" y2="{floor}"/>',
                    *_distances(axis, floor, any_zero),
                    *(flag.drawn(floor, rows) for flag in flags),
                    "</svg>",
                )
            )
        )
    return out


def _powers(decades: float) -> range:
    """The powers of ten of counts that are written."""
    return range(0, int(decades) + 1, max(1, math.ceil(int(decades) / 4)))


def _height(count: float, decades: float) -> float:
    """Counts of one are visible: the axis starts at a half."""
    return (math.log10(count) + 0.3) / (decades + 0.3) * PANEL if count else 0.0


def _counts(axis: Axis, decades: float, floor: float) -> Iterator[str]:
    for power in _powers(decades):
        y = floor - _height(10**power, decades)
        yield f'<line class="grid" x1="{axis.left:.1f}" x2="{axis.end:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield _text("tick", axis.left - 8, y + 4, f"{10**power:,}", "end")


def _bars(
    axis: Axis,
    zeros: int,
    counts: npt.NDArray[np.int64],
    decades: float,
    floor: float,
    fills: Sequence[str],
    *,
    told: bool,
) -> Iterator[str]:
    edges = axis.edges
    if zeros:
        tip = f"{counted(zeros, 'point')} at distance 0"
        yield _bar(axis.left + 8, 18, _height(zeros, decades), floor, fills[-1], tip if told else "")
    for i, count in enumerate(counts.tolist()):
        if count:
            span = f"from {edges[i]:.3g} to" if i else "above 0 and below"
            tip = f"{counted(count, 'point')} {span} {edges[i + 1]:.3g}" if told else ""
            x, end = axis.x(edges[i]), axis.x(edges[i + 1])
            yield _bar(x, end - x - 0.6, _height(count, decades), floor, fills[i], tip)


def _bar(x: float, width: float, height: float, floor: float, fill: str, tip: str) -> str:
    inside = f"<title>{markup(tip)}</title>" if tip else ""
    return (
        f'<rect x="{x:.1f}" y="{floor - height:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'fill="{fill}">{inside}</rect>'
    )


def _distances(axis: Axis, floor: float, any_zero: bool) -> Iterator[str]:
    """Ticks at powers of ten, as many as there is room for, and what they are."""
    taken = axis.left
    if any_zero:
        yield _text("tick", axis.left + 17, floor + 20, "0", "middle")
        taken += 30
    for distance in _ticks(axis.edges):
        x, label = axis.x(distance), f"{distance:g}"
        yield f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{floor}" y2="{floor + 4}"/>'
        half = CHARACTER * len(label) / 2
        if x - half > taken and x + half < axis.width:
            taken = x + half + 6
            yield _text("tick", x, floor + 20, label, "middle")
    yield _text("tick", (axis.left + axis.end) / 2, floor + 42, "distance, scene units", "middle")


def _ticks(edges: npt.NDArray[np.float64]) -> list[float]:
    """Powers of ten, and their doubles and halves where there are few."""
    low, high = math.log10(edges[0]), math.log10(edges[-1])
    steps = (0.0,) if high - low > 2.5 else (0.0, math.log10(2), math.log10(5))
    found = [power + step for power in range(math.floor(low), math.ceil(high) + 1) for step in steps]
    return [10.0**place for place in found if low - 1e-9 <= place <= high + 1e-9]


@dataclass(frozen=True)
class _Flag:
    """The label of a mark: where its text begins, its line, if it has one, and its row from below."""

    text: str
    at: float
    line: float | None
    row: int

    def drawn(self, floor: float, rows: int) -> str:
        y = ROW * (rows - self.row)
        label = _text("label", self.at, y - 5, self.text, "start")
        if self.line is None:
            return label
        x = f'x1="{self.line:.1f}" x2="{self.line:.1f}"'
        return f'<line class="mark" {x} y1="{y - ROW + 4}" y2="{floor}"/>{label}'


def _flags(marks: Sequence[tuple[str, float]], axis: Axis) -> tuple[list[_Flag], int]:
    """All flags and how many rows they take: from the right on, each to the right of its line.

    So lines of those higher up pass the others at their left. Those without a line stand above all.
    """
    low, high = axis.edges[0], axis.edges[-1]
    flags: list[_Flag] = []
    begun: list[float] = []  # where the leftmost flag of each row begins

    def place(text: str, first: float, at: float, line: float | None, lowest: int) -> None:
        rows = range(lowest, len(begun))
        last = at + CHARACTER * len(text)
        row = next((r for r in rows if last + 8 <= begun[r]), len(begun))
        begun[row : row + 1] = [first]
        flags.append(_Flag(text, at, line, row))

    ordered = sorted(marks, key=lambda mark: -mark[1])
    for label, value in ordered:
        if low <= value <= high:
            place(label, axis.x(value), axis.x(value) + ASIDE, axis.x(value), 0)
    lowest = len(begun)
    for label, value in ordered:
        if value > high:
            text = f"{label} →"
            at = axis.width - CHARACTER * len(text)
            place(text, at, at, None, lowest)
        elif value < low:
            place(f"← {label}", axis.left, axis.left, None, lowest)
    return flags, len(begun)


def _text(kind: str, x: float, y: float, text: str, anchor: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{markup(text)}</text>'
