"""`gscli.info.Info`, of one scene or several, as one page that needs nothing else: no network, no script."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..errors import UsageError
from ..flaws import Flaws
from ..info import Info
from ..results.shown import counted, markup
from ..version import __version__
from . import info_parts, numbers, parts, png
from .ran import Ran
from .style import document


def write(
    path: str | os.PathLike[str], scenes: Sequence[Info], *, overwrite: bool, ran: Ran | None = None
) -> None:
    """Write the `page` to a file, or to stdout for ``-``."""
    parts.write(path, page(scenes, ran=ran), overwrite=overwrite)


def page(scenes: Sequence[Info], *, ran: Ran | None = None) -> str:
    """The page as text.

    Args:
        scenes: what `gscli.info` says of each, asked for with `glance`.
        ran: when and how it was run; by default that is not told.

    Raises:
        UsageError: one was not looked at, or there is none.
    """
    if not scenes or any(each.glance is None for each in scenes):
        raise UsageError("a page is of scenes that were looked at", remedy="add `glance=True`")
    names = [_name(each.path) for each in scenes]
    ran_rows = [*(ran or Ran()).rows(), ("version", f"gscli {__version__}")]
    several = len(scenes) > 1
    title = f"{len(scenes):,} scenes" if several else names[0]
    small = next((each.glance.thumbnail for each in scenes if each.glance and each.glance.thumbnail), None)
    return document(
        f"{title} · gscli info",
        *([f"<h1>{title}</h1>", _contents(scenes, names)] if several else []),
        *(
            _scene(each, name, number)
            for number, (each, name) in enumerate(zip(scenes, names, strict=True), 1)
        ),
        parts.section("What was run", parts.facts(ran_rows)),
        icon=None if small is None else png.data_uri(small),
    )


def _name(path: str) -> str:
    return os.path.basename(path.rstrip("/")) or path


def _contents(scenes: Sequence[Info], names: Sequence[str]) -> str:
    """All scenes in a table, each with a link to what is told of it."""
    lines = []
    for number, (each, name) in enumerate(zip(scenes, names, strict=True), 1):
        size = "-" if each.bytes is None else numbers.size(each.bytes)
        extent = " × ".join(numbers.number(span) for span in _spans(each)) or "-"
        state = _verdict(each)
        cells = (_count(each), each.format, size, extent)
        lines.append(
            f'<tr><td><a href="#scene-{number}">{markup(name)}</a></td>'
            + parts.cells(cells)
            + f'<td><span class="{state[0]}">{state[1]}</span></td></tr>'
        )
    heads = "".join(f"<th>{head}</th>" for head in ("", "", "format", "size", "extent", ""))
    return (
        f'<section><div class="wrap"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div></section>"
    )


def _count(found: Info) -> str:
    return counted(found.points, "Gaussian" if found.gaussian else "point")


def _spans(found: Info) -> list[float]:
    if found.low is None or found.high is None:
        return []
    return [high - low for low, high in zip(found.low, found.high, strict=True)]


def _flaws(found: Info) -> Flaws:
    return Flaws(found.invalid, found.not_finite, found.unrotated)


def _verdict(found: Info) -> tuple[str, str]:
    """Whether rows have flaws, as a class of style and in a word."""
    if not found.points:
        return "MISSED", "empty"
    return ("MISSED", "flawed") if str(_flaws(found)) else ("passed", "no flaws")


def _scene(found: Info, name: str, number: int) -> str:
    assert found.glance is not None
    degree = "" if found.sh_degree is None else f", SH degree {found.sh_degree}"
    size = "" if found.bytes is None else f", {numbers.size(found.bytes)}"
    what = f"{_count(found)}{degree} ({found.format}{size})"
    top = (f'<h1 id="scene-{number}">{markup(name)}</h1>', parts.soft(what), _judged(found), _cards(found))
    sections = info_parts.sections(found, found.glance, name)
    return "\n".join((*top, *map(parts.caveat, found.notes), *sections))


def _judged(found: Info) -> str:
    kind, word = _verdict(found)
    if word == "empty":
        said = "holds no points"
    elif word == "flawed":
        first = (
            "" if found.first_invalid is None else f"; the first such position in row {found.first_invalid:,}"
        )
        said = f"{_flaws(found)}{first}"
    else:
        more = ", every Gaussian has finite values and a rotation" if found.gaussian else ""
        said = f"no flaws: every position is finite{more}"
    return f'<p class="verdict {kind}">{markup(said)}</p>'


def _cards(found: Info) -> str:
    number = numbers.number
    cards = [(f"{found.points:,}", "Gaussians" if found.gaussian else "points")]
    if found.bytes is not None:
        cards.append((numbers.size(found.bytes), markup(found.format)))
    if spans := _spans(found):
        cards.append((number(max(spans)), "scene units, its largest extent"))
    if found.spacing is not None:
        cards.append((number(found.spacing), "spacing: median distance to the nearest other point"))
    if found.opacity is not None:
        cards.append((number(found.opacity.median), "median opacity"))
    if found.invisible is not None and found.points:
        cards.append((f"{found.invisible:,}", "of opacity below 1/255, which nothing draws"))
    if found.cells is not None:
        cards.append((f"{found.cells.cells:,}", f"occupied cells, {number(found.cells.voxel_size)} wide"))
    return parts.cards(cards)
