"""Which formats are read and written here, and what they lack: what ``gscli formats`` shows."""

from __future__ import annotations

from dataclasses import dataclass

from . import formats
from .errors import installing


@dataclass(frozen=True)
class Format:
    """One row of the table that ``gscli formats`` shows.

    Attributes:
        name: the format's name, that of its module.
        description: one line.
        suffixes: file name endings, the usual one first.
        can_read: whether it is read.
        can_write: whether it is written.
        lossy: whether writing it always loses precision.
        requires: the packages it needs beyond the core.
        optional: those that only some of its files need.
        missing: those of either that are not installed here.
        install: the command that installs them; empty where nothing is missing.
    """

    name: str
    description: str
    suffixes: tuple[str, ...]
    can_read: bool
    can_write: bool
    lossy: bool
    requires: tuple[str, ...]
    optional: tuple[str, ...]
    missing: tuple[str, ...]
    install: str


def table() -> list[Format]:
    """What can be read and written here, and what is missing, by name."""
    rows = []
    for name in formats.names():
        found = formats.module(name)
        requires, optional = getattr(found, "REQUIRES", ()), getattr(found, "OPTIONAL", ())
        missing = formats.lacking((*requires, *optional))
        rows.append(
            Format(
                name,
                found.DESCRIPTION,
                tuple(found.SUFFIXES),
                hasattr(found, "read"),
                hasattr(found, "write"),
                getattr(found, "LOSSY", False),
                tuple(requires),
                tuple(optional),
                missing,
                installing(*missing) if missing else "",
            )
        )
    return rows
