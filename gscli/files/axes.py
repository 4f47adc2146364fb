"""Frames of axes by their usual names: in ``rub``, x points to the right, y up and z back.

Clouds are right-down-front here, as 3DGS is trained and PLY stores it. A format whose files are in other
axes turns them on the way in and out.
"""

from __future__ import annotations

from ..errors import UsageError, did_you_mean

WORDS = {"l": "left", "r": "right", "d": "down", "u": "up", "b": "back", "f": "front"}
NAMES = ("ldb", "rdb", "lub", "rub", "ldf", "rdf", "luf", "ruf")
CLOUD = "rdf"


def signs(axes: str, other: str = CLOUD) -> tuple[float, float, float]:
    """What x, y and z are multiplied by from one frame to the other, either way.

    >>> signs("rub")
    (1.0, -1.0, -1.0)
    """
    x, y, z = (1.0 if a == b else -1.0 for a, b in zip(axes, other, strict=True))
    return x, y, z


def described(axes: str) -> str:
    """A frame in words.

    >>> described("rub")
    'right-up-back (rub)'
    """
    return f"{'-'.join(WORDS[letter] for letter in axes)} ({axes})"


def why(said: str | None, asked: str | None) -> str:
    """How the axes of a file are known, which may say them and may have been asked for.

    >>> why(None, "rdf")
    'as asked'
    """
    if said is None:
        return "as asked" if asked else "assumed: the file does not say"
    return "as the file says" + (f": {asked} is for files that do not" if asked not in (None, said) else "")


def require(axes: str | None) -> None:
    """Refuse what names no frame; None is none.

    Raises:
        UsageError: see above.
    """
    if axes is not None and axes not in NAMES:
        remedy = did_you_mean(str(axes), NAMES, f"choose one of {', '.join(NAMES)}")
        raise UsageError(f"`axes` {axes!r} is no frame", remedy=remedy)
