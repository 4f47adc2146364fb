"""What the page of `gscli.info.Info` tells of a scene, section by section."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from .. import fields
from ..grids.figures import GridFigures
from ..info import Info
from ..kernels.distributions import BINS, Distribution
from ..rendering.glance import TURNS, Glance
from ..results.shown import counted, markup
from . import bars, info, numbers, parts
from .numbers import number
from .table import Table

BINNED = f"{BINS} equal bins from the 1 % to the 99 % quantile; the outer ones also hold what lies beyond."


def sections(found: Info, glance: Glance, name: str) -> Iterator[str]:
    """The sections of a scene; `name` is what pictures call it."""
    yield _pictures(found, glance, name)
    yield _facts(found, glance)
    if found.cells is not None and found.points_per_cell is not None:
        yield _cells(found.cells, found.points_per_cell)
    if found.columns:
        yield _columns(found, glance)


def _pictures(found: Info, glance: Glance, name: str) -> str:
    title = "How it looks"
    if not glance.pictures or glance.up is None:
        return parts.section(title, parts.soft(f"No picture: it {glance.why}."))
    what = (
        f"{glance.drawn} on black" if glance.every == 1 else f"{glance.drawn} on black, one in {glance.every}"
    )
    if glance.why and found.gaussian:
        what += f"; as Gaussians it cannot be drawn: {glance.why}"
    if glance.drawn == "points":
        what += ". Those without a colour are the lighter the nearer"
    up = f"Up is {glance.up.way}, {glance.up.why}; --up chooses another."
    figures = []
    for turn, picture in enumerate(glance.pictures):
        seen = f"turned by {turn * 360 // TURNS} degrees" if turn else "from the side that gscli render draws"
        data = base64.b64encode(picture).decode("ascii")
        figures.append(
            f'<figure><img src="data:image/webp;base64,{data}" alt="{markup(f"{name}, {seen}")}">'
            f"<figcaption>{seen}</figcaption></figure>"
        )
    return parts.section(
        title,
        parts.soft(f"{what[:1].upper()}{what[1:]}. {up}"),
        f'<div class="views">{"".join(figures)}</div>',
    )


def _facts(found: Info, glance: Glance) -> str:
    rows = [("path", found.path), ("format", found.format)]
    if found.bytes is not None:
        rows.append(("size", f"{numbers.size(found.bytes)} ({counted(found.bytes, 'byte')})"))
    folded = ", ".join(f"{name} ({kind})" for name, kind in fields.folded(dict(found.columns)))
    rows.append(("columns", f"{len(found.columns):,}: {folded}" if folded else "none"))
    if found.gaussian:
        rows.append(("SH degree", "no colour" if found.sh_degree is None else str(found.sh_degree)))
        usual = "as the 3DGS reference does"
        rows.append(("rendered", usual if found.render_mode is None else info.RENDERED[found.render_mode]))
    stored = "as stored" if found.axes is None else f"{found.axes} in the file, rdf (right-down-front) here"
    rows.append(("axes", stored))
    if glance.up is not None:
        rows.append(("up", f"{glance.up.way}, {glance.up.why}"))
    if found.spacing is not None:
        rows.append(("spacing", f"{number(found.spacing)}, median distance to the nearest other point"))
    tables = "".join(map(parts.table, _tables(found)))
    body = [parts.facts(rows), f'<div class="tables">{tables}</div>']
    if found.comments:
        lines = "".join(f"<li>{markup(line)}</li>" for line in found.comments)
        body.append(f'<h3>Comments of the file</h3><ul class="tall">{lines}</ul>')
    return parts.section("What it is", *body)


def _tables(found: Info) -> Iterator[Table]:
    if found.low is not None and found.high is not None:
        rows = []
        for axis, low, high in zip("xyz", found.low, found.high, strict=True):
            ends = numbers.interval(low + 0.0, high + 0.0).split(" .. ")  # no -0
            rows.append((axis, *ends, number(high - low)))
        yield Table("Bounds, scene units", ("", "least", "largest", "extent"), tuple(rows))
    spreads = (("opacity", found.opacity), ("longest axis, scene units", found.scale))
    told = [(name, *map(number, (q.p05, q.median, q.mean, q.p95))) for name, q in spreads if q is not None]
    if told:
        yield Table("Gaussians", ("", "5 %", "median", "mean", "95 %"), tuple(told))
    counts = (
        ("position NaN or infinite", found.invalid),
        ("another value that is not finite", found.not_finite),
        ("no rotation: a quaternion of zero", found.unrotated),
        ("opacity below 1/255, which nothing draws", found.invisible),
    )
    rows = [
        (what, f"{count:,}", numbers.percent(count / found.points) if found.points else "-")
        for what, count in counts
        if count is not None
    ]
    yield Table("Invalid and degenerate", ("", "rows", "share"), tuple(rows))


def _cells(cells: GridFigures, points: Distribution) -> str:
    if not points.count:
        return parts.section("Cells", parts.soft("None is occupied."))
    held = {"mean": points.mean, "least": points.min}
    held |= {f"{percent} %": value for percent, value in points.by_percent.items()} | {"largest": points.max}
    table = Table("", ("", *held), (("points in a cell", *map(number, held.values())),), wide=True)
    size = f"{cells.cells:,} occupied cells, {number(cells.voxel_size)} wide: how many points they hold, in"
    return parts.section(
        "Cells",
        parts.soft(f"{size} {BINNED}"),
        bars.large(points, "cell", "points in a cell"),
        f'<div class="tables">{parts.table(table)}</div>',
    )


def _columns(found: Info, glance: Glance) -> str:
    """The values of every column, of those too that hold more than a number a row."""
    spread = dict(glance.columns)
    odd = any(each.nan or each.infinite for each in spread.values())
    heads = ["column", "type", "least", "1 %", "median", "99 %", "largest", "mean", "deviation"]
    heads += ["not finite"] if odd else []
    lines = []
    for name, kind in found.columns:
        each = spread.get(name)
        cells = [kind, *(["-"] * (len(heads) - 2) if each is None else _spread(each, odd))]
        drawn = "" if each is None else bars.small(each)
        first = markup(name).replace("_", "_<wbr>")
        lines.append(f"<tr><td>{first}</td>{parts.cells(cells)}<td>{drawn}</td></tr>")
    meaning = " Opacities are logits, scales natural logarithms." if found.gaussian else ""
    head = "".join(f"<th>{text}</th>" for text in (*heads, "1 % to 99 %"))
    return parts.section(
        "Columns",
        parts.soft(f"Values as stored; NaN and infinite ones are in no number.{meaning} Bars are {BINNED}"),
        f'<div class="wrap tall"><table class="columns"><thead><tr>{head}</tr></thead>',
        f"<tbody>{''.join(lines)}</tbody></table></div>",
    )


def _spread(found: Distribution, odd: bool) -> list[str]:
    at = found.by_percent
    values = [found.min, at.get(1), at.get(50), at.get(99), found.max, found.mean, found.deviation]
    counts = ((found.nan, "NaN"), (found.infinite, "infinite"))
    return [*map(number, values), *([", ".join(f"{n:,} {what}" for n, what in counts if n)] if odd else [])]
