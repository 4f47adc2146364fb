"""Names of the members of a zip: as they are read, and which of them count."""

from __future__ import annotations

from .zip import UTF8


def readable(name: str, flags: int) -> str:
    """The name of a member: where none is told to be UTF-8, most programs write that all the same."""
    try:
        return name if flags & UTF8 else name.encode("cp437").decode()
    except UnicodeError:
        return name


def is_hidden(name: str) -> bool:
    """Whether it is a folder, or something that an operating system keeps beside files."""
    words = name.split("/")
    hidden = any(word.startswith(".") and word not in (".", "..") for word in words)
    return hidden or not words[-1] or "__MACOSX" in words
