"""The page that leads to all pages of a batch of comparisons, the worst pair first."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ..errors import UsageError
from ..files import writing
from ..kernels import colormap
from ..report import numbers, views
from ..report.ran import Ran
from ..report.style import document
from ..results.shown import counted, markup
from ..version import __version__
from .outputs import refuse_existing
from .records import Folder
from .tasks import Task
from .work import Part, Summary, Work

STEM = "index"
STATES = ("failed", "not begun", "missed", "done")  # the worst first
ICON = re.compile(rb'<link rel="icon" href="(data:image/png;base64,[A-Za-z0-9+/=]+)">')
BEGINNING = 1 << 16  # bytes of a page that its picture is looked for in
HEADS = ("source matched", "target matched", "F-score", "Chamfer", "Hausdorff", "threshold")


@dataclass(frozen=True)
class Figures:
    """What a pair came to, at the first threshold.

    Attributes:
        psnr: the mean of its renders in dB, infinite where all are equal; None where nothing was rendered.
    """

    fitness: float
    of_target: float
    fscore: float
    chamfer: float
    hausdorff: float
    threshold: float
    psnr: float | None

    @classmethod
    def of(cls, result: dict[str, Any]) -> Figures:
        """Those of a document of `gscli.compare`."""
        there, back, both = (result[key] for key in ("source_to_target", "target_to_source", "symmetric"))
        at = there["at"][0]
        return cls(
            at["fitness"],
            back["at"][0]["fitness"],
            both["at"][0]["fscore"],
            both["chamfer"],
            both["hausdorff"],
            at["threshold"],
            _psnr(result["render"]),
        )


def _psnr(render: dict[str, Any] | None) -> float | None:
    if render is None:
        return None
    mean: float | None = render["psnr"]["mean"]
    return math.inf if mean is None else mean


@dataclass(frozen=True)
class Row:
    """What became of a pair.

    Attributes:
        state: one of `STATES`.
        page: the path of its page, if there is one.
        told: what went wrong, if something did.
        figures: None where there are none.
    """

    state: str
    source: str
    target: str
    page: str | None = None
    told: str = ""
    figures: Figures | None = None

    @property
    def order(self) -> tuple[int, tuple[float, ...], str]:
        """Sorts the worst to the top: by state, then by PSNR, by F-score, and by distance."""
        f = self.figures
        badness = () if f is None else (math.inf if f.psnr is None else f.psnr, f.fscore, -f.chamfer)
        return STATES.index(self.state), badness, self.source


def path(folder: str, part: Part) -> str:
    """Where the page is: beside those that it leads to, as the summary of a part has a name of its own."""
    return os.path.join(folder, f"{STEM}.html" if part.of == 1 else f"{STEM}-{part}.html")


def refuse(where: str, tasks: Sequence[Task], work: Work) -> None:
    """Refuse an index that would replace what is not an index of this batch.

    Raises:
        UsageError: the page of an input has its name. WriteRefused: it would replace a file without leave.
    """
    for task in tasks:
        if where in task.outputs:
            raise UsageError(
                f"would be the page of {task.source}, and the index of all pages",
                path=where,
                remedy="rename that input, or lay pages out from a folder above with `relative_to`",
            )
    if work.seen is None:
        refuse_existing(where, overwrite=work.anew, source="")


def write(
    where: str, summary: Summary, folder: Folder, ran: Ran, *, spelt: Callable[[str], str] = str
) -> None:
    """Write the index of a run, by what its folder has recorded.

    Args:
        where: see `path`. ran: when and how. spelt: how errors are told, which mark arguments by backticks.
    """
    rows = sorted((_row(task, folder, spelt) for task in summary.work.tasks), key=lambda row: row.order)
    writing.make_folder(os.path.dirname(where))
    with writing.replacing(where, overwrite=True) as stream:
        stream.write(page(rows, where, ran).encode("utf-8", "xmlcharrefreplace"))


def _row(task: Task, folder: Folder, spelt: Callable[[str], str]) -> Row:
    pair = task.source, task.inputs[1].path
    if (done := _read(folder, "done", task.id)) is not None:
        page = next(path for path in task.outputs if path.endswith(".html"))
        figures = Figures.of(done["result"])
        return Row(done["status"], *pair, page, "; ".join(done["missed"]), figures)
    if (failed := _read(folder, "failed", task.id)) is not None:
        return Row("failed", *pair, told=spelt(failed["error"].removeprefix(f"{task.source}: ")))
    return Row("not begun", *pair)


def _read(folder: Folder, kind: str, id: str) -> dict[str, Any] | None:
    try:
        record: dict[str, Any] = json.loads(folder.record(kind, id).read_bytes())
    except (OSError, ValueError):
        return None
    return record


def page(rows: Sequence[Row], where: str, ran: Ran) -> str:
    """The page as text.

    Args:
        rows: in their order. where: where the page will be, which its links are relative to.
        ran: when and how the batch was run.
    """
    counts = {state: sum(row.state == state for row in rows) for state in STATES}
    told = ", ".join(f"{count:,} {state}" for state, count in counts.items() if count) or "nothing"
    bad = any(counts[state] for state in STATES[:3])
    title = f"{counted(len(rows), 'comparison')}: {told}"
    bases = _above([row.source for row in rows]), _above([row.target for row in rows])
    about = [*ran.rows(), *zip(("judged in", "references in"), bases, strict=True)]
    about.append(("version", f"gscli {__version__}"))
    rendered = any(row.figures is not None and row.figures.psnr is not None for row in rows)
    by, heads = ("PSNR", ("PSNR, dB", *HEADS)) if rendered else ("F-score", HEADS)
    return document(
        f"{title} · gscli batch compare",
        "<h1>Comparisons</h1>",
        '<p class="soft">Each scene that was judged, and its reference. The worst pairs come first: those '
        f"that failed or missed a limit, then by {by}. Bars are shares of points that have a match.</p>",
        f'<p class="verdict {"MISSED" if bad else "passed"}">{markup(told)}</p>',
        '<section>\n<div class="wrap"><table class="pairs">',
        f"<thead><tr><th>pair</th><th></th>{''.join(f'<th>{head}</th>' for head in heads)}</tr></thead>",
        "<tbody>",
        *(_line(row, bases, os.path.dirname(where), rendered) for row in rows),
        "</tbody></table></div>\n</section>",
        "<section>\n<h2>What was run</h2>\n<dl>",
        *(f"<dt>{markup(name)}</dt><dd>{markup(text)}</dd>" for name, text in about),
        "</dl>\n</section>",
    )


def _above(paths: Sequence[str]) -> str:
    """The deepest folder that all are in."""
    return os.path.commonpath([os.path.dirname(path.rstrip("/")) for path in paths]) if paths else ""


def _line(row: Row, bases: tuple[str, str], folder: str, rendered: bool) -> str:
    name, against = (
        markup(os.path.relpath(path, base))
        for path, base in zip((row.source, row.target), bases, strict=True)
    )
    if row.page is not None:
        link = quote(os.fsencode(os.path.relpath(row.page, folder)))
        name = f'<a href="{link}">{name}</a>'
    picture = _picture(row)
    if picture is not None:
        name = f'<img src="{picture}" alt="" width="{views.SMALL}" height="{views.SMALL}">{name}'
    told = f"<small>{markup(row.told)}</small>" if row.told else ""
    cells = "".join(f"<td>{cell}</td>" for cell in _cells(row.figures, rendered))
    state = f'<td><span class="{"passed" if row.state == "done" else "MISSED"}">{row.state}</span></td>'
    return f"<tr><td>{name}<small>against {against}</small>{told}</td>{state}{cells}</tr>"


def _picture(row: Row) -> str | None:
    """The small picture of a pair that its page has, if there are both."""
    if row.page is None:
        return None
    try:
        with open(row.page, "rb") as stream:
            found = ICON.search(stream.read(BEGINNING))
    except OSError:
        return None
    return None if found is None else found[1].decode("ascii")


def _cells(figures: Figures | None, rendered: bool) -> list[str]:
    if figures is None:
        return [""] * (len(HEADS) + rendered)
    psnr = "-" if figures.psnr is None else "equal" if figures.psnr == math.inf else f"{figures.psnr:.2f}"
    return [
        *([psnr] if rendered else []),
        *(f"{numbers.percent(share)}{_share(share)}" for share in (figures.fitness, figures.of_target)),
        numbers.fraction(figures.fscore, 4),
        *(numbers.number(value) for value in (figures.chamfer, figures.hausdorff, figures.threshold)),
    ]


def _share(share: float) -> str:
    """A bar: what matched in a calm colour, and the rest in a warm one."""
    palette = colormap.judging_palette()
    calm, warm = (f"#{palette[level].tobytes().hex()}" for level in (0, (colormap.CALM + colormap.SIZE) // 2))
    at = f"{100 * math.floor(share * 1e4) / 1e4:.2f}%"
    return f'<div class="share" style="background:linear-gradient(90deg,{calm} {at},{warm} {at})"></div>'
