"""Parts of pages, as markup: cards, tables, facts, remarks; and how a page is written."""

from __future__ import annotations

import os
from collections.abc import Iterable

from ..files import writing
from ..results.shown import markup
from .table import Table


def write(path: str | os.PathLike[str], page: str, *, overwrite: bool) -> None:
    """Write a page to a file, or to stdout for ``-``."""
    with writing.replacing(path, overwrite=overwrite) as stream:
        stream.write(page.encode("utf-8", "xmlcharrefreplace"))


def text(words: str) -> str:
    """Text with arrows for ``->``."""
    return markup(words).replace("-&gt;", "→")


def section(title: str, *body: str) -> str:
    """A part of a page under a title, which is text; what is in it is markup."""
    return "\n".join((f"<section>\n<h2>{markup(title)}</h2>", *body, "</section>"))


def soft(words: str) -> str:
    """A paragraph that explains."""
    return f'<p class="soft">{markup(words)}</p>'


def caveat(words: str) -> str:
    """A remark that stands out."""
    return f'<p class="caveat">{markup(words)}</p>'


def cards(told: Iterable[tuple[str, str]]) -> str:
    """The first numbers, and what each is; both are markup."""
    each = (f'<div class="card"><b>{value}</b><small>{label}</small></div>' for value, label in told)
    return f'<div class="cards">{"".join(each)}</div>'


def facts(told: Iterable[tuple[str, str]]) -> str:
    """Words and the phrases that belong to them, as text."""
    rows = "".join(f"<dt>{markup(name)}</dt><dd>{markup(phrase)}</dd>" for name, phrase in told)
    return f"<dl>{rows}</dl>"


def cells(told: Iterable[str]) -> str:
    """Cells of a table, as text."""
    return "".join(f"<td>{markup(cell)}</td>" for cell in told)


def table(told: Table) -> str:
    """A table; names of limits that were kept or missed are in their colours."""
    heads = "".join(f"<th>{text(name)}</th>" for name in told.columns)
    rows = []
    for row in told.rows:
        deep = ' class="deep"' if row[0].startswith("  ") else ""
        cells = [f"<td{deep}>{text(row[0].strip()).replace('_', '_<wbr>')}</td>"]
        for cell in row[1:]:
            verdict = f' class="{cell}"' if cell in ("passed", "MISSED") else ""
            cells.append(f"<td{verdict}>{text(cell)}</td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    head = f"<thead><tr>{heads}</tr></thead>" if any(told.columns) else ""
    body = f'<div class="wrap"><table>{head}<tbody>{"".join(rows)}</tbody></table></div>'
    title = f"<h3>{text(told.title)}</h3>" if told.title else ""
    return f"<div{' class=wide' if told.wide else ''}>{title}{body}</div>"
