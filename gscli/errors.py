"""The errors gscli expects, each with the exit code a command ends with.

Anything else that escapes is a bug and keeps its traceback.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

__all__ = ["EngineUnavailable", "GateMissed", "GscliError", "InputError", "UsageError", "WriteRefused"]

_MARKED = re.compile(r"`([a-z_][a-z0-9_]*(?:=[^`]*)?)`")
DISTRIBUTIONS = {
    "PIL": "pillow",
    "faiss": "faiss-cpu",
    "pxr": "usd-core",
}  # what brings a package of another name


def installing(*packages: str) -> str:
    """The command that installs packages, which go by the names they are imported under."""
    return " ".join(["pip install", *(DISTRIBUTIONS.get(package, package) for package in packages)])


def printable(text: str) -> str:
    """Text from a file as a terminal or a page may show it.

    Control characters, those that turn the direction of writing, and stray bytes are escaped.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def spell(text: str, spelt: Callable[[str], str]) -> str:
    """Text with every argument that backticks mark in it as `spelt` writes it."""
    return _MARKED.sub(lambda marked: spelt(marked[1]), text)


class GscliError(Exception):
    """An expected failure, told in one line: ``PATH: what is wrong; what to do``.

    Backticks in `what` and `remedy` mark arguments as Python has them, a name or ``name=value``, which a
    command line spells otherwise.

    Args:
        what: what is wrong, without the path.
        path: the file it is about, if there is one.
        remedy: what the user can do about it.
    """

    exit_code = 1

    def __init__(
        self, what: str, *, path: str | os.PathLike[str] | None = None, remedy: str | None = None
    ) -> None:
        super().__init__(what)
        self.what = what
        self.path = None if path is None else os.fspath(path)
        self.remedy = remedy

    def __str__(self) -> str:
        return self.told(str)

    def told(self, spelt: Callable[[str], str]) -> str:
        """The line, with every argument that it marks, ``seed`` or ``device='cpu'``, as `spelt` writes it."""
        line = "; ".join(part for part in (self.what, self.remedy) if part)
        line = spell(line, spelt)
        line = printable(" ".join(line.split()))
        return line if self.path is None else f"{printable(self.path)}: {line}"


class UsageError(GscliError):
    """An option or argument that cannot be honoured."""

    exit_code = 2


class InputError(GscliError):
    """An input file that is missing, unreadable, malformed or of the wrong kind."""

    exit_code = 3


class WriteRefused(GscliError):
    """A write that would overwrite a file or lose data without leave."""

    exit_code = 4


class EngineUnavailable(GscliError):
    """A device or library that was asked for and is not here."""

    exit_code = 5


class GateMissed(GscliError):
    """A quality limit that the data did not meet."""

    exit_code = 6


@contextmanager
def naming(path: str) -> Iterator[None]:
    """Let errors that name no file name this one, unless it is the machine that lacks something."""
    try:
        yield
    except EngineUnavailable:
        raise
    except GscliError as error:
        error.path = error.path or path
        raise


def did_you_mean(name: object, known: Iterable[str], otherwise: str | None = None) -> str:
    """The remedy for a name that is none of those known: the one most like it, or else all of them.

    >>> did_you_mean("spx", ["ply", "spz"]), did_you_mean("jpeg", ["ply", "spz"])
    ('did you mean spz?', 'choose from ply, spz')
    """
    known = list(known)
    near = most_like(name, known)
    return f"did you mean {near}?" if near else otherwise or f"choose from {', '.join(known) or 'nothing'}"


def most_like(name: object, known: Iterable[str]) -> str | None:
    """The one of those known that a name was probably meant to be, capitals or not."""
    import difflib  # only a failure pays for it

    spelt = {each.lower(): each for each in known}
    near = difflib.get_close_matches(str(name).lower(), spelt, 1)
    return spelt[near[0]] if near else None
