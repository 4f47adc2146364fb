"""Room among the system's temporary files, where a lack of it is no fault of a file that is read."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import GscliError

FAILED = "it is full, or failing"  # where the system's own words are not to be had


@contextmanager
def sought(what: str, path: str | os.PathLike[str] | None = None) -> Iterator[None]:
    """Tell an OSError of what writes temporary files as `lacking` does.

    Args:
        what, path: see there.

    Raises:
        GscliError: no room.
    """
    try:
        yield
    except OSError as error:
        raise lacking(what, error.strerror or str(error), path) from None


def lacking(what: str, reason: str, path: str | os.PathLike[str] | None = None) -> GscliError:
    """The error ``{what} FOLDER ({reason})``, with what to do about it.

    Args:
        what: what cannot be done, and ends in ``to`` or ``in``.
        reason: why.
        path: the file that it was done for, if there is one.
    """
    asked = os.environ.get("TMPDIR")
    try:
        folder = tempfile.gettempdir()
    except OSError:  # none that it knows can be written to
        folder = "a temporary folder"
    remedy = "point TMPDIR at a folder with room"
    if asked and os.path.abspath(asked) != folder:
        remedy += f"; {asked}, where it points now, cannot be written to"
    return GscliError(f"{what} {folder} ({reason})", path=path, remedy=remedy)
