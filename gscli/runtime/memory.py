"""Memory of the process that is free, but not yet for others."""

from __future__ import annotations

import ctypes
from contextlib import suppress


def give_back() -> None:
    """Hand what was freed in small pieces, as k-d trees are, back to the system: glibc keeps it otherwise."""
    with suppress(AttributeError, OSError, TypeError):  # other C libraries
        ctypes.CDLL(None).malloc_trim(0)
