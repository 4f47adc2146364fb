"""`gscli.info.Info` for people."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .. import fields
from ..files import render_modes
from ..info import GridFigures, Info, Quantiles
from ..kernels.distributions import BINS, Distribution
from ..results.shown import counted
from . import numbers

SHADES = " .:-=+*#%@"  # of a histogram, the last for its fullest bin
COLUMNS = 80  # of a terminal
HEAD = ("column", "least", "1 %", "median", "99 %", "most", "mean", "std", "1 % to 99 %")  # of the table
WIDE = (9, 8, 7, 6)  # its numbers are
DIGITS = (".3g", ".2g", ".1e", ".1g", ".0e")
RENDERED = {
    render_modes.MIP: "antialiased, as mip-splatting does",
    render_modes.FLAT: "as flat splats (2DGS)",
}


def summary(found: Info) -> list[str]:
    """Lines for people."""
    points = counted(found.points, "Gaussian" if found.gaussian else "point")
    size = "" if found.bytes is None else f", {numbers.size(found.bytes)}"
    degree = "" if found.sh_degree is None else f", SH degree {found.sh_degree}"
    lines = [f"{found.path}: {points}{degree} ({found.format}{size})"]
    if found.invalid:
        first = f"the first in row {found.first_invalid}"
        lines.append(f"  invalid   {counted(found.invalid, 'NaN or infinite position')}, {first}")
    flaws = (found.not_finite, "with a value that is not finite"), (found.unrotated, "without a rotation")
    if told := [f"{counted(count, 'Gaussian')} {what}" for count, what in flaws if count]:
        lines.append(f"  flawed    {', '.join(told)}")
    if found.low is not None and found.high is not None:
        ends = [(low + 0.0, high + 0.0) for low, high in zip(found.low, found.high, strict=True)]  # no -0
        ranges = (f"{axis} {numbers.interval(*pair)}" for axis, pair in zip("xyz", ends, strict=True))
        lines.append("  bounds    " + "   ".join(ranges))
        lines.append("  extent    " + " x ".join(f"{high - low:.4g}" for low, high in ends))
    if found.spacing is not None:
        lines.append(f"  spacing   {found.spacing:.4g} (median distance to the nearest other point)")
    if found.opacity is not None:
        lines.append("  opacity   " + _spread(found.opacity))
    if found.invisible:
        lines.append(f"  unseen    {found.invisible:,} of opacity below 1/255, which nothing draws")
    if found.scale is not None:
        lines.append("  size      " + _spread(found.scale) + " (longest axis)")
    if found.cells is not None and found.points_per_cell is not None:
        lines.append("  cells     " + _cells(found.cells, found.points_per_cell))
    if found.render_mode is not None:
        lines.append(f"  render    {RENDERED[found.render_mode]}")
    columns = fields.folded(dict(found.columns))
    lines.append(
        "  fields    " + ", ".join(n if kind == "float32" else f"{n} ({kind})" for n, kind in columns)
    )
    lines += [f"  comment   {comment}" for comment in found.comments]
    lines += [f"  note      {note}" for note in found.notes]
    if found.distributions is not None:
        lines += ["", *_table(found.distributions)]
    return lines


def _spread(q: Quantiles) -> str:
    return f"median {q.median:.3g}, mean {q.mean:.3g}, 90 % in {q.p05:.3g} .. {q.p95:.3g}"


def _cells(cells: GridFigures, points: Distribution) -> str:
    if not points.count:
        return "none occupied"
    by_percent = points.by_percent
    held = f"{points.mean:.3g} points each, median {by_percent[50]:.3g}"
    middle = f"90 % in {by_percent[5]:.3g} .. {by_percent[95]:.3g}"
    return f"{cells.cells:,} occupied, {cells.voxel_size:g} wide: {held}, {middle}"


def _table(distributions: Sequence[tuple[str, Distribution]]) -> list[str]:
    """How the values of each column are spread, in numbers as long as there is room for."""
    for wide in WIDE:
        lines = [HEAD] + [_told(name, found, wide) for name, found in distributions]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)][:-1]
        if 2 + sum(widths) + len(widths) + 1 + BINS <= COLUMNS:
            break
    return [_line(cells, widths) for cells in lines]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    name, *values, drawn = cells
    right = (f"{text:>{width}}" for text, width in zip(values, widths[1:], strict=True))
    return f"  {' '.join([f'{name:{widths[0]}}', *right])}  {drawn}".rstrip()


def _told(name: str, found: Distribution, wide: int) -> tuple[str, ...]:
    values = [found.min, found.max, found.mean, found.deviation]
    values[1:1] = (found.by_percent.get(percent) for percent in (1, 50, 99))
    return (name, *("-" if value is None else _short(value, wide) for value in values), _drawn(found))


def _short(value: float, wide: int) -> str:
    """One to three digits, in so many characters where that is possible."""
    texts = [re.sub(r"e\+?(-?)0*", r"e\1", f"{value:{form}}") for form in DIGITS]
    return next((text for text in texts if len(text) <= wide), texts[-1])


def _drawn(found: Distribution) -> str:
    """A histogram in a line, in the characters that any terminal has; and what is not in it."""
    most = max(found.histogram or (0,))
    bars = "".join(SHADES[-(-count * (len(SHADES) - 1) // most)] for count in found.histogram or ())
    odd = [f"{count:,} {what}" for count, what in ((found.nan, "NaN"), (found.infinite, "infinite")) if count]
    return "  ".join(filter(None, [bars, *odd]))
