"""How an object shows itself: in one line, and as a small table in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from ..errors import printable


class _Described(Protocol):
    def _facts(self) -> Mapping[str, object]:
        """The few things that tell it from others of its kind, by name."""


Kind = TypeVar("Kind", bound=_Described)


def shown(kind: type[Kind]) -> type[Kind]:
    """Let objects of a class show themselves by their `_facts`: as ``repr``, and in a notebook."""
    methods: dict[str, Callable[[Any], str]] = {"__repr__": line, "_repr_html_": page}
    for name, method in methods.items():
        setattr(kind, name, method)
    return kind


def line(thing: _Described) -> str:
    """``<Resampled: input scene.ply, points 45,624>``."""
    told = ", ".join(f"{name} {text(value)}" for name, value in thing._facts().items())
    return printable(f"<{type(thing).__name__}: {told}>")


def page(thing: _Described) -> str:
    """The facts of a thing as a table."""
    return table(type(thing).__name__, thing._facts())


def table(title: str, rows: Mapping[str, object]) -> str:
    """An HTML table of names and what belongs to them; what files hold is escaped."""
    cells = "".join(
        f'<tr><th style="text-align:left">{markup(name)}</th>'
        f'<td style="text-align:left">{markup(text(value))}</td></tr>'
        for name, value in rows.items()
    )
    return f"<table><caption>{markup(title)}</caption>{cells}</table>"


def markup(text: str) -> str:
    """Text, from wherever it comes, as a page may hold it."""
    from html import escape

    return escape(printable(text))


def text(value: object) -> str:
    """A number with four digits or its thousands apart; anything else as it is."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def counted(count: int, one: str, several: str | None = None) -> str:
    """So many of something, in its number; what it is called in the plural, where that is not by an s.

    >>> counted(1, "point"), counted(2_000, "point"), counted(0, "query", "queries")
    ('1 point', '2,000 points', '0 queries')
    """
    return f"{count:,} {one if count == 1 else several or one + 's'}"
