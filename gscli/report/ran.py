"""When and how something was run, as far as whoever shows it was told."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone


@dataclass(frozen=True)
class Ran:
    """A run.

    Attributes:
        command: the words of its command line as they were typed; None of a library's callers.
        when: seconds since 1970; None where it is not to be told.
    """

    command: Sequence[str] | None = None
    when: float | None = None

    @classmethod
    def now(cls, command: Sequence[str] | None = None) -> Ran:
        """A run of this moment, or of the one that SOURCE_DATE_EPOCH tells, for equal pages of equal runs."""
        told = os.environ.get("SOURCE_DATE_EPOCH", "")
        return cls(command, float(told) if told.isdecimal() else time.time())

    def rows(self) -> list[tuple[str, str]]:
        """What is known of it, as pairs of a word and a phrase."""
        found = []
        if self.command is not None:
            found.append(("command", shlex.join(self.command)))
        if self.when is not None:
            try:
                date = datetime.fromtimestamp(self.when, timezone.utc)
            except (ValueError, OverflowError, OSError):  # beyond the calendar
                return found
            found.append(("date", f"{date:%Y-%m-%d %H:%M:%S} UTC"))
        return found
