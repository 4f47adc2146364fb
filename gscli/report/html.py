"""`gscli.compare.Compared` as one page that needs nothing else: no network, no script."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from ..comparing.result import Compared
from ..errors import UsageError
from ..files import upwards
from ..results.documents import seconds
from ..results.shown import counted, markup
from ..version import __version__
from . import compare as tables
from . import histogram, looks, moved, numbers, parts, views
from .ran import Ran
from .style import document


def write(
    path: str | os.PathLike[str],
    result: Compared,
    *,
    overwrite: bool,
    ran: Ran | None = None,
    up: str | None = None,
) -> None:
    """Write the `page` to a file, or to stdout for ``-``."""
    parts.write(path, page(result, ran=ran, up=up), overwrite=overwrite)


def page(result: Compared, *, ran: Ran | None = None, up: str | None = None) -> str:
    """The page as text.

    Args:
        result: what `gscli.compare` returned.
        ran: when and how it was run; by default that is not told.
        up: which way is up in its views; see `gscli.cameras.upright`.

    Raises:
        UsageError: a copy of a result, which has no points to draw; a way that is none.
    """
    if result.evidence is None:
        raise UsageError(
            "a comparison that was copied or pickled has no points to draw",
            remedy="draw the one that compare returned",
        )
    names = _names(result.source.path, result.target.path)
    title = f"{names[0]} against {names[1]}"
    scale, way = views.Scale.of(result), views.which_way_up(result, result.evidence, up or upwards.AUTO)
    return document(
        f"{title} · gscli compare",
        f"<h1>{markup(names[0])} <small>against</small> {markup(names[1])}</h1>",
        '<p class="soft">How far the first, which is judged, is from the second, the reference.</p>',
        _verdict(result),
        _cards(result),
        *map(parts.caveat, result.caveats),
        looks.section(result),
        _distances(result, names, scale),
        moved.section(result),
        views.section(result.evidence, names, scale, way, up or upwards.AUTO),
        "<section>\n<h2>Numbers</h2>",
        '<div class="tables">' + "".join(parts.table(table) for table in tables.tables(result)) + "</div>",
        f"</section>\n<section>\n<h2>What was run</h2>\n{_run(result, ran or Ran())}\n</section>",
        icon=views.thumbnail(result.evidence, scale, way),
    )


def _names(*paths: str) -> list[str]:
    """File names; with as many of the folders they are in as tell them apart."""
    parts = [path.rstrip("/").split("/") for path in paths]
    most = max(map(len, parts))
    lengths = range(1, most + 1) if len(set(paths)) > 1 else (1,)
    tails = (["/".join(part[-length:]) for part in parts] for length in lengths)
    return next((found for found in tails if len(set(found)) > 1 or most == 1), None) or [
        part[-1] or path for part, path in zip(parts, paths, strict=True)
    ]


def _verdict(result: Compared) -> str:
    told = tables.verdict(result)
    kind = "" if told.good is None else " passed" if told.good else " MISSED"
    return f'<p class="verdict{kind}">{parts.text(told.split(maxsplit=1)[1])}</p>'


def _cards(result: Compared) -> str:
    c = result.centers
    at, number = c.source_to_target.at[0], numbers.number
    cards = [
        (numbers.percent(at.fitness), f"of the source matched within {number(at.threshold)}"),
        (numbers.percent(c.target_to_source.at[0].fitness), "of the target matched by the source"),
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
    return parts.cards(cards)


def _distances(result: Compared, names: Sequence[str], scale: views.Scale) -> str:
    assert result.evidence is not None
    series = [result.evidence.forth.distances, result.evidence.back.distances]
    drawn = []
    for size, word in (("wide", "threshold"), ("narrow", "d <")):
        marks = [(f"{word} {numbers.number(t)}", t) for t in result.centers.thresholds]
        drawn.append(histogram.svgs(series, marks, scale.colours, size=size))
    out = ["<section>\n<h2>Distances</h2>"]
    for side, pictures in enumerate(zip(*drawn, strict=True)):
        a, b = ("source", "target") if side == 0 else ("target", "source")
        out.append(f"<h3>{markup(names[side])} → nearest of {markup(names[1 - side])} ({a} → {b})</h3>")
        out += pictures
    return "\n".join((*out, "</section>"))


def _run(result: Compared, ran: Ran) -> str:
    rows = ran.rows()
    for role, cloud in (("source", result.source), ("target", result.target)):
        size = "" if cloud.bytes is None else f", {counted(cloud.bytes, 'byte')}"
        spacing = "none" if cloud.spacing is None else numbers.number(cloud.spacing)
        what = f"{counted(cloud.points, 'point')}, spacing {spacing} ({cloud.format}{size})"
        rows.append((role, f"{cloud.path}: {what}"))
    rows += [fact for fact in tables.facts(result) if fact[0] not in ("source", "target")]
    given = [f"{name} {_value(value)}" for name, value in result.options.items() if value is not None]
    rows.append(("options", "; ".join(given)))
    rows += [("device", result.device), ("version", f"gscli {__version__}")]
    stages = seconds(result.timings)
    told = ", ".join(f"{stage} {value:.2f}" for stage, value in stages.items())
    rows.append(("seconds", f"{sum(stages.values()):.2f} ({told})"))
    rows += [("note", note) for note in result.notes]
    return parts.facts(rows)


def _value(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "yes" if value is True else "no" if value is False else json.dumps(value)
