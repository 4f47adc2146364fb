"""The line that sums a report up: a text that knows whether it is good news."""

from __future__ import annotations


class Verdict(str):
    """A line of a summary.

    Attributes:
        good: whether what was asked for holds; None where nothing was.
    """

    good: bool | None

    def __new__(cls, line: str, *, good: bool | None = None) -> Verdict:
        made = super().__new__(cls, line)
        made.good = good
        return made
