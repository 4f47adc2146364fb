"""How many bits a file is given, where its format lets one choose."""

from __future__ import annotations

from ..errors import UsageError, did_you_mean

NAMES = ("full", "compact")  # as many as the format holds; as few as its usual writers give it


def require(quality: str | None) -> None:
    """Refuse what is none of `NAMES`.

    Raises:
        UsageError: it is not.
    """
    if quality is not None and quality not in NAMES:
        raise UsageError(f"no quality {quality!r}", remedy=did_you_mean(quality, NAMES))
