"""`gscli.info.Info` for people."""

from __future__ import annotations

from .. import fields
from ..files import render_modes
from ..info import Info, Quantiles
from ..results.shown import counted
from . import numbers

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
    if found.scale is not None:
        lines.append("  size      " + _spread(found.scale) + " (longest axis)")
    if found.render_mode is not None:
        lines.append(f"  render    {RENDERED[found.render_mode]}")
    columns = fields.folded(dict(found.columns))
    lines.append(
        "  fields    " + ", ".join(n if kind == "float32" else f"{n} ({kind})" for n, kind in columns)
    )
    lines += [f"  comment   {comment}" for comment in found.comments]
    lines += [f"  note      {note}" for note in found.notes]
    return lines


def _spread(q: Quantiles) -> str:
    return f"median {q.median:.3g}, mean {q.mean:.3g}, 5 % below {q.p05:.3g}, 5 % above {q.p95:.3g}"
