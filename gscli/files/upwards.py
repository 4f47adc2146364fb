"""Which way is up in a scene: its names, and how comments of a file tell it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..errors import UsageError, did_you_mean

WAYS = {"x": (1, 0, 0), "y": (0, 1, 0), "z": (0, 0, 1), "-x": (-1, 0, 0), "-y": (0, -1, 0), "-z": (0, 0, -1)}
AUTO = "auto"
NAMES = (AUTO, *WAYS)
_LINE = re.compile(r"\s*up:?\s+\+?(-?[xyz])\s*", re.IGNORECASE)


def require(word: str) -> None:
    """Refuse what is none of `NAMES`.

    Raises:
        UsageError: see above.
    """
    if word not in NAMES:
        remedy = did_you_mean(str(word), NAMES, f"choose one of {', '.join(NAMES)}")
        raise UsageError(f"`up` {word!r} is no direction", remedy=remedy)


def comment(way: str) -> str:
    """The line that tells of a way.

    >>> comment("z")
    'up z'
    """
    return f"up {way}"


def told(comments: Iterable[str]) -> str | None:
    """The way that comments tell, the last of them; None where they do not tell.

    >>> told(["up z"]), told(["turned upside down"])
    ('z', None)
    """
    found = [match[1].lower() for line in comments if (match := _LINE.fullmatch(line))]
    return found[-1] if found else None
