"""Where modules are found, without the current folder: beside the scenes there may lie a numpy.py.

``python -m gscli`` runs this before anything else, so it imports only what is there already.
"""

from __future__ import annotations

import os
import sys

HOME = os.path.abspath(__file__).rsplit(os.sep, 3)[0]  # the folder or zip file that holds gscli


def without_current_folder() -> list[str]:
    """The places where this process finds modules, but for the current folder, unless gscli lives there."""
    places = [
        place
        for place in sys.path
        if isinstance(place, str) and place and (_same(place, HOME) or not _same(place, os.curdir))
    ]
    return places if any(_same(place, HOME) for place in places) else [HOME, *places]


def _same(place: str, other: str) -> bool:
    try:
        return os.path.samestat(os.stat(place), os.stat(other))
    except OSError:
        return False
