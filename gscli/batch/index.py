"""The page that leads to all pages of a batch, the worst first."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ..errors import UsageError
from ..files import writing
from ..report import parts, views
from ..report.ran import Ran
from ..report.style import document
from ..results.shown import counted, markup
from ..version import __version__
from .indexed import INDEXED, Column, Indexed, Result
from .outputs import refuse_existing
from .records import Folder
from .tasks import Task
from .work import Part, Summary, Work

STEM = "index"
STATES = ("failed", "not begun", "missed", "done")  # the worst first
ICON = re.compile(rb'<link rel="icon" href="(data:image/png;base64,[A-Za-z0-9+/=]+)">')
BEGINNING = 1 << 16  # bytes of a page that its picture is looked for in


@dataclass(frozen=True)
class Row:
    """What became of an input.

    Attributes:
        state: one of `STATES`.
        paths: of the input, and of what it was held against, if it was.
        page: the path of its page, if there is one.
        told: what went wrong, if something did.
        result: the document of what was found; None where nothing was.
    """

    state: str
    paths: tuple[str, ...]
    page: str | None = None
    told: str = ""
    result: Result | None = None


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
    where: str,
    operation: str,
    summary: Summary,
    folder: Folder,
    ran: Ran,
    *,
    spelt: Callable[[str], str] = str,
) -> None:
    """Write the index of a run, by what its folder has recorded.

    Args:
        where: see `path`. operation: whose results they are, one of `INDEXED`.
        ran: when and how. spelt: how errors are told, which mark arguments by backticks.
    """
    kind = INDEXED[operation]

    def order(row: Row) -> tuple[int, tuple[float, ...], str]:
        return STATES.index(row.state), () if row.result is None else kind.badness(row.result), row.paths[0]

    rows = sorted((_row(task, kind, folder, spelt) for task in summary.work.tasks), key=order)
    writing.make_folder(os.path.dirname(where))
    parts.write(where, page(rows, kind, where, ran), overwrite=True)


def _row(task: Task, kind: Indexed, folder: Folder, spelt: Callable[[str], str]) -> Row:
    paths = tuple(each.path for each in task.inputs[: len(kind.roles)])
    if (done := _read(folder, "done", task.id)) is not None:
        page = next(path for path in task.outputs if path.endswith(".html"))
        return Row(done["status"], paths, page, "; ".join(done["missed"]), done["result"])
    if (failed := _read(folder, "failed", task.id)) is not None:
        return Row("failed", paths, told=spelt(failed["error"].removeprefix(f"{task.source}: ")))
    return Row("not begun", paths)


def _read(folder: Folder, kind: str, id: str) -> dict[str, Any] | None:
    try:
        record: dict[str, Any] = json.loads(folder.record(kind, id).read_bytes())
    except (OSError, ValueError):
        return None
    return record


def page(rows: Sequence[Row], kind: Indexed, where: str, ran: Ran) -> str:
    """The page as text.

    Args:
        rows: in their order. kind: what is told of them. where: where the page will be, which its links are
            relative to. ran: when and how the batch was run.
    """
    counts = {state: sum(row.state == state for row in rows) for state in STATES}
    told = ", ".join(f"{count:,} {state}" for state, count in counts.items() if count) or "nothing"
    bad = any(counts[state] for state in STATES[:3])
    title = f"{counted(len(rows), kind.one)}: {told}"
    bases = [_above([row.paths[i] for row in rows]) for i in range(len(kind.roles))]
    about = [*ran.rows(), *zip(kind.roles, bases, strict=True), ("version", f"gscli {__version__}")]
    results = [row.result for row in rows if row.result is not None]
    columns = kind.columns(results)
    heads = "".join(f"<th>{column.head}</th>" for column in columns)
    return document(
        f"{title} · gscli batch",
        f"<h1>{kind.title}</h1>",
        parts.soft(kind.told(results)),
        f'<p class="verdict {"MISSED" if bad else "passed"}">{markup(told)}</p>',
        '<section>\n<div class="wrap"><table class="pairs">',
        f"<thead><tr><th>{kind.first}</th><th></th>{heads}</tr></thead>",
        "<tbody>",
        *(_line(row, bases, os.path.dirname(where), columns) for row in rows),
        "</tbody></table></div>\n</section>",
        parts.section("What was run", parts.facts(about)),
    )


def _above(paths: Sequence[str]) -> str:
    """The deepest folder that all are in."""
    return os.path.commonpath([os.path.dirname(path.rstrip("/")) for path in paths]) if paths else ""


def _line(row: Row, bases: Sequence[str], folder: str, columns: Sequence[Column]) -> str:
    name, *against = (
        markup(os.path.relpath(path, base)) for path, base in zip(row.paths, bases, strict=True)
    )
    if row.page is not None:
        link = quote(os.fsencode(os.path.relpath(row.page, folder)))
        name = f'<a href="{link}">{name}</a>'
    picture = _picture(row)
    if picture is not None:
        name = f'<img src="{picture}" alt="" width="{views.SMALL}" height="{views.SMALL}">{name}'
    beside = [f"against {other}" for other in against] + ([markup(row.told)] if row.told else [])
    below = "".join(f"<small>{text}</small>" for text in beside)
    cells = "".join(f"<td>{'' if row.result is None else column.cell(row.result)}</td>" for column in columns)
    state = f'<td><span class="{"passed" if row.state == "done" else "MISSED"}">{row.state}</span></td>'
    return f"<tr><td>{name}{below}</td>{state}{cells}</tr>"


def _picture(row: Row) -> str | None:
    """The small picture that the page has, if there are both."""
    if row.page is None:
        return None
    try:
        with open(row.page, "rb") as stream:
            found = ICON.search(stream.read(BEGINNING))
    except OSError:
        return None
    return None if found is None else found[1].decode("ascii")
