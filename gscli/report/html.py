"""`gscli.compare.Compared` as one page that needs nothing else: no network, no script."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np

from ..comparing.centers import color_top
from ..comparing.result import Compared, Evidence
from ..errors import UsageError
from ..files import writing
from ..kernels import colormap, raster
from ..results.documents import seconds
from ..results.shown import markup
from ..version import __version__
from . import compare as tables
from . import histogram, looks, numbers, png
from .style import STYLE

PIXELS = 560
SIDES = (("x", "y", "z"), ("x", "z", "y"), ("y", "z", "x"))  # across, up, towards the viewer


def write(path: str | os.PathLike[str], result: Compared, *, overwrite: bool) -> None:
    """Write the page to a file, or to stdout for ``-``."""
    with writing.replacing(path, overwrite=overwrite) as stream:
        stream.write(page(result).encode("utf-8", "xmlcharrefreplace"))


def page(result: Compared) -> str:
    """The page as text.

    Raises:
        UsageError: a copy of a result, which has no points to draw.
    """
    if result.evidence is None:
        raise UsageError(
            "a comparison that was copied or pickled has no points to draw",
            remedy="draw the one that compare returned",
        )
    found = (result.evidence.forth, result.evidence.back)
    names = _names(result.source.path, result.target.path)
    title = f"{names[0]} against {names[1]}"
    top = color_top(result.centers.source_to_target, result.centers.target_to_source)
    return "\n".join(
        (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{markup(title)} · gscli compare</title>",
            f"<style>{STYLE}</style>\n</head>\n<body>\n<main>",
            f"<h1>{markup(title)}</h1>",
            '<p class="soft">How far the first, which is judged, is from the second, the reference.</p>',
            _cards(result),
            *(f'<p class="caveat">{markup(caveat)}</p>' for caveat in result.caveats),
            looks.section(result),
            "<section>\n<h2>Distances</h2>",
            histogram.svg(
                [
                    (_direction(0, names), found[0].distances),
                    (_direction(1, names), found[1].distances),
                ],
                [(f"threshold {tables.number(t)}", t) for t in result.centers.thresholds],
                top,
            ),
            "</section>",
            f"<section>\n<h2>Where they differ</h2>\n{_scale(top)}",
            "".join(_views(result.evidence, side, names, top) for side in (0, 1)),
            "</section>",
            "<section>\n<h2>Numbers</h2>",
            '<div class="tables">' + "".join(_table(table) for table in tables.tables(result)) + "</div>",
            f"</section>\n<section>\n<h2>What was run</h2>\n{_run(result)}\n</section>",
            "</main>\n</body>\n</html>\n",
        )
    )


def _names(*paths: str) -> list[str]:
    """File names; whole paths where the names are one."""
    names = [os.path.basename(path) or path for path in paths]
    return names if len(set(names)) > 1 else list(paths)


def _direction(side: int, names: list[str]) -> str:
    a, b = ("source", "target") if side == 0 else ("target", "source")
    return f"{names[side]} → nearest of {names[1 - side]} ({a} → {b})"


def _cards(result: Compared) -> str:
    c = result.centers
    at, number = c.source_to_target.at[0], tables.number
    cards = [
        (numbers.percent(at.fitness), f"of the source matched within {number(at.threshold)}"),
        (numbers.fraction(c.symmetric.at[0].fscore, 4), "F-score, both ways"),
        (number(c.symmetric.chamfer), "Chamfer: mean distance, both ways"),
        (number(c.symmetric.hausdorff), "Hausdorff: largest distance"),
    ]
    if result.gaussians is not None and result.gaussians.w2 is not None:
        cards.append((number(result.gaussians.w2.mean), "mean Wasserstein-2 of Gaussians"))
    if result.render is not None:
        cards[:0] = looks.cards(result.render)
    if result.gates:
        missed = sum(not gate.passed for gate in result.gates)
        word = "MISSED" if missed else "passed"
        text = f"{missed} of {len(result.gates)} missed" if missed else f"all {len(result.gates)} passed"
        cards.append((f'<span class="{word}">{text}</span>', "limits"))
    return (
        '<div class="cards">'
        + "".join(f'<div class="card"><b>{value}</b><small>{label}</small></div>' for value, label in cards)
        + "</div>"
    )


def _scale(top: float) -> str:
    palette = colormap.palette()
    stops = ",".join(f"#{colour.tobytes().hex()}" for colour in palette[:: len(palette) // 10])
    ticks = "".join(f"<span>{tables.number(top * share)}</span>" for share in (0, 0.25, 0.5, 0.75))
    return (
        f'<div class="scale"><div style="background:linear-gradient(90deg,{stops})"></div>'
        f"<p>{ticks}<span>{tables.number(top)} and more</span></p></div>"
        '<p class="soft">Distance to the nearest point of the other, scene units. '
        "Each pixel shows the largest of the points behind it. All views have one scale.</p>"
    )


def _views(evidence: Evidence, side: int, names: list[str], top: float) -> str:
    found = (evidence.forth, evidence.back)[side]
    xyz = evidence.positions[side] if found.asked is None else evidence.positions[side][found.asked]
    middle, edge = raster.frame(evidence.positions)
    levels = colormap.levels(found.distances, top)
    dot = 3 if len(xyz) < 500 else 2 if len(xyz) < 8_000 else 1 if len(xyz) < 150_000 else 0
    what = "target misses or places elsewhere" if side == 0 else "source misses or places elsewhere"
    out = [f"<h3>{markup(names[side])}: what the {what}</h3>", '<div class="views">']
    for across, up, towards in SIDES:
        i, j = ("xyz".index(axis) for axis in (across, up))
        a, b = ((xyz[:, k].astype(np.float64) - middle[k]) / edge + 0.5 for k in (i, j))
        picture, outside = raster.view(a, b, levels, PIXELS, dot)
        uri = png.data_uri(png.encode(picture, colormap.palette(), raster.EMPTY))
        rest = f"; {outside:,} points outside" if outside else ""
        alt = markup(f"{names[side]} seen along {towards}, coloured by distance")
        out.append(
            f'<figure><img src="{uri}" alt="{alt}" width="{PIXELS}" height="{PIXELS}">'
            f"<figcaption>along {towards}: {across} to the right, {up} up; {edge:.4g} wide{rest}</figcaption>"
            "</figure>"
        )
    return "\n".join((*out, "</div>"))


def _table(table: tables.Table) -> str:
    heads = "".join(f"<th>{_text(name)}</th>" for name in table.columns)
    rows = []
    for row in table.rows:
        deep = ' class="deep"' if row[0].startswith("  ") else ""
        cells = [f"<td{deep}>{_text(row[0].strip()).replace('_', '_<wbr>')}</td>"]
        for cell in row[1:]:
            verdict = f' class="{cell}"' if cell in ("passed", "MISSED") else ""
            cells.append(f"<td{verdict}>{_text(cell)}</td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    head = f"<thead><tr>{heads}</tr></thead>" if any(table.columns) else ""
    body = f'<div class="wrap"><table>{head}<tbody>{"".join(rows)}</tbody></table></div>'
    return f"<div{' class=wide' if table.wide else ''}><h3>{_text(table.title)}</h3>{body}</div>"


def _run(result: Compared) -> str:
    rows: list[tuple[str, str]] = [*tables.facts(result)]
    rows += [(name, _value(value)) for name, value in result.options.items() if value is not None]
    rows += [("device", result.device), ("version", f"gscli {__version__}")]
    stages = seconds(result.timings)
    rows.append(("seconds", ", ".join(f"{stage} {value:.2f}" for stage, value in stages.items())))
    rows += [("note", note) for note in result.notes]
    return (
        "<dl>" + "".join(f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in rows) + "</dl>"
    )


def _value(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "yes" if value is True else "no" if value is False else json.dumps(value)


def _text(text: str) -> str:
    return markup(text).replace("-&gt;", "→")
