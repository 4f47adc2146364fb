"""docs/library.md is what the docstrings say, and they say what the signatures do."""

from __future__ import annotations

import doctest
import sys
from importlib import import_module
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="gscli.training needs torch")

from .update_library import (
    PAGE,
    ROOT,
    Public,
    disagreements,
    documented,
    inspect,
    links,
    listed,
    markdown,
    page,
    public_modules,
    taken_apart,
)

ITEMS = {
    item.path if item.path.startswith("gscli") else f"{item.module}.{item.path}": item
    for item in documented()
}


def test_the_page_is_what_make_docs_writes() -> None:
    assert PAGE.read_text("utf-8") == page(), "make docs writes it anew"


def test_every_tool_is_public() -> None:
    tools = ("compare", "convert", "coprune", "info", "resample", "verify", "watch")
    assert {f"gscli.{name}.{name}" for name in tools} <= set(ITEMS)


SHOWING = [path for path in sorted((ROOT / "gscli").rglob("*.py")) if ">>> " in path.read_text("utf-8")]


@pytest.mark.parametrize("path", SHOWING, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples_of_docstrings_give_what_they_show(path: Path) -> None:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    import_module(name)
    assert doctest.testmod(sys.modules[name]).failed == 0


@pytest.mark.parametrize("name", ITEMS)
def test_what_is_public_is_documented(name: str) -> None:
    assert inspect.getdoc(ITEMS[name].value)
    assert disagreements(ITEMS[name]) == []


@pytest.mark.parametrize("module", public_modules(), ids=lambda module: str(module.__name__))
def test_a_public_module_says_what_it_is_for(module) -> None:
    assert module.__doc__
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


def made(first: int, second: str = "", *, third: float, fourth: object = None) -> str:
    """Make something.

    Args:
        first, second: two of
            them. third: on the same line; fourth: and another.

    Returns:
        ``what`` was made, `first` of all.

    Raises:
        ValueError: never.
    """
    return f"{first}{second}{third}{fourth}"


def forgetful(first: int, *, second: int, third: int) -> None:
    """Forget some.

    Args:
        first: the one. others: not there.
    """


def silent(first: int, second: int, third: int) -> None:
    """Say nothing."""


def test_entries_are_taken_apart_wherever_they_stand() -> None:
    said = taken_apart(inspect.getdoc(made) or "")
    assert [title for title, _ in said.sections] == ["", "Args", "Returns", "Raises"]
    assert said.entries("Args") == [
        (["first", "second"], "two of them."),
        (["third"], "on the same line"),
        (["fourth"], "and another."),
    ]


def test_a_docstring_that_departs_from_its_signature_is_found() -> None:
    assert disagreements(Public("made", made, "here")) == []
    assert disagreements(Public("it", forgetful, "here")) == [
        "it has no others",
        "it lacks second",
        "it lacks third",
    ]
    assert len(disagreements(Public("it", silent, "here"))) == 3


def test_what_is_on_the_page_is_linked() -> None:
    known = links()
    assert (
        markdown("see `gscli.read` and ``not this``", known)
        == "see [`gscli.read`](#gscliread) and `not this`"
    )
    assert markdown("`take`", known, "GaussianCloud") == "[`take`](#gaussiancloudtake)"
    assert markdown("`take`", known) == "`take`"
    assert list(listed([(["a", "b"], "both")], known, "")) == ["- `a`, `b`: both"]
