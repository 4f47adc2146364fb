"""The kinds of settings that methods have: how each is checked, reported, and spelled in a comment."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import attrgetter, index
from typing import Any

from ..errors import UsageError
from . import picking


@dataclass(frozen=True)
class Setting:
    """What a field of `gscli.grids.methods.Method` is elsewhere, always under its name.

    Attributes:
        check: from its name and what was given to what is kept; refuses what makes no sense.
        plain: from what is kept to what a report holds, which `check` takes too.
        spell: from what a report holds to a word of a comment. parse: and back, or ValueError.
        needed: why a rule that has it cannot do without it, where there is no default.
        replaces: the settings that are of no effect beside it.
    """

    check: Callable[[str, Any], Any]
    plain: Callable[[Any], Any]
    spell: Callable[[Any], str] = str
    parse: Callable[[str], Any] = str
    needed: str = ""
    replaces: tuple[str, ...] = ()


Metadata = dict[str, Setting]  # of a dataclass field that is a setting


def table(kind: type) -> dict[str, Setting]:
    """The settings among the fields of a dataclass."""
    return {f.name: f.metadata["setting"] for f in fields(kind) if f.metadata}


def share_range() -> Metadata:
    """A range of shares, spelled ``LO:HI`` in comments."""

    def check(name: str, value: Any) -> tuple[float, float]:
        try:
            low, high = value
            spelt = f"{low:g}:{high:g}"
        except (TypeError, ValueError, OverflowError):
            low, high, spelt = math.nan, math.nan, repr(value)
        if not 0.0 <= low <= high <= 1.0:
            raise UsageError(
                f"`{name}` {spelt} is no range within 0 to 1", remedy="give two shares, the lower one first"
            )
        return float(low), float(high)

    return _metadata(
        check,
        list,
        spell=lambda ends: ":".join(map(repr, ends)),
        parse=lambda text: [float(end) for end in text.split(":")],
    )


def whole(*, least: int, needed: str = "") -> Metadata:
    """A whole number."""

    def check(name: str, value: Any) -> int:
        from ..kernels.hashing import is_whole

        if not is_whole(value):
            raise UsageError(f"`{name}` must be an integer between {least} and 2^63 - 1, not {value!r}")
        if not least <= index(value) < 2**63:
            raise UsageError(f"`{name}` must be between {least} and 2^63 - 1, not {value}")
        return index(value)

    return _metadata(check, int, parse=int, needed=needed)


def total(*, replaces: tuple[str, ...] = ()) -> Metadata:
    """How many rows to keep, ``N`` or ``P%``; see `rows_wanted`."""

    def check(name: str, value: Any) -> str:
        rows_wanted(str(value), None)
        return str(value)

    return _metadata(check, str, replaces=replaces)


def column(*names: str) -> Metadata:
    """One of some columns, or none."""

    def check(name: str, value: Any) -> str:
        if value not in names:
            raise UsageError(f"`{name}` must be {' or '.join(map(repr, names))}, not {value!r}")
        return str(value)

    return _metadata(check, str)


def pick() -> Metadata:
    """A pick, given and reported by its name."""
    return _metadata(lambda _, name: picking.pick(name), attrgetter("name"))


def _metadata(*args: Any, **more: Any) -> Metadata:
    return {"setting": Setting(*args, **more)}


def rows_wanted(target: str, points: int | None, name: str = "target") -> int:
    """How many rows a target of ``N`` or ``P%`` asks for: of a share, floor(points P / 100).

    Args:
        points: how many there are; None only checks the spelling.
        name: what messages call the target.

    Raises:
        UsageError: no number, negative, or more than there are.
    """
    percent = target.endswith("%")
    spelling = r"\d{1,18}(\.\d{1,18})?%" if percent else r"\d{1,18}"
    if not re.fullmatch(spelling, target, re.ASCII):
        share = re.fullmatch(r"0?\.\d{1,18}", target, re.ASCII) is not None
        raise UsageError(
            f"`{name}` {target} is neither a number of points nor a percentage",
            remedy=f"write '{float(target) * 100:g}%'" if share else "write N or P%",
        )
    from fractions import Fraction

    number = Fraction(target.removesuffix("%"))
    if percent and number > 100:
        raise UsageError(f"`{name}` {target} is more than everything", remedy="ask for 100% at most")
    if points is None:
        return 0
    rows = math.floor(points * number / 100) if percent else int(number)
    if rows > points:
        raise UsageError(f"`{name}` {target} exceeds the {points:,} points there are", remedy="ask for fewer")
    return rows
